"""Time is data: whatever varies in training is a pure function of progress, so resume is exact.

Places count from 0 within the stage. Plateau and the adaptive margin look at the evaluations so
far (`progress.metrics`): they are folds over them, so they need no memory of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Generic, Literal, TypeVar

from polyrec.types import Progress, Schedule

T = TypeVar("T")
By = Literal["epoch", "step"]
CHANGED = "changed"  # in an evaluation's row: what follows it was trained with other settings


@dataclass(frozen=True)
class Epochs:
    """A span in epochs of the stage's first task; fractions are fine."""

    count: float

    def steps(self, epoch: int) -> int:
        """The span in steps, at least 1; `epoch` = steps of an epoch."""
        return max(1, round(_positive(self.count, "epochs") * epoch))


@dataclass(frozen=True)
class Steps:
    """A span in steps."""

    count: int

    def steps(self, epoch: int) -> int:
        """The span in steps."""
        return int(_positive(self.count, "steps"))


Span = Epochs | Steps


def _positive(count: float, unit: str) -> float:
    if count <= 0:
        raise ValueError(f"a span of {count} {unit}: need more than 0")
    return count


@dataclass(frozen=True)
class Constant(Generic[T]):
    """The same always."""

    value: T

    def __call__(self, progress: Progress) -> T:
        return self.value


@dataclass(frozen=True)
class Linear:
    """From `first` to `last` in even moves over `over` epochs (or steps), then `last`.

    The last value is reached at place `over` - 1, the last epoch of the span.

    >>> [Linear(1, 5, over=5)(Progress(epoch=e)) for e in (0, 2, 4, 9)]
    [1.0, 3.0, 5.0, 5.0]
    """

    first: float
    last: float
    over: int
    by: By = "epoch"

    def __call__(self, progress: Progress) -> float:
        done = min(1.0, _place(progress, self.by) / max(1, self.over - 1))
        return self.first + (self.last - self.first) * done


@dataclass(frozen=True)
class Cosine:
    """From `first` to `last` along half a cosine over `over` epochs (or steps), then `last`."""

    first: float
    last: float
    over: int
    by: By = "epoch"

    def __call__(self, progress: Progress) -> float:
        done = min(1.0, _place(progress, self.by) / max(1, self.over - 1))
        return self.last + (self.first - self.last) * 0.5 * (1 + math.cos(math.pi * done))


@dataclass(frozen=True)
class Geometric:
    """`first` times `ratio` to the epoch (or step): task weights of PLE, exponential decay."""

    first: float
    ratio: float
    by: By = "epoch"

    def __call__(self, progress: Progress) -> float:
        return self.first * float(self.ratio ** _place(progress, self.by))


@dataclass(frozen=True)
class Piecewise(Generic[T]):
    """Constant between starts: ((0, easy), (5, medium), (10, hard)). A curriculum.

    >>> Piecewise(((0, .8), (5, .6)))(Progress(epoch=4))
    0.8

    Raises:
        ValueError: the pieces are not in order or the first does not start at 0.
    """

    pieces: Sequence[tuple[int, T]]
    by: By = "epoch"

    def __post_init__(self) -> None:
        starts = [start for start, _ in self.pieces]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError(f"pieces start at {starts}: need 0 first, then rising")

    def __call__(self, progress: Progress) -> T:
        place = _place(progress, self.by)
        return [value for start, value in self.pieces if start <= place][-1]


@dataclass(frozen=True)
class WarmUp:
    """Rises evenly to `then` over the first `steps` steps; the first step has 1/steps of it."""

    steps: int
    then: Schedule[float]

    def __call__(self, progress: Progress) -> float:
        return self.then(progress) * min(1.0, (progress.step + 1) / self.steps)


@dataclass(frozen=True)
class Rounded:
    """A schedule in whole numbers: the count of negatives."""

    of: Schedule[float]

    def __call__(self, progress: Progress) -> int:
        return round(self.of(progress))


@dataclass(frozen=True)
class Plateau:
    """Multiplied by `factor` after each `patience` evaluations in a row without a new best.

    `metric` with a leading "-" is better when smaller. Never under `low`.
    """

    first: float
    metric: str
    factor: float = 0.5
    patience: int = 5
    low: float = 0.0

    def __call__(self, progress: Progress) -> float:
        value, flat = self.first, 0
        for improved in improvements(progress, self.metric):
            flat = 0 if improved else flat + 1
            if flat == self.patience:
                value, flat = max(value * self.factor, self.low), 0
        return value


@dataclass(frozen=True)
class AdaptiveMargin:
    """A margin that grows while the model keeps up and shrinks when it stalls.

    Each evaluation with a new best adds `up` (at most `high`); each `patience` in a row without
    multiply by `down` (at least `low`). With scores bounded by s on both sides no gap exceeds
    2 s: keep `high` below.
    """

    metric: str
    low: float = 0.5
    high: float = 3.0
    up: float = 0.1
    down: float = 0.9
    patience: int = 3

    def __call__(self, progress: Progress) -> float:
        value, flat = self.low, 0
        for improved in improvements(progress, self.metric):
            flat = 0 if improved else flat + 1
            if improved:
                value = min(value + self.up, self.high)
            elif flat == self.patience:
                value, flat = max(value * self.down, self.low), 0
        return value


@dataclass(frozen=True)
class Best:
    """The best evaluation of a stage so far."""

    value: float
    step: int
    flat: int  # evaluations since


def best(progress: Progress, metric: str) -> Best | None:
    """The stage's best evaluation by `metric`; None before any.

    "-name": smaller is better. "accuracy,-loss": the first decides, the next among its equals.
    Only a strictly better value is a new best; the first evaluation always is one. Training that
    goes on with other settings is not flat yet: `flat` counts from there.
    """
    found, top = None, None
    first = metric.split(",")[0].removeprefix("-")
    for row, worth in zip(_rows(progress), _worths(progress, metric), strict=True):
        if found is None or top is None or worth > top:
            found, top = Best(row[first], row["step"], 0), worth
        else:
            found = Best(found.value, found.step, found.flat + 1)
        if row.get(CHANGED):
            found = Best(found.value, found.step, 0)
    return found


def improvements(progress: Progress, metric: str) -> list[bool]:
    """For each evaluation of the stage, whether it was a new best."""
    top: tuple[float, ...] = ()
    found = []
    for worth in _worths(progress, metric):
        found.append(worth > top)
        top = max(top, worth)
    return found


def _worths(progress: Progress, metric: str) -> list[tuple[float, ...]]:
    """An evaluation's values in the order in which they decide, larger better."""
    rows, names = _rows(progress), metric.split(",")
    for name in (name.removeprefix("-") for name in names):
        if rows and name not in rows[-1]:
            near = get_close_matches(name, rows[-1], 1, 0)
            raise KeyError(f"no evaluation has {name!r}; the nearest is {near[0]!r}")
    return [tuple(_signed(name, row[name.removeprefix("-")]) for name in names) for row in rows]


def _rows(progress: Progress) -> list[dict[str, Any]]:
    return [row for row in progress.metrics if row["stage"] == progress.stage]


def mark_change(progress: Progress) -> None:
    """Notes that training goes on with other settings after the stage's latest evaluation."""
    for row in _rows(progress)[-1:]:
        row[CHANGED] = True


def _signed(metric: str, value: float) -> float:
    return -value if metric.startswith("-") else value


def _place(progress: Progress, by: By) -> int:
    return progress.epoch if by == "epoch" else progress.step
