"""Training examples, their false negatives, and the score that training and the index share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from polyrec import data
from polyrec.data import Events, Split
from polyrec.kernels.ranges import packed_ids, places
from polyrec.negatives.masks import sequence_of
from polyrec.nn import Cosine, Dot
from polyrec.types import PairBatch, Ragged, Requests

Cuts = data.RandomCut | data.AllCuts


class TrainSettings(Protocol):
    """Settings of examples."""

    @property
    def examples(self) -> Literal["random_cut", "all_cuts"]: ...
    @property
    def batch(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def min_history(self) -> int: ...


class ScoreSettings(Protocol):
    """Settings of the score."""

    @property
    def similarity(self) -> Literal["dot", "cosine"]: ...
    @property
    def temperature(self) -> float: ...
    @property
    def scale(self) -> Literal["one", "learned"]: ...


def stream(settings: TrainSettings, split: Split) -> Cuts:
    """Training examples: one cut a person, or every cut."""
    make = data.RandomCut if settings.examples == "random_cut" else data.AllCuts
    return make(split.train, settings.batch, settings.length, settings.min_history)


@dataclass(frozen=True)
class Later:
    """What each row's person goes on to choose in the log: negatives among it are false ones."""

    events: Events

    def __call__(self, batch: PairBatch) -> Ragged:
        """[B]: targets of the person's events after the row's time; without a clock, of all.

        Where a sequence asks along its events: the answers that follow in it.
        """
        if batch.requests.asked is not None:
            return _following(batch.requests, batch.positives)
        actor = batch.requests.actor.numpy()
        bounds = self.events.start[actor], self.events.start[actor + 1]
        at = Ragged(*map(torch.from_numpy, packed_ids(self.events.target, *bounds)))
        if batch.requests.time is None:
            return at
        kept = torch.from_numpy(self.events.time[places(*bounds)]) > batch.requests.time[at.row]
        lengths = torch.bincount(at.row[kept], minlength=len(at))
        return Ragged(at.values[kept], torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]))


def _following(requests: Requests, positives: Tensor) -> Ragged:
    """[B]: the answers that follow each row's own in its sequence."""
    row = sequence_of(requests)
    first, stop = torch.arange(1, len(row) + 1), torch.searchsorted(row, row, right=True)
    lengths = stop - first
    start = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    at = torch.arange(int(start[-1])) + torch.repeat_interleave(first - start[:-1], lengths)
    return Ragged(positives[at], start)


def similarity(settings: ScoreSettings) -> nn.Module:
    """The score that training and the index share."""
    if settings.similarity == "cosine":
        return Cosine(settings.temperature)
    return Dot(settings.scale)
