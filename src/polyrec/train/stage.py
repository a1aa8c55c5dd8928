"""What a training consists of: stages of tasks, stages that solve, what stops them, what hooks in.

Two streams with one loss each and one stream with two losses are the same lines; the first task
sets the epoch. A stage starts from the best weights of the one before with a new optimiser: what
must keep its moments is a schedule, not a stage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor, nn

from polyrec.balance import Balance, Equal
from polyrec.train.optim import Adam, Optim
from polyrec.train.schedule import Constant, Span, best
from polyrec.types import Objective, Progress, Schedule, Stream

DEPTH = 9  # levels of a description: down to the sampler of a committee's member
Stop = Callable[[Progress], str | None]  # asked after every evaluation: the reason, or None


@dataclass(frozen=True)
class Task:
    """One stream of batches and what is asked of them."""

    stream: Stream
    objective: Objective


@dataclass(frozen=True)
class Patience:
    """Stops when more than `patience` evaluations in a row brought no new best of `metric`.

    So `patience` 50 stops at the 51st flat evaluation, as the authors' code of ComiRec does.
    """

    metric: str  # "-name": smaller is better
    patience: int

    def __post_init__(self) -> None:
        if self.patience <= 0:
            raise ValueError(f"patience={self.patience}: need at least 1 evaluation")

    def __call__(self, progress: Progress) -> str | None:
        top = best(progress, self.metric)
        if top is None or top.flat <= self.patience:
            return None
        return (
            f"stopped at {progress.step:,}; last improvement {top.step:,}; "
            f"{top.flat} evaluations flat"
        )


@dataclass(frozen=True)
class Hook:
    """What happens now and then before a step, in eval mode and without gradient.

    It runs before steps 0, span, 2 span, ...; what it returns is logged, kind `refresh`.
    """

    span: Span
    do: Callable[[Progress], Mapping[str, float] | None]
    name: str = "refresh"


@dataclass(frozen=True)
class Stage:
    """A stretch of gradient training.

    `judge`: how often to evaluate (and at the end); None = never. `select`: the metric whose best
    evaluation the stage ends with ("-name": smaller is better); None = the last weights.
    `trains`: name prefixes of the parameters that learn; None = all. `shared`: prefixes of those
    that the tasks share, for the exact balances. `clip`: largest norm of the whole gradient.
    `keeps`: what else the state of training consists of (hard caches); saved with the model.
    `epoch_steps`: steps that count as an epoch, where that is no pass over the first stream.
    """

    name: str
    tasks: Sequence[Task]
    length: Span
    lr: Schedule[float] | float = 0.001
    judge: Span | None = None
    select: str | None = None
    optim: Optim = field(default_factory=Adam)
    balance: Balance = field(default_factory=Equal)
    trains: Sequence[str] | None = None
    shared: Sequence[str] = ()
    clip: float | None = None
    stop: Stop | None = None
    hooks: Sequence[Hook] = ()
    keeps: Mapping[str, nn.Module] = field(default_factory=dict)
    epoch_steps: int | None = None

    def __post_init__(self) -> None:
        if not self.tasks:
            raise ValueError(f"stage {self.name!r} has no task: give at least one, or use Solve")
        if self.epoch_steps is not None and self.epoch_steps < 1:
            raise ValueError(f"epoch_steps={self.epoch_steps}: need at least 1, or None")
        if self.clip is not None and self.clip <= 0:
            raise ValueError(f"clip={self.clip}: need more than 0, or None for no clipping")
        if self.judge is None and (self.select or self.stop):
            raise ValueError(f"stage {self.name!r} selects or stops but never judges: set judge")

    @property
    def epoch(self) -> int:
        """Steps of an epoch: `epoch_steps`, or those of the first task's stream."""
        return self.tasks[0].stream.steps if self.epoch_steps is None else self.epoch_steps

    @property
    def steps(self) -> int:
        """Steps of the whole stage, if nothing stops it."""
        return self.length.steps(self.epoch)

    def rate(self, progress: Progress) -> float:
        """The learning rate now."""
        now: Schedule[float] = self.lr if callable(self.lr) else Constant(self.lr)
        return now(progress)


@dataclass(frozen=True)
class Solve:
    """A stage without gradients: closed forms, kernels, what is fitted on validation.

    `do` fills the buffers of the model or of a kept module.
    """

    name: str
    do: Callable[[Progress], None]
    keeps: Mapping[str, nn.Module] = field(default_factory=dict)


def describe(value: object, depth: int = DEPTH) -> Any:
    """JSON values that name a part and its settings: arrays by size, functions by name.

    >>> describe(Patience("recall@50", 20))
    {'is': 'Patience', 'metric': 'recall@50', 'patience': 20}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor | np.ndarray):
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if depth == 0:
        return type(value).__name__
    return _compound(value, depth - 1)


def changes(old: object, new: object, path: str = "") -> dict[str, list[Any]]:
    """Where two descriptions differ: {"stages.0.lr": [old, new]}."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = [*old, *(key for key in new if key not in old)]
        pairs = [(str(key), old.get(key), new.get(key)) for key in keys]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = [(str(i), a, b) for i, (a, b) in enumerate(zip(old, new, strict=True))]
    else:
        return {} if old == new else {path: [old, new]}
    found: dict[str, list[Any]] = {}
    for key, a, b in pairs:
        found |= changes(a, b, f"{path}.{key}" if path else key)
    return found


def _compound(value: object, depth: int) -> Any:
    if isinstance(value, partial):
        return {"is": _name(value.func), **describe(value.keywords, depth), "args": [
            describe(part, depth) for part in value.args]}  # fmt: skip
    if is_dataclass(value) and not isinstance(value, type):
        return _with_settings(value, {f.name: getattr(value, f.name) for f in fields(value)}, depth)
    if isinstance(value, nn.Module):
        settings = (bool, int, float, str, Mapping, tuple)
        shown = {k: v for k, v in vars(value).items() if isinstance(v, settings)}
        shown.pop("training")
        return _with_settings(value, shown, depth)
    if isinstance(value, Mapping):
        return {str(key): describe(part, depth) for key, part in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [describe(part, depth) for part in list(value)[:100]]
    return _name(value)


def _with_settings(value: object, settings: Mapping[str, object], depth: int) -> dict[str, Any]:
    shown = {key: describe(part, depth) for key, part in settings.items() if key[0] != "_"}
    return {"is": type(value).__name__, **shown}


def _name(value: object) -> str:
    return str(getattr(value, "__qualname__", type(value).__name__))
