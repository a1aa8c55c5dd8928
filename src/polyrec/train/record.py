"""What training writes down: lines of the log, sizes of gradients and moves, where time went."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from polyrec.run import Run
from polyrec.types import Objective, Progress

Groups = Mapping[str, Sequence[nn.Parameter]]
Mark = tuple[nn.Parameter, Tensor | None, Tensor]  # weight, touched rows, their values before


class Interrupted(KeyboardInterrupt):
    """Training was asked to stop; `last` holds the state after the step it names."""


class NonFiniteError(ValueError):
    """A loss or a weight is NaN or infinite; `last` is kept as it was."""


@dataclass(frozen=True)
class Tick:
    """Where training stands, for a progress bar: given after every step."""

    stage: str
    place: tuple[int, int]  # this stage of how many, from 1
    step: int
    steps: int  # of the whole stage, if nothing stops it
    rate: float  # steps a second, in this process
    evaluated: Mapping[str, float] | None  # if this step was judged

    @property
    def left(self) -> float:
        """Seconds to the end of the stage at this rate."""
        return (self.steps - self.step) / self.rate if self.rate else math.inf


Report = Callable[[Progress, Tick], bool | None]


@dataclass(frozen=True)
class Options:
    """How a training is recorded, watched and resumed; nothing here changes its result.

    `report` is called after every step; a true answer stops as an interrupt does. `save_seconds`:
    the longest time between saves of `last` (a new best saves too). `judged`: what each line
    of kind `eval` says of the part that was judged (part, hash, size). `moments`: whether a
    resumed stage goes on with its optimiser's moments (`reset`: with new ones).
    """

    log_every: int = 100
    save_seconds: float = 300.0
    report: Report | None = None
    judged: Mapping[str, str | int] = field(default_factory=dict)
    moments: Literal["kept", "reset"] = "kept"

    def __post_init__(self) -> None:
        if self.log_every <= 0:
            raise ValueError(f"log_every={self.log_every}: need at least 1 step")


@dataclass
class Journal:
    """Writes lines with their place and time; silent without a run and in all processes but one."""

    run: Run | None
    seconds_before: float = 0.0
    cpu_before: float = 0.0
    _wall: float = field(default_factory=time.monotonic)
    _cpu: float = field(default_factory=time.process_time)

    def seconds(self) -> tuple[float, float]:
        """Wall and processor seconds of the training, those before a resume included."""
        wall = self.seconds_before + time.monotonic() - self._wall
        return wall, self.cpu_before + time.process_time() - self._cpu

    def line(self, kind: str, progress: Progress, fields: Mapping[str, object]) -> None:
        """Appends one line."""
        if self.run is not None:
            wall, cpu = self.seconds()
            place = {"stage": progress.stage, "epoch": progress.epoch, "step": progress.step}
            times = {"seconds": round(wall, 3), "cpu_seconds": round(cpu, 3)}
            self.run.log(kind, {**place, **times, **fields})

    def size(self) -> int:
        """Bytes of the log."""
        return self.run.log_size() if self.run is not None else 0


def comes_again(line: Mapping[str, Any]) -> bool:
    """Whether a resumed run writes this line anew: what the loop and its evaluations write.

    Other readings of valid or test stay, and so do resumes and losses that were not finite.
    """
    own = line.get("kind") in ("train", "eval", "save", "refresh", "solve", "stop")
    return own or (line.get("kind") == "read" and line.get("purpose") == "select")


@dataclass
class TensorBoard:
    """Shows a run's log in TensorBoard, during the run or after it; the log stays the record.

    Raises:
        ModuleNotFoundError: tensorboard is not installed.
    """

    run: Run
    folder: Path
    lines: int = 0  # of the log, shown so far

    def follow(self) -> int:
        """Shows what was logged since the last call; returns how many lines."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            remedy = "pip install 'polyrec[tensorboard]'"
            raise ModuleNotFoundError(f"tensorboard is not installed: {remedy}") from error
        new = self.run.lines()[self.lines :]
        writer = SummaryWriter(str(self.folder))
        for line in (line for line in new if "step" in line):
            for name, value in _scalars(line):
                writer.add_scalar(f"{line['kind']}/{name}", value, line["step"])
        writer.close()
        self.lines += len(new)
        return len(new)


