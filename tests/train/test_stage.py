"""What a stage is made of, and what it says of itself."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from tests.train.toys import curriculum, famo, margin

from polyrec.train import Epochs, LazyAdam, Patience, Stage, describe
from polyrec.train.stage import changes
from polyrec.types import Progress


def flat_since(best_step: int, step: int) -> Progress:
    """An evaluation each thousand steps, the best at `best_step`."""
    rows = [
        {"stage": "s", "epoch": 0, "step": at, "recall@50": 1.0 if at == best_step else 0.5}
        for at in range(1_000, step + 1, 1_000)
    ]
    return Progress(stage="s", step=step, metrics=rows)


def test_patience_stops_at_the_first_evaluation_beyond_it_and_says_why() -> None:
    stop = Patience("recall@50", 50)
    assert stop(flat_since(233_000, 283_000)) is None
    said = "stopped at 284,000; last improvement 233,000; 51 evaluations flat"
    assert stop(flat_since(233_000, 284_000)) == said


@pytest.mark.parametrize("patience", [0, -1])
def test_patience_needs_an_evaluation(patience: int) -> None:
    with pytest.raises(ValueError, match="need at least 1"):
        Patience("m", patience)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tasks": []}, "no task"),
        ({"clip": 0.0}, "clip=0.0"),
        ({"judge": None}, "never judges"),
    ],
)
def test_a_stage_that_cannot_work_is_refused(fields: dict[str, object], said: str) -> None:
    stage = famo().stages[0]
    assert isinstance(stage, Stage)
    with pytest.raises(ValueError, match=said):
        replace(stage, **fields)


def test_the_first_task_sets_the_epoch() -> None:
    stage = curriculum().stages[1]
    assert isinstance(stage, Stage)
    assert stage.epoch == 5
    assert replace(stage, length=Epochs(2)).steps == 10


def test_a_description_names_parts_and_settings() -> None:
    assert describe(partial(margin, width=0.5)) == {"is": "margin", "width": 0.5, "args": []}
    assert describe(LazyAdam(eps=1e-7))["eps"] == 1e-7


def test_two_makings_of_the_same_plan_are_described_alike() -> None:
    assert describe(curriculum().stages) == describe(curriculum().stages)


def test_changes_name_the_place_and_both_values() -> None:
    old = describe([Patience("m", 50)])
    assert changes(old, describe([Patience("m", 100)])) == {"0.patience": [50, 100]}
