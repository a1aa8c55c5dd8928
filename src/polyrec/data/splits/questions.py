"""An evaluation part: what is asked, and what was wanted; histories are gathered when asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyrec.data.batches import Stretch, requests
from polyrec.data.events import JSON, Events, Source
from polyrec.data.facts import Facts
from polyrec.kernels.ranges import packed_ids
from polyrec.types import Ragged, Requests

I64 = NDArray[np.int64]


@dataclass(frozen=True)
class Questions:
    """One row a request. The history of row r is `first[r]:stop[r]` of `events`.

    `dropped` counts what was left out, and why; `columns` of the log travel beside histories.
    """

    events: Events  # the log that histories come from
    key: Tensor  # [R], int64: names the request; the actor's id where each asks once
    at: Stretch  # [R]
    truth: Ragged  # [R], wanted items in order of time, repeats kept
    dropped: Mapping[str, int] = field(default_factory=dict)
    columns: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.key.numel()

    @property
    def cluster(self) -> Tensor:
        """[R]: the unit of independence, the actor."""
        return torch.from_numpy(self.at.actor)

    @cached_property
    def hash(self) -> str:
        """sha256 over keys and truth: two numbers compare only over equal questions."""
        told = hashlib.sha256()
        for part in (self.key, self.truth.start, self.truth.values):
            told.update(np.ascontiguousarray(part.numpy(), "<i8").tobytes())
        return told.hexdigest()

    def requests(self, rows: Tensor) -> Requests:
        """What may be known at the named rows: histories are gathered for these alone."""
        return requests(self.events, self._stretch(rows), self.columns)

    def truth_of(self, rows: Tensor) -> Ragged:
        """What was wanted at the named rows."""
        return self.truth.select(rows)

    def select(self, rows: Tensor) -> Questions:
        """The questions of the named rows."""
        return replace(
            self, key=self.key[rows], at=self._stretch(rows), truth=self.truth.select(rows)
        )

    def sample(self, count: int, seed: int) -> Questions:
        """A fixed random subset of at most `count` rows, in their order."""
        if count >= len(self):
            return self
        shuffle = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        return self.select(shuffle[:count].sort().values)

    def _stretch(self, rows: Tensor) -> Stretch:
        at = rows.numpy()
        asked = None if self.at.asked is None else self.at.asked[at]
        return Stretch(self.at.actor[at], self.at.first[at], self.at.stop[at], asked)


@dataclass(frozen=True)
class Split:
    """Three parts that share no array: nothing of test can be reached from train."""

    train: Events
    valid: Questions
    test: Questions
    how: Mapping[str, JSON]
    facts: Facts
    source: Source

    @cached_property
    def hash(self) -> str:
        """sha256 over the train part, both sets of questions and the vocabulary: the data."""
        told = hashlib.sha256(f"{self.valid.hash} {self.test.hash}".encode())
        told.update(self.facts.vocabs["target"].hash.encode())
        for column in (self.train.actor, self.train.target):
            told.update(np.ascontiguousarray(column, "<i4").tobytes())
        return told.hexdigest()


def ask(events: Events, actor: I64, history: tuple[I64, I64], wanted: tuple[I64, I64]) -> Questions:
    """Questions whose truth, too, is a stretch of the log: history and wanted are (first, stop).

    Rows without anything wanted are left out.
    """
    some = wanted[1] > wanted[0]
    actor, first, stop = actor[some], history[0][some], history[1][some]
    begin, end = wanted[0][some], wanted[1][some]
    values, start = packed_ids(events.target, begin, end)
    asked = events.time[begin] if events.clock else None
    return Questions(
        events=events,
        key=torch.from_numpy(actor.copy()),
        at=Stretch(actor, first, stop, asked),
        truth=Ragged(torch.from_numpy(values), torch.from_numpy(start)),
    )
