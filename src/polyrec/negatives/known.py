"""Negatives that are no known positive of the row's actor: masked, or never drawn."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Tensor

from polyrec.negatives.masks import outside_lists, sequence_of
from polyrec.negatives.source import Drawn, Share, check_count, meet, own_purpose, resized
from polyrec.types import NOTHING, Negatives, PairBatch, Progress, Ragged, Sampler


@dataclass(frozen=True, eq=False)
class MaskKnown:
    """Another sampler's negatives without the actor's known positives, past and to come.

    `mask_history` leaves out what the row has seen; this also leaves out what its actor chooses
    later in the training log, which an unfiltered sampler holds against it. Masked entries never
    enter the loss; what is left keeps its log_q.

    Arguments:
        of: who draws.
        known: [A + 1], the train positives of each actor, row 0 that of nobody; an actor beyond
            knows nothing.
    """

    of: Sampler
    known: Ragged

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives:
        """As pure as the sampler inside."""
        negatives = self.of.sample(batch, progress)
        requests = batch.requests
        actor = torch.where(requests.actor < len(self.known), requests.actor, NOTHING)
        lists = self.known.select(actor)
        draws = tuple(
            replace(draw, valid=draw.valid & outside_lists(draw.ids, draw.row, requests, lists))
            for draw in negatives.draws
        )
        return replace(negatives, draws=draws)


@dataclass(frozen=True, eq=False)
class Unseen:
    """Uniform over the items that the row's actor did not choose, each row its own.

    Nothing is rejected: the r-th unknown item is looked up, so every unknown one is equally
    likely and a row always gets its `count`. BPR's sampler (Rendle et al. 2009) as the graph
    models use it, with one negative an edge.

    Arguments:
        known: [A + 1], the train positives of each actor, row 0 that of nobody; an actor beyond
            knows nothing. An actor who knows all items meets nobody.
    """

    items: int
    known: Ragged
    count: int = 1
    mask_history: bool = False
    _free: Tensor = field(init=False, repr=False)  # [A + 1], items that each does not know
    _start: Tensor = field(init=False, repr=False)  # [A + 2]
    _codes: Tensor = field(init=False, repr=False)  # actor x (n + 1) + known item, ascending
    _skip: Tensor = field(init=False, repr=False)  # the same less the known ones up to it

    share: Share = field(default="row", init=False)
    per_set = True

    def __post_init__(self) -> None:
        check_count(self.count, self.items, unique=False)
        width = self.items + 1
        codes = torch.unique(self.known.row * width + self.known.values)
        codes = codes[codes % width != NOTHING]
        actor = torch.div(codes, width, rounding_mode="floor")
        lengths = torch.bincount(actor, minlength=len(self.known))
        start = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        place = torch.arange(len(codes)) - start[actor]
        object.__setattr__(self, "_free", self.items - lengths)
        object.__setattr__(self, "_start", start)
        object.__setattr__(self, "_codes", codes)
        object.__setattr__(self, "_skip", codes - 1 - place)

    def with_count(self, count: int) -> Self:
        """The same sampler with another number of negatives."""
        return resized(self, count, self.items, unique=False)

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives:
        """Pure in the seed, the stage and the step of `progress`."""
        return meet((self.draw(batch, progress, "negatives"),), batch, progress)

    def draw(self, batch: PairBatch, progress: Progress, purpose: str) -> Drawn:
        """Ids before masking, for `meet`."""
        actor, rows = self._actor(batch), batch.positives.numel()
        free = self._free[actor]
        random = progress.generator(own_purpose(purpose, "row", progress))
        unit = torch.rand(rows, self.count, generator=random, dtype=torch.float64)
        drawn = (unit * free[:, None]).long().clamp(max=(free - 1).clamp(min=0)[:, None])
        key = actor[:, None] * (self.items + 1) + drawn
        below = torch.searchsorted(self._skip, key, right=True) - self._start[actor][:, None]
        some = (free > 0)[:, None]
        ids = torch.where(some, 1 + drawn + below, 1)
        rate = self.count / free.clamp(min=1).double()

        def expected(ids: Tensor, of: Tensor) -> Tensor:
            own, code = rate[of], actor[of] * (self.items + 1) + ids
            place = torch.searchsorted(self._codes, code).clamp(max=max(len(self._codes) - 1, 0))
            met = self._codes[place] == code if len(self._codes) else torch.zeros_like(code) > 0
            return torch.where(met, 0.0, own.expand(code.shape))

        mask = self.mask_history
        return Drawn(ids, torch.arange(rows), expected, some, mask, per_set=True, own=rate)

    def _actor(self, batch: PairBatch) -> Tensor:
        requests = batch.requests
        actor = requests.actor
        if requests.asked is not None:
            actor = actor[sequence_of(requests)]
        return torch.where(actor < len(self.known), actor, NOTHING)
