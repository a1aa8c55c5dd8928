"""Leaves out what a row's actor is known to like, whoever drew it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from polyrec.negatives.masks import outside_lists
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
