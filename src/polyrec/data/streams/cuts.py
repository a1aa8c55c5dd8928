"""Streams of single examples: one cut a person, or every cut."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyrec.data.batches import Pairs, Stretch, column, requests
from polyrec.data.events import Events
from polyrec.data.streams.order import I64, check_sizes, places_of
from polyrec.kernels.ranges import mark
from polyrec.kernels.shuffle import shuffled, words
from polyrec.types import derived_seed


@dataclass(frozen=True)
class RandomCut:
    """One example a user and epoch, cut at a random place: users count alike, however long.

    Users come without replacement inside an epoch; the target is seq[k] with k uniform in
    {minimum, …, len - 1}, the history the last `history` events before it. Users with
    fewer than `minimum` + 1 events are skipped and counted. The last batch of an epoch is short.
    Source: ComiRec's published training loop, with a shuffle in place of sampling.

    Raises:
        ValueError: no user is long enough, or a number is out of range.
    """

    events: Events
    batch_size: int
    history: int
    minimum: int = 4
    columns: tuple[str, ...] = ()  # of the log, beside the history
    weight: str | None = None  # column of the target's weight; None = 1

    def __post_init__(self) -> None:
        check_sizes(self.batch_size, self.history, self.minimum)
        if not len(self.users):
            raise ValueError(
                f"no user has {self.minimum + 1} events (the longest has "
                f"{int(self.events.lengths.max(initial=0))}): lower minimum={self.minimum}"
            )

    @cached_property
    def users(self) -> I64:
        """[m]: the users long enough to be cut."""
        return np.flatnonzero(self.events.lengths > self.minimum)

    @property
    def skipped(self) -> int:
        """Users with events, but too few."""
        return int((self.events.lengths > 0).sum()) - len(self.users)

    @property
    def steps(self) -> int:
        """Batches in an epoch, in which every user answers once."""
        return -(-len(self.users) // self.batch_size)

    def batch(self, seed: int, epoch: int, step: int, part: tuple[int, int] = (0, 1)) -> Pairs:
        """The rows of `part` = (rank, size) of this batch: the parts together are the batch."""
        places = places_of(step, self.steps, self.batch_size, len(self.users), part)
        return _pairs(self, *self._cut(seed, epoch, places))

    def target_probability(self, items: int) -> Tensor:
        """[items + 1], float64: the chance that an example's target is i, exact over epochs."""
        room = np.zeros(self.events.actors + 1)
        room[self.users] = 1.0 / (self.events.lengths[self.users] - self.minimum)
        weight = room[self.events.actor] * (_position(self.events) >= self.minimum)
        drawn = np.bincount(self.events.target, weight / len(self.users), minlength=items + 1)
        return torch.from_numpy(drawn)

    def coverage(self, seed: int, steps: int) -> NDArray[np.uint8]:
        """One bit an event (numpy.packbits): was it target or history in the first `steps`?"""
        return _coverage(self, seed, steps, len(self.users))

    def _cut(self, seed: int, epoch: int, places: I64) -> tuple[I64, I64]:
        users = self.users[shuffled(places, len(self.users), derived_seed(seed, epoch, "users"))]
        first, stop = self.events.start[users], self.events.start[users + 1]
        room = (stop - first - self.minimum).astype(np.uint64)
        drawn = words(derived_seed(seed, epoch, "cut"), users) % room
        return users, first + self.minimum + drawn.astype(np.int64)


@dataclass(frozen=True)
class AllCuts:
    """Every event from the `minimum`-th on is a target once an epoch: events count alike.

    Examples are numbered, never stored: place p of the shuffled order is one (user, cut).

    Raises:
        ValueError: no user is long enough, or a number is out of range.
    """

    events: Events
    batch_size: int
    history: int
    minimum: int = 1
    columns: tuple[str, ...] = ()
    weight: str | None = None

    def __post_init__(self) -> None:
        check_sizes(self.batch_size, self.history, self.minimum)
        if not self.examples:
            raise ValueError(
                f"no user has {self.minimum + 1} events (the longest has "
                f"{int(self.events.lengths.max(initial=0))}): lower minimum={self.minimum}"
            )

    @cached_property
    def _before(self) -> I64:
        """[actors + 2]: examples of all users before each."""
        room = np.maximum(self.events.lengths - self.minimum, 0)
        return np.concatenate([[0], np.cumsum(room)])

    @property
    def examples(self) -> int:
        """Examples in an epoch."""
        return int(self._before[-1])

    @property
    def skipped(self) -> int:
        """Users with events, but too few."""
        lengths = self.events.lengths
        return int(((lengths > 0) & (lengths <= self.minimum)).sum())

    @property
    def steps(self) -> int:
        """Batches in an epoch, in which every example occurs once."""
        return -(-self.examples // self.batch_size)

    def batch(self, seed: int, epoch: int, step: int, part: tuple[int, int] = (0, 1)) -> Pairs:
        """The rows of `part` = (rank, size) of this batch: the parts together are the batch."""
        places = places_of(step, self.steps, self.batch_size, self.examples, part)
        return _pairs(self, *self._cut(seed, epoch, places))

    def target_probability(self, items: int) -> Tensor:
        """[items + 1], float64: the chance that an example's target is i, exact over an epoch."""
        late = _position(self.events) >= self.minimum
        drawn = np.bincount(self.events.target[late], minlength=items + 1)
        return torch.from_numpy(drawn / self.examples)

    def coverage(self, seed: int, steps: int) -> NDArray[np.uint8]:
        """One bit an event (numpy.packbits): was it target or history in the first `steps`?"""
        return _coverage(self, seed, steps, self.examples)

    def _cut(self, seed: int, epoch: int, places: I64) -> tuple[I64, I64]:
        number = shuffled(places, self.examples, derived_seed(seed, epoch, "examples"))
        users = np.searchsorted(self._before, number, side="right") - 1
        return users, self.events.start[users] + self.minimum + number - self._before[users]


def _pairs(stream: RandomCut | AllCuts, users: I64, cut: I64) -> Pairs:
    events = stream.events
    at = Stretch(
        actor=users,
        first=np.maximum(events.start[users], cut - stream.history),
        stop=cut,
        asked=events.time[cut] if events.clock else None,
    )
    held = np.ones(len(cut)) if stream.weight is None else column(events, stream.weight)[cut]
    return Pairs(
        requests=requests(events, at, stream.columns),
        positives=torch.from_numpy(events.target[cut].astype(np.int64)),
        weight=torch.from_numpy(held.astype(np.float32)),
    )


def _position(events: Events) -> I64:
    """[E]: the place of each event inside its actor's sequence, from 0."""
    return np.arange(len(events)) - events.start[events.actor]


def _coverage(stream: RandomCut | AllCuts, seed: int, steps: int, size: int) -> NDArray[np.uint8]:
    marks = np.zeros(len(stream.events), bool)
    for epoch in range(-(-steps // stream.steps)):
        here = min(steps - epoch * stream.steps, stream.steps)
        users, cut = stream._cut(seed, epoch, np.arange(min(here * stream.batch_size, size)))
        mark(marks, np.maximum(stream.events.start[users], cut - stream.history), cut + 1)
    return np.packbits(marks)
