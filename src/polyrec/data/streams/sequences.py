"""A stream of whole sequences: one row a person, asked after each of its events."""

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
from polyrec.kernels.ranges import mark, places
from polyrec.kernels.shuffle import shuffled
from polyrec.types import derived_seed


@dataclass(frozen=True)
class Sequences:
    """Each person once an epoch, asked after every one of the last `history` events but the last.

    The history is read once and answers all its questions, so no sequence is expanded into its
    prefixes: a batch has S people and R = sum of their events - S rows. People with fewer than 2
    events are skipped and counted. Source: Kang and McAuley 2018, section III-E.

    Raises:
        ValueError: nobody has 2 events, or a number is out of range.
        KeyError: there is no such column of weights.
    """

    events: Events
    batch_size: int  # people
    history: int
    columns: tuple[str, ...] = ()  # of the log, beside the history
    weight: str | None = None  # column of the target's weight; None = 1

    def __post_init__(self) -> None:
        check_sizes(self.batch_size, self.history, 1)
        if not len(self.users):
            raise ValueError("nobody has 2 events: there is no next one to learn from")
        if self.weight is not None:
            column(self.events, self.weight)  # refused now, not in the first step

    @cached_property
    def users(self) -> I64:
        """[m]: people with an event to be asked after, and one that answers."""
        return np.flatnonzero(self.events.lengths > 1)

    @property
    def skipped(self) -> int:
        """People with one event only."""
        return int((self.events.lengths == 1).sum())

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.users) // self.batch_size)

    @property
    def examples(self) -> int:
        """Questions in an epoch."""
        first, stop = self._stretch(self.users)
        return int((stop - first).sum())

    def batch(self, seed: int, epoch: int, step: int, part: tuple[int, int] = (0, 1)) -> Pairs:
        """The people of `part` = (rank, size) of this batch: the parts together are the batch."""
        at = places_of(step, self.steps, self.batch_size, len(self.users), part)
        users = self._people(seed, epoch, at)
        first, stop = self._stretch(users)
        wanted = places(first + 1, stop + 1)
        weight = np.ones(len(wanted)) if self.weight is None else self._weight(wanted)
        asked = self.events.time[stop] if self.events.clock else None
        found = requests(self.events, Stretch(users, first, stop, asked), self.columns)
        return Pairs(
            requests=found.asked_throughout(),
            positives=torch.from_numpy(self.events.target[wanted].astype(np.int64)),
            weight=torch.from_numpy(weight.astype(np.float32)),
        )

    def target_probability(self, items: int) -> Tensor:
        """[items + 1], float64: the chance that a question's answer is i, exact over an epoch."""
        first, stop = self._stretch(self.users)
        wanted = self.events.target[places(first + 1, stop + 1)]
        return torch.from_numpy(np.bincount(wanted, minlength=items + 1) / len(wanted))

    def coverage(self, seed: int, steps: int) -> NDArray[np.uint8]:
        """One bit an event (numpy.packbits): was it target or history in the first `steps`?"""
        marks = np.zeros(len(self.events), bool)
        for epoch in range(-(-steps // self.steps)):
            here = min(steps - epoch * self.steps, self.steps)
            asked = np.arange(min(here * self.batch_size, len(self.users)))
            first, stop = self._stretch(self._people(seed, epoch, asked))
            mark(marks, first, stop + 1)
        return np.packbits(marks)

    def _people(self, seed: int, epoch: int, at: I64) -> I64:
        return self.users[shuffled(at, len(self.users), derived_seed(seed, epoch, "people"))]

    def _stretch(self, users: I64) -> tuple[I64, I64]:
        """First and stop of what each person is asked after: all but the last event."""
        stop = self.events.start[users + 1] - 1
        return np.maximum(self.events.start[users], stop - self.history), stop

    def _weight(self, wanted: I64) -> NDArray[np.float64]:
        return np.asarray(column(self.events, str(self.weight))[wanted], np.float64)
