"""A setting made by hand is read by something, or refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tests.experiment.orders import say

from polyrec.recipes import RECIPES, all_read, comirec, note, recipe
from polyrec.recipes.comirec import Config
from polyrec.recipes.parts import ClosedForm
from polyrec.train import Solve
from polyrec.types import Progress

UNREAD = (
    ("temperature", Config(temperature=0.1)),
    ("scale", Config(similarity="cosine", scale="learned")),
    ("popular_alpha", Config(popular_alpha=0.5)),
    ("negatives_per_positive", Config(negatives="in_batch", negatives_per_positive=5)),
    ("margin", Config(margin=0.1)),
    ("remi_beta", Config(remi_beta=1.0)),
    ("neighbours", Config(neighbours=9)),
    ("shrink", Config(shrink=1.0)),
    ("l2", Config(l2=9.0)),
    ("hidden", Config(hidden=32)),
    ("interests", Config(model="gru4rec", interests=2)),
    ("adapt", Config(model="youtube_dnn", interests=1, adapt="log2")),
    ("rr_weight", Config(model="youtube_dnn", interests=1, rr_weight=1.0)),
    ("cut", Config(split="time", cut=0.5)),
    ("min_users", Config(k_core=5, min_users=3)),
    ("min_items", Config(k_core=5, min_items=3)),
)


@pytest.mark.parametrize(("key", "config"), UNREAD, ids=[key for key, _ in UNREAD])
def test_a_setting_that_nothing_reads_is_refused(key: str, config: Config) -> None:
    with pytest.raises(ValueError, match=f"{key}=.*changes nothing here: only .* reads it"):
        all_read(comirec, config, [key])


def test_every_rule_is_tried() -> None:
    known = {key for _, config in UNREAD for key in comirec.idle(config)}
    assert known == {key for key, _ in UNREAD}


@pytest.mark.parametrize("variant", comirec.VARIANTS)
def test_a_variant_sets_nothing_in_vain(variant: str) -> None:
    settings = comirec.VARIANTS[variant]
    all_read(comirec, dataclasses.replace(Config(), **settings), settings)


def test_the_command_line_refuses_it_before_anything_is_read(tmp_path: Path) -> None:
    answer = say("run", "comirec", "--out", tmp_path, "world=retail_tiny", "temperature=0.1")
    assert answer.code == 2
    assert "only similarity=cosine reads it" in answer.err
    assert not list(tmp_path.iterdir())


def closed(name: str) -> list[str]:
    """Variants that are solved and not trained."""
    of = recipe(name)
    return [v for v, told in of.VARIANTS.items() if of.passed_over(of.Config(**told))]


SOLVED = [(name, variant) for name in RECIPES for variant in closed(name)]
# looked at to see which columns events are read by, where no model reads any
COLUMNS = {"features", "user_features", "event_features", "codes"}


def test_every_recipe_has_closed_forms() -> None:
    assert {name for name, _ in SOLVED} == set(RECIPES)


@pytest.mark.parametrize(("name", "variant"), SOLVED)
def test_a_closed_form_passes_over_what_only_training_reads(name: str, variant: str) -> None:
    of = recipe(name)
    config = of.Config(**of.VARIANTS[variant])
    passed = of.passed_over(config)
    assert {"lr", "batch"} & {*passed} or name == "embeddings"
    assert not passed & of.idle(config).keys()
    all_read(of, config, passed)  # refused nowhere
    assert "changes nothing here" in note(config, passed, ["lr"])


def test_the_commonest_class_is_the_same_whatever_training_is_told() -> None:
    of, found = recipe("nodes"), []
    for more in ({}, {"lr": 0.5, "hidden": 4, "depth": 3, "dropout": 0.1, "epochs": 7}):
        config = of.Config(**{**of.VARIANTS["majority"], "world": "papers_tiny", **more})
        split = of.data(config)
        model = of.model(config, split.facts)
        plan = of.plan(config, split, model)
        for stage in plan.stages:
            assert isinstance(stage, Solve)
            stage.do(Progress(seed=1))
        found.append(plan.validate(model).values["accuracy"])
    assert found[0] == found[1]


# a network of nodes is wired before it is asked which model it is for
LOGS = [(name, variant) for name, variant in SOLVED if name != "nodes"]


@pytest.mark.parametrize(("name", "variant"), LOGS)
def test_a_closed_form_reads_nothing_that_it_passes_over(name: str, variant: str) -> None:
    of, seen = recipe(name), set[str]()

    class Watched(of.Config):  # type: ignore[misc,name-defined]
        def __getattribute__(self, key: str) -> object:
            seen.add(key)
            return super().__getattribute__(key)

    told = {**of.VARIANTS[variant], "world": "retail_tiny"}
    told |= {"rank": 8} if "rank" in told else {}
    told |= {"split": "random", "fit": "train"} if name == "graphs" else {}
    config = Watched(**told)
    split = of.data(config)
    model = of.model(config, split.facts)
    plan = of.plan(config, split, model)
    for stage in plan.stages:
        assert isinstance(stage, Solve)
        stage.do(Progress(seed=1))
    assert isinstance(model, ClosedForm)
    plan.validate(model)
    read = set(seen)
    assert not (read & of.passed_over(of.Config(**told))) - COLUMNS


def test_the_command_line_says_what_a_closed_form_passes_over(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="dim, loss change nothing here: model=ease is solved"):
        answer = say("run", "sequence", "--out", tmp_path, "world=retail_tiny", "model=ease",
                     "dim=32", "loss=bce", "l2=100")  # fmt: skip
    assert answer.code == 0, answer.err
