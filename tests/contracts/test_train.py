"""Every optimiser, schedule and read-out that is listed keeps its promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.train.toys import DIM, LabelStream, Model, evaluate, label_loss
from torch import nn

from polyrec.run import Run
from polyrec.train import (
    OPTIMS,
    PICKS,
    SCHEDULES,
    AdaptiveMargin,
    Answer,
    Constant,
    Cosine,
    Geometric,
    Interrupted,
    Linear,
    Options,
    Piecewise,
    Plateau,
    Rounded,
    Stage,
    Steps,
    Task,
    WarmUp,
    fit,
)
from polyrec.types import Progress, Schedule

EXAMPLES: dict[str, Schedule[float]] = {
    "constant": Constant(0.3),
    "linear": Linear(1, 0, over=5),
    "cosine": Cosine(1, 0, over=5),
    "geometric": Geometric(1.0, 0.9),
    "piecewise": Piecewise(((0, 1.0), (2, 0.5))),
    "warm_up": WarmUp(10, Constant(1.0)),
    "rounded": Rounded(Linear(1, 5, over=5)),
    "plateau": Plateau(1.0, "m", patience=2),
    "adaptive_margin": AdaptiveMargin("m"),
}
# What each optimiser needs to move the toy at all within a few steps.
RATES = {"adam": 0.05, "lazy_adam": 0.05, "adamw": 0.05, "sgd": 0.5, "adagrad": 0.2}


def train(name: str, model: Model, run: Run | None = None, stop: int = 0) -> list[float]:
    """Twenty steps; the losses on the way."""
    losses: list[float] = []

    def report(progress: Progress, tick: object) -> bool:
        losses.append(progress.losses["click"])
        return progress.step == stop

    task = Task(LabelStream(rows=40), Answer({"click": label_loss}))
    stage = Stage("s", [task], Steps(20), optim=OPTIMS[name](), lr=RATES[name])
    fit(model, [stage], evaluate, Progress(), run, Options(report=report))
    return losses


@pytest.mark.parametrize("name", OPTIMS)
def test_an_optimiser_lowers_the_loss(name: str) -> None:
    losses = train(name, Model(drop=0.0))
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


@pytest.mark.parametrize("name", OPTIMS)
def test_an_optimiser_keeps_its_memory_through_a_resume(name: str, tmp_path: Path) -> None:
    whole, run, again = Model(), Run.create(tmp_path / "run"), Model()
    train(name, whole)
    with pytest.raises(Interrupted):
        train(name, Model(), run, stop=7)
    train(name, again, run)
    assert torch.equal(whole.table, again.table)
    assert torch.equal(whole.head.weight, again.head.weight)


@pytest.mark.parametrize("name", OPTIMS)
def test_an_optimiser_leaves_what_has_no_gradient(name: str) -> None:
    model, start = Model(), Model()
    train(name, model)
    assert torch.equal(model.maps, start.maps)


def at(epoch: int) -> Progress:
    rows = [
        {"stage": "s", "epoch": e, "step": 10 * e + 10, "m": float(e % 3)} for e in range(epoch)
    ]
    return Progress(stage="s", epoch=epoch, step=10 * epoch, metrics=rows)


def test_every_schedule_has_an_example() -> None:
    assert set(EXAMPLES) == set(SCHEDULES)
    assert all(isinstance(EXAMPLES[name], SCHEDULES[name]) for name in SCHEDULES)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_follows_from_progress_that_went_through_json(name: str) -> None:
    for epoch in range(9):
        progress = at(epoch)
        again = Progress.restored(json.loads(json.dumps(progress.state())))
        assert EXAMPLES[name](again) == EXAMPLES[name](progress)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_remembers_nothing(name: str) -> None:
    forward = [EXAMPLES[name](at(epoch)) for epoch in range(9)]
    backward = [EXAMPLES[name](at(epoch)) for epoch in reversed(range(9))]
    assert forward == backward[::-1]


@pytest.mark.parametrize("name", PICKS)
def test_a_read_out_names_an_interest_a_row(name: str) -> None:
    interests = 1 if name == "first" else 3
    queries = torch.randn(7, interests, DIM)
    chosen = PICKS[name](Model(), queries, torch.randn(7, DIM))
    assert chosen.shape == (7,)
    assert chosen.dtype == torch.int64
    assert 0 <= int(chosen.min()) <= int(chosen.max()) < interests


@pytest.mark.parametrize("catalogue", [OPTIMS, PICKS, SCHEDULES])
def test_every_part_has_a_line_that_says_what_it_is(catalogue: dict[str, type[nn.Module]]) -> None:
    assert all((part.__doc__ or "").strip() for part in catalogue.values())
