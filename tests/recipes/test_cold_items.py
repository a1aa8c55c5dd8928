"""Cold start from the recipe: every strategy gives items that nobody has met a place in lists."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import torch
from tests.experiment.orders import say

from polyrec.experiment.stored import stored
from polyrec.models.embedding import ItemVectors
from polyrec.recipes import compose, recipe
from polyrec.recipes.embeddings.config import Cold, Config
from polyrec.recipes.parts import STRATEGIES
from polyrec.types import Progress, Ragged, Requests

RECIPE = recipe("embeddings")
FITTED = ("cluster", "tree")


def config(*flags: str) -> Config:
    told = ("world=retail_tiny", "dim=8", "hide=0.1", *flags)
    return compose(RECIPE.Config, RECIPE.VARIANTS, "eges_without_own", None, told).config


def test_the_setting_names_every_strategy_there_is() -> None:
    assert set(get_args(Cold)) == {"none", "explore", *STRATEGIES}


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_hidden_item_can_be_listed_under_a_strategy_and_learnt_ones_stay(name: str) -> None:
    if name in FITTED:
        pytest.importorskip("sklearn")
    solved = {}
    for cold in ("none", name):
        chosen = config(f"cold={cold}")
        split = RECIPE.data(chosen)
        model = RECIPE.model(chosen, split.facts)
        (stage,) = RECIPE.plan(chosen, split, model).stages
        stage.do(Progress(seed=1))  # type: ignore[union-attr]
        assert isinstance(model, ItemVectors)
        solved[cold] = model
    bare, placed = solved["none"], solved[name]
    wanted = split.test.truth.values.unique()
    assert not bool(bare.warm[wanted].any())
    assert bool(placed.warm[wanted].all())
    assert bool(placed.vectors[wanted].any(1).all())
    assert torch.equal(placed.vectors[bare.warm], bare.vectors[bare.warm])
    assert not bool(placed.placed[bare.warm].any())


def test_train_and_histories_hold_none_of_the_hidden_items() -> None:
    split = RECIPE.data(config())
    wanted = set(split.test.truth.values.tolist())
    assert not wanted & set(split.train.target.tolist())
    asked = split.test.requests(torch.arange(len(split.test)))
    assert not wanted & set(asked.history.values.tolist())
    assert not wanted & set(split.valid.truth.values.tolist())


def test_a_list_keeps_a_place_for_rare_items_but_for_what_is_excluded() -> None:
    chosen = config("cold=explore", "explore=1")
    split = RECIPE.data(chosen)
    model = RECIPE.model(chosen, split.facts)
    rec = RECIPE.serve(chosen, model, split.facts)
    popular = split.facts.counts[1:].argsort(descending=True)[:60] + 1
    asked = Requests(torch.zeros(20, dtype=torch.int64), Ragged.of([[int(popular[0])]] * 20))
    model.fill(torch.randn(model.vectors.shape), split.facts.counts >= 5)  # type: ignore[operator]
    rec = RECIPE.serve(chosen, model, split.facts)
    plain = RECIPE.serve(config(), model, split.facts).recommend(asked, 5)
    found = rec.recommend(asked, 5)
    assert torch.equal(found.ids[:, :-1], plain.ids[:, :-1])
    assert bool((split.facts.counts[found.ids[:, -1]] < 5).all())
    rare = (split.facts.counts < 5).nonzero()[1:, 0].tolist()
    banned = rec.recommend(asked, 5, Ragged.of([rare] * 20))
    assert torch.equal(banned.ids, plain.ids)


def test_the_command_places_new_items_and_says_so(tmp_path: Path) -> None:
    flags = ("world=retail_tiny", "dim=8", "hide=0.1", "cold=side_mean")
    told = say("run", "embeddings", "--variant", "eges", *flags, "--out", tmp_path, "--json")
    assert told.code == 0, told.err
    run = Path(told.json["runs"][0])
    held = stored(run)
    facts = held.facts()
    model = held.model(facts)
    assert isinstance(model, ItemVectors)
    key = facts.vocabs["target"].key(int(model.placed.nonzero()[0, 0]))
    near = say("similar", run, "--id", key, "--json").json
    assert near["from"] == "placed by cold=side_mean"


def test_a_strategy_that_lacks_what_it_needs_is_refused_and_leaves_no_folder(
    tmp_path: Path,
) -> None:
    told = say(
        "run", "embeddings", "world=retail_tiny", "dim=8", "cold=features", "--out", tmp_path
    )
    assert told.code == 2
    assert "eges_without_own" in told.err
    assert not list(tmp_path.iterdir())
