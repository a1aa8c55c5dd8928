"""How long a training takes: a few steps of it, timed before anything is decided."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

import torch
from torch import nn

from polyrec.data import Split
from polyrec.experiment.stored import made
from polyrec.recipes import Plan, Recipe
from polyrec.train import (
    Interrupted,
    NonFiniteError,
    Options,
    Solve,
    Stage,
    Steps,
    Tick,
    batch_seed,
    fit,
)
from polyrec.types import Progress

WARM, TIMED, LONGEST = 1, 3, 1.0  # steps, steps, seconds after which none follows
SAMPLE = 4  # batches, to count positives a step


@dataclass(frozen=True)
class Pace:
    """A training's cost in parts; `steps` is what it takes if patience never ends it."""

    step: float  # seconds a step
    steps: int
    evaluations: int
    positives: float  # a step; 0 = it has no steps
    evaluation: float = 0.0  # seconds of one on validation
    judging: float = 0.0  # seconds at the end: valid, test, and what stands beside
    epoch: float = 0.0  # positives of a pass
    start: float = 0.0  # seconds before the first step: the log is read, the model made

    def training(self, share: float = 1.0) -> float:
        """Seconds of training that share of the steps."""
        steps = self.step * self.steps + self.evaluation * self.evaluations
        return self.start + share * steps


@dataclass(frozen=True)
class Built:
    """An untrained model with its plan: proof that the settings fit together."""

    of: Recipe
    config: Any
    split: Split
    model: nn.Module
    plan: Plan

    @property
    def stages(self) -> list[Stage]:
        """Those with steps."""
        return [stage for stage in self.plan.stages if isinstance(stage, Stage)]


def build(of: Recipe, config: Any, split: Split, device: torch.device | None = None) -> Built:
    """Makes model and plan.

    Raises:
        ValueError, MemoryError: the settings do not fit together, or not into memory.
    """
    return Built(of, config, split, *made(of, config, split, device))


def positives(built: Built) -> float:
    """Positives a step of the last stage with steps, mean of a few batches."""
    if not built.stages:
        return 0.0
    stage = built.stages[-1]
    stream = stage.tasks[0].stream
    seed = batch_seed(built.config.seed, stage.name, 0)
    count = min(SAMPLE, stream.steps)
    batches: list[Any] = [stream.batch(seed, 0, step) for step in range(count)]
    return sum(len(batch.positives) for batch in batches) / count


def pace(built: Built) -> Pace:
    """Times some steps; a closed form is solved once, and counts as one step."""
    stages = built.stages
    if not stages:
        began = time.monotonic()
        fit(built.model, built.plan.stages, lambda *_: {}, Progress(seed=built.config.seed))
        return Pace(time.monotonic() - began, 1, 0, 0.0)
    evaluations = sum(s.steps // s.judge.steps(s.epoch) + 1 for s in stages if s.judge)
    steps = sum(stage.steps for stage in stages)
    each = positives(built)
    return Pace(_step_seconds(built), steps, evaluations, each, epoch=each * stages[-1].epoch)


def judged(built: Built) -> tuple[float, float, tuple[str, ...]]:
    """Seconds of an evaluation and of the final judging, and what will be judged."""
    built.model.eval()
    began = time.monotonic()
    built.plan.validate(built.model)
    middle = time.monotonic()
    served = built.of.serve(built.config, built.model, built.split.facts)
    report = built.plan.judge(served, "valid", "untrained")
    beside = 2 + len(built.of.RIVALS)  # on test: the run itself, its rivals, the oracle
    share = 2 + beside * len(built.split.test) / max(len(built.split.valid), 1)
    seconds = (time.monotonic() - middle) * share
    return middle - began, seconds, tuple(report.values)


def _enough(moments: Sequence[float]) -> bool:
    return len(moments) > 2 and moments[-1] - moments[0] > LONGEST


def _step_seconds(built: Built) -> float:
    moments = [time.monotonic()]

    def note(progress: Progress, tick: Tick) -> bool:
        moments.append(time.monotonic())
        return _enough(moments)

    short = dataclasses.replace(
        built.stages[-1], length=Steps(WARM + TIMED), judge=None, select=None, stop=None
    )
    before = [stage for stage in built.plan.stages if isinstance(stage, Solve)]
    solved: Sequence[Stage | Solve] = [*before, short]
    options = Options(report=note)
    try:
        fit(built.model, solved, lambda *_: {}, Progress(seed=built.config.seed), options=options)
    except Interrupted:
        if not _enough(moments):  # somebody's, not ours
            raise
    except NonFiniteError:  # its runs will fail and be counted; here only time counts
        moments.append(time.monotonic())
    spans = [b - a for a, b in pairwise(moments)]
    return median(spans[min(WARM, len(spans) - 1) :])
