"""The embeddings recipe: what each variant learns from, what is read, what goes together."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.experiment.orders import say

from polyrec.models.embedding import EGES, ItemVectors, NodeVectors, Word2Vec
from polyrec.recipes import all_read, compose, recipe
from polyrec.recipes.embeddings import build
from polyrec.recipes.embeddings.config import Config
from polyrec.types import Progress

RECIPE = recipe("embeddings")


def config(variant: str, *flags: str) -> Config:
    told = ("world=retail_tiny", "dim=8", *flags)
    return compose(RECIPE.Config, RECIPE.VARIANTS, variant, None, told).config


@pytest.mark.parametrize(
    ("variant", "kind"),
    [("item2vec", Word2Vec), ("metapath2vec", NodeVectors), ("ges", EGES)],
)
def test_a_variant_is_learnt_by_its_own_kind(variant: str, kind: type) -> None:
    chosen = config(variant)
    made = RECIPE.model(chosen, RECIPE.data(chosen).facts)
    assert isinstance(made, ItemVectors)
    assert isinstance(made.learner, kind)


def test_items_are_the_last_nodes_of_a_graph_with_people() -> None:
    """Vectors of items, not of people, answer; those of people stay with the learner."""
    for variant in ("metapath2vec", "node2vec_bipartite"):
        chosen = config(variant, "walks=1", "walk_length=6")
        split = RECIPE.data(chosen)
        made = RECIPE.model(chosen, split.facts)
        assert isinstance(made, ItemVectors)
        build.solve(chosen, made, split.train, Progress(seed=1))
        learner = made.learner
        assert isinstance(learner, NodeVectors)
        assert len(learner.vectors) == split.facts.actors + split.facts.items
        warm = made.warm[1:]
        assert bool((split.facts.counts[1:][warm] > 0).all())
        assert int(warm.sum()) > 50
        assert torch.equal(made.vectors[1:][warm], learner.vectors[split.facts.actors :][warm])


def test_a_window_foretells_its_word_where_asked() -> None:
    chosen = config("word2vec_cbow", "epochs=1")
    split = RECIPE.data(chosen)
    found = []
    for settings in (chosen, config("word2vec", "epochs=1")):
        made = RECIPE.model(settings, split.facts)
        build.solve(settings, made, split.train, Progress(seed=1))
        assert made.learner.how.architecture == settings.architecture
        found.append(made.vectors)
    assert bool(torch.isfinite(found[0]).all())
    assert not torch.equal(*found)


@pytest.mark.parametrize(
    "variant", ["item2vec", "line2", "eges"], ids=["sets", "drawn edges", "side information"]
)
def test_a_window_is_refused_where_nothing_reads_one(variant: str, tmp_path: Path) -> None:
    told = say(
        "run", "embeddings", "--variant", variant, "--out", tmp_path, "world=retail_tiny",
        "architecture=cbow_mean",
    )  # fmt: skip
    assert told.code == 2
    assert "architecture=cbow_mean changes nothing here" in told.err


def test_shards_are_asked_for_by_name_and_meet_or_not() -> None:
    how = build.training(config("item2vec", "shards=2", "updates=loose"))
    assert (how.shards, how.updates) == (2, "loose")
    with pytest.raises(ValueError, match="updates=loose changes nothing here: only shards above 1"):
        all_read(RECIPE, config("item2vec", "updates=loose"), ["updates"])
    with pytest.raises(ValueError, match="shards=2 changes nothing here: only a model other than"):
        all_read(RECIPE, config("eges", "shards=2"), ["shards"])


def test_sets_hold_each_item_once_and_sentences_keep_order() -> None:
    train = RECIPE.data(config("item2vec")).train
    items = int(train.target.max())
    of = build.corpus(config("item2vec"), train, items)
    rows = [part.tolist() for part in of.values.split(of.lengths.tolist())]
    assert rows == [sorted(set(row)) for row in rows]
    ordered = build.corpus(config("word2vec"), train, items)
    assert ordered.values.tolist() == train.target.tolist()
    cut = build.corpus(config("word2vec_sessions"), train, items)
    assert len(cut) > len(ordered)


def test_forms_widen_the_vector() -> None:
    for variant, width in (("item2vec", 8), ("item2vec_add", 8), ("item2vec_concat", 16)):
        chosen = config(variant)
        made = RECIPE.model(chosen, RECIPE.data(chosen).facts)
        assert isinstance(made, ItemVectors)
        assert made.vectors.shape[1] == width


@pytest.mark.parametrize(
    ("variant", "flag", "needs"),
    [
        ("item2vec", "walks=3", "walks"),
        ("item2vec", "window=3", "reading"),
        ("deepwalk", "negatives=3", "output=negatives"),
        ("deepwalk", "fusion=mean", "model=eges"),
        ("bge", "fusion=mean", "sides"),
        ("node2vec_bipartite", "gap=60", "session"),
        ("eges", "graph=bipartite", "deepwalk"),
    ],
)
def test_a_setting_that_nothing_reads_is_refused(
    variant: str, flag: str, needs: str, tmp_path: Path
) -> None:
    said = say(
        "run", "embeddings", "--variant", variant, "--out", tmp_path, "world=retail_tiny", flag
    )
    assert said.code == 2
    assert needs in said.err


def test_what_does_not_go_together_is_refused() -> None:
    for variant, flag in (("deepwalk", "form=add"), ("eges", "form=concat")):
        chosen = config(variant, flag)
        with pytest.raises(ValueError, match="form="):
            RECIPE.model(chosen, RECIPE.data(chosen).facts)
