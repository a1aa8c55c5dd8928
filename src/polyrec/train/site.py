"""Everything one stage works with: its parameters, optimisers, balance and checkpoints."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, cast

import torch
from torch import Tensor, nn

from polyrec.balance import Balance
from polyrec.run import Stored
from polyrec.train.checkpoint import KEPT, Meta, Shelf, State, within
from polyrec.train.record import (
    Groups,
    Journal,
    NonFiniteError,
    Options,
    Window,
    groups_of,
)
from polyrec.train.schedule import best
from polyrec.train.stage import Solve, Stage, describe
from polyrec.types import Progress

Evaluate = Callable[[nn.Module, Progress], Mapping[str, float]]


@dataclass
class Brake:
    """Whether somebody asked to stop: a signal, or the caller's report."""

    pulled: bool = False


@dataclass(frozen=True)
class Fit:
    """What all stages of one training share."""

    model: nn.Module
    stages: Sequence[Stage | Solve]
    evaluate: Evaluate
    progress: Progress
    shelf: Shelf
    journal: Journal
    options: Options
    brake: Brake
    window: Window = field(default_factory=Window)

    def state(self) -> State:
        """What outlives a stage: the model and whatever the stages keep."""
        keeps = {KEPT + name: kept for s in self.stages for name, kept in s.keeps.items()}
        return State({"model": self.model, **keeps})

    def meta(self, done: bool, stopped: str | None = None) -> Meta:
        """What a checkpoint says beside its tensors."""
        seconds, cpu = self.journal.seconds()
        return {
            "progress": self.progress.state(),
            "stage": self.progress.stage,
            "step": self.progress.step,
            "done": done,
            "stopped": stopped,
            "window": {"sums": dict(self.window.sums), "counts": dict(self.window.counts)},
            "plan": describe(list(self.stages)),
            "seconds": seconds,
            "cpu_seconds": cpu,
            "log_bytes": self.journal.size(),
        }


@dataclass
class Site:
    """One stage at work."""

    fit: Fit
    stage: Stage
    trained: list[nn.Parameter]
    shared: list[nn.Parameter]
    groups: Groups
    optimiser: torch.optim.Optimizer
    balance: Balance
    balance_optimiser: torch.optim.Optimizer | None
    paced: list[torch.optim.Optimizer]  # those whose learning rate is the stage's
    unfilled: bool = False  # something that the stage keeps was not in the checkpoint
    saved: tuple[int, Stored] | None = None  # step and file of the latest `last`
    saved_at: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, fit: Fit, stage: Stage) -> Site:
        """Sets a stage up, its optimisers new."""
        named = dict(fit.model.named_parameters())
        trained = _named(named, stage.trains, "trains")
        balance = stage.balance
        own, group = list(balance.parameters()), dict(balance.group)
        optimiser = stage.optim.build(trained)
        second = torch.optim.Adam(own, **cast(Any, group)) if own else None
        return cls(
            fit=fit,
            stage=stage,
            trained=trained,
            shared=_named(named, stage.shared, "shared") if stage.shared else [],
            groups=groups_of(fit.model, trained),
            optimiser=optimiser,
            balance=balance,
            balance_optimiser=second,
            paced=[optimiser, second] if second is not None and "lr" not in group else [optimiser],
        )

    def state(self) -> State:
        """The whole state of this stage's training."""
        optimisers = {"optim": self.optimiser}
        if self.balance_optimiser is not None:
            optimisers["balance_optim"] = self.balance_optimiser
        return State({**self.fit.state().modules, "balance": self.balance}, optimisers)

    def restore(self, tensors: Mapping[str, Tensor], moments: bool) -> None:
        """Takes up a checkpoint of this stage, with its optimisers' moments or new ones."""
        state = self.state()
        kept = [name for name in state.modules if name.startswith(KEPT)]
        self.unfilled = any(not within(tensors, name) for name in kept)
        State(state.modules, state.optimisers if moments else {}).restore(tensors)

    def save(self, stopped: str | None = None, names: Sequence[str] = ("last",)) -> None:
        """Writes `last`, and the same tensors under other names too; the log knows before."""
        fit, step = self.fit, self.fit.progress.step
        if self.saved is None or self.saved[0] != step:
            self._finite()
            self.saved = step, fit.shelf.write("last", self.state().tensors())
            self.saved_at = time.monotonic()
            for name in names:
                log_save(fit, name, self.saved[1].sha256, self.stage.select)
        meta = fit.meta(done=False, stopped=stopped)
        fit.shelf.commit("last", self.saved[1], meta)
        for name in names[1:]:
            fit.shelf.link("last", name, meta)

    def _finite(self) -> None:
        for name, weight in self.fit.model.named_parameters():
            reach = torch.stack(torch.aminmax(weight.detach())) if weight.numel() else weight
            if not bool(torch.isfinite(reach).all()):
                raise NonFiniteError(
                    f"{name} is not finite after step {self.fit.progress.step:,} of stage "
                    f"{self.stage.name}: `last` is kept as it was; lower lr, or set clip=1"
                )


def log_save(fit: Fit, name: str, sha256: str, select: str | None) -> None:
    """A line of kind `save`: which checkpoint, of which step, with which hash and value."""
    top = best(fit.progress, select) if select else None
    value = top.value if top is not None else None
    fit.journal.line("save", fit.progress, {"name": name, "sha256": sha256, "value": value})


@contextmanager
def training_only(model: nn.Module, trained: Sequence[nn.Parameter]) -> Iterator[None]:
    """Within, only these parameters ask for a gradient."""
    wanted = {id(weight) for weight in trained}
    others = [w for w in model.parameters() if w.requires_grad and id(w) not in wanted]
    for weight in others:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in others:
            weight.requires_grad_(True)
        for weight in trained:
            weight.grad = None


@contextmanager
def brakes(brake: Brake) -> Iterator[None]:
    """Within, an interrupt asks for a stop after the step; a second one stops at once."""

    def pull(number: int, frame: object) -> None:
        if brake.pulled:
            raise KeyboardInterrupt
        brake.pulled = True

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {s: signal.signal(s, pull) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def seed_forward(model: nn.Module, seed: int) -> None:
    """Seeds torch's default generator before a forward pass; only the loop does so."""
    if all(weight.device.type == "cpu" for weight in model.parameters()):
        # torch.manual_seed asks after every other kind of device: a millisecond a step
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


@contextmanager
def own_randomness() -> Iterator[None]:
    """Within, torch's default generator is the loop's; afterwards the caller's, as it was."""
    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)


def _named(
    named: Mapping[str, nn.Parameter], prefixes: Sequence[str] | None, field: str
) -> list[nn.Parameter]:
    """Parameters that learn and whose name starts with one of the prefixes (None = all)."""
    for prefix in prefixes or ():
        if not any(_under(name, prefix) for name in named):
            near = get_close_matches(prefix, named, 3, 0)
            raise KeyError(f"{field}: no parameter starts with {prefix!r}; nearest are {near}")
    return [
        weight
        for name, weight in named.items()
        if weight.requires_grad
        and (prefixes is None or any(_under(name, prefix) for prefix in prefixes))
    ]


def _under(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix.rstrip(".") + ".")