def _scalars(line: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, float]]:
    for key, value in line.items():
        if isinstance(value, Mapping):
            yield from _scalars(value, f"{path}{key}/")
        elif isinstance(value, int | float) and not isinstance(value, bool) and key != "step":
            yield f"{path}{key}", float(value)


@dataclass
class Window:
    """Mean losses since the last line; part of the checkpoint, so lines survive a resume."""

    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, losses: Mapping[str, float]) -> None:
        """Takes one step's losses."""
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def take(self) -> dict[str, float]:
        """The means; the window starts anew."""
        means = {name: self.sums[name] / self.counts[name] for name in self.sums}
        self.sums.clear()
        self.counts.clear()
        return means


def groups_of(module: nn.Module, trained: Sequence[nn.Parameter]) -> dict[str, list[nn.Parameter]]:
    """Trained parameters by the module that owns them: "items", "encoder.0.attention"."""
    wanted, found = {id(weight) for weight in trained}, dict[str, list[nn.Parameter]]()
    for name, weight in module.named_parameters():
        if id(weight) in wanted:
            found.setdefault(name.rpartition(".")[0] or name, []).append(weight)
    return found


def gradient_norms(groups: Groups) -> dict[str, float]:
    """The length of each group's gradient; 0 where there is none."""
    return {name: _length([_grad(weight) for weight in part]) for name, part in groups.items()}


def marks(groups: Groups) -> dict[str, list[Mark]]:
    """Values before the step: whole parameters, of tables the touched rows only."""
    return {name: [_mark(weight) for weight in part] for name, part in groups.items()}


def moves(before: Mapping[str, Sequence[Mark]]) -> dict[str, float]:
    """How far each group moved, relative to its length before: update / weight."""
    found = {}
    for name, part in before.items():
        moved = _length([_touched(weight, rows) - old for weight, rows, old in part])
        found[name] = moved / max(_length([old for _, _, old in part]), 1e-30)
    return found


def notes_by_kind(progress: Progress) -> dict[str, Any]:
    """Notes "kind/name" as {kind: {name: value}}; others as they are."""
    found: dict[str, Any] = {}
    for name, value in progress.noted().items():
        kind, _, rest = name.partition("/")
        if rest:
            found.setdefault(kind, {})[rest] = value
        else:
            found[name] = value
    return found


def worst_row(
    objective: Objective, model: nn.Module, batch: Any, progress: Progress
) -> dict[str, float | int | None]:
    """Of a step whose loss is not finite: the row to look at and the largest finite logit."""
    seen = getattr(objective, "logits", None)
    logits = None if seen is None else seen(model, batch, progress)
    if logits is None or logits.numel() == 0:
        return {"row": None, "largest_logit": None}
    size = logits.detach().abs().reshape(len(logits), -1)
    broken = ~size.isfinite()
    largest = size.masked_fill(broken, 0)
    row = broken.any(1).int().argmax() if broken.any() else largest.amax(1).argmax()
    return {"row": int(row), "largest_logit": float(largest.max())}


@torch.no_grad()
def _mark(weight: nn.Parameter) -> Mark:
    grad = weight.grad
    rows = torch.unique(grad._indices()[0]) if grad is not None and grad.is_sparse else None
    return weight, rows, _touched(weight, rows).clone()


@torch.no_grad()
def _touched(weight: nn.Parameter, rows: Tensor | None) -> Tensor:
    return weight.detach() if rows is None else weight.detach()[rows]


def _grad(weight: nn.Parameter) -> Tensor:
    if weight.grad is None:
        return weight.new_zeros(1)
    return weight.grad.coalesce()._values() if weight.grad.is_sparse else weight.grad


def _length(parts: Sequence[Tensor]) -> float:
    return math.sqrt(sum(float(part.double().square().sum()) for part in parts))
