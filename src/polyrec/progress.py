"""Where training stands, and the randomness that follows from it alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Generator, Tensor


class Ranks(Protocol):
    """The processes that train together."""

    @property
    def rank(self) -> int: ...
    @property
    def size(self) -> int: ...
    def gather(self, x: Tensor) -> Tensor: ...  # [B, ...] -> [size * B, ...]
    def mean(self, grads: Sequence[Tensor]) -> None: ...  # averages in place
    def share(self, weight: Tensor) -> float: ...  # this rank's part of the total, times size


@dataclass(frozen=True)
class Alone:
    """One process: identities and 1."""

    rank: int = 0
    size: int = 1

    def gather(self, x: Tensor) -> Tensor:
        return x

    def mean(self, grads: Sequence[Tensor]) -> None:
        return None

    def share(self, weight: Tensor) -> float:
        return 1.0


def derived_seed(*parts: object) -> int:
    """A 63-bit seed, pure in its parts and the same on every machine and in every process."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


@dataclass
class Progress:
    """Where training stands. Whatever varies in training is a pure function of it.

    `epoch` and `step` count within the stage. `losses` are the latest ones of each task;
    `metrics` holds every evaluation of this run, oldest first, each with "stage", "epoch" and
    "step" beside its values. Everything but `ranks`, the notes and who `hears` survives JSON.
    """

    seed: int = 0
    stage: str = ""
    epoch: int = 0
    step: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    ranks: Ranks = field(default_factory=Alone)
    notes: dict[str, float] = field(default_factory=dict)
    later: dict[str, Callable[[], float | Tensor]] = field(default_factory=dict, repr=False)
    hears: Callable[[float], None] | None = field(default=None, repr=False, compare=False)

    def seed_of(self, purpose: str) -> int:
        """The seed of one purpose at this step."""
        return derived_seed(self.seed, self.stage, self.step, purpose)

    def generator(self, purpose: str) -> Generator:
        """A fresh generator, pure in (seed, stage, step, purpose)."""
        return torch.Generator().manual_seed(self.seed_of(purpose))

    def note(self, name: str, value: float | Tensor | Callable[[], float | Tensor]) -> None:
        """Leaves a number for the log of this step: a weight, a fill rate, a share.

        A closure is called only where the step is logged: for numbers that cost time.
        """
        if callable(value):
            self.later[name] = value
        else:
            self.notes[name] = float(value)

    def done(self, part: float) -> None:
        """Tells whoever waits which part, up to 1, of a stage without steps is done."""
        if self.hears is not None:
            self.hears(part)

    def noted(self) -> dict[str, float]:
        """Every number left since the last `forget`, closures called."""
        return {**self.notes, **{name: float(number()) for name, number in self.later.items()}}

    def forget(self) -> None:
        """Clears the notes: the loop does so before every step."""
        self.notes.clear()
        self.later.clear()

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, as JSON values."""
        return {
            "seed": self.seed,
            "stage": self.stage,
            "epoch": self.epoch,
            "step": self.step,
            "losses": dict(self.losses),
            "metrics": [dict(row) for row in self.metrics],
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any], ranks: Ranks | None = None) -> Progress:
        """The inverse of `state`."""
        return cls(**state, ranks=ranks or Alone())
