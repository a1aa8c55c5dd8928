"""UltraGCN's objective: degrees weigh the edges, and people are pulled to neighbours of items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.losses import weighted_bce
from polyrec.train.objective.rank import Rank
from polyrec.types import Losses, PairBatch, Progress


@dataclass(frozen=True)
class Weights:
    """w1 + w2 b for positives, w3 + w4 b for negatives; what balances the parts."""

    pos: tuple[float, float] = (1e-6, 1.0)
    neg: tuple[float, float] = (1e-6, 1.0)
    negatives: float = 300.0
    items: float = 5e-4


@dataclass(frozen=True, eq=False)
class DegreeWeighted:
    """Logistic terms, each edge weighed by b_ui = (1/d_u) sqrt((d_u + 1) / (d_i + 1)).

    Beside them, for each positive, the person's score of the item's `near` neighbours:
    -items * sum_j w_ij ln sigma(u . j). Sums of the authors' code are means over the batch here;
    with their L2 over all parameters that is `Adam(table_decay=gamma / B, eps=1e-8 / B)`.

    Arguments:
        rank: says who the negatives are; its own loss is not used.
        people: [U + 1] and items: [n + 1], degrees.

    Source: UltraGCN (Mao et al. 2021), eq. 9 to 14, and its code's weights for Gowalla.
    """

    rank: Rank
    people: Tensor
    items: Tensor
    weights: Weights = Weights()
    name: str = "edge"

    def __call__(self, model: nn.Module, batch: PairBatch, progress: Progress) -> Losses:
        scores, encoded, negatives = self.rank.scored(model, batch, progress)
        person, thing = self._factors()
        mine = person[batch.requests.actor]
        (w1, w2), (w3, w4) = self.weights.pos, self.weights.neg
        pos = w1 + w2 * mine * thing[batch.positives]
        here = scores.pos.device
        others = tuple((draw.row.to(here), thing[draw.ids].to(here)) for draw in negatives.draws)
        mine = w4 * mine[:, None].to(here)

        def neg(rows: slice) -> Tensor:
            factors = [of_set[row[rows]] for row, of_set in others]
            factor = factors[0] if len(factors) == 1 else torch.cat(factors, 1)
            return w3 + factor.mul_(mine[rows])

        value = weighted_bce(scores, pos.to(here), neg, self.weights.negatives)
        share = progress.ranks.share(batch.weight)
        extra = dict(encoded.extra)
        if self.weights.items:
            near = self._near(model, encoded.queries[:, 0], batch)
            extra["items"] = self.weights.items * near * share
        return Losses({self.name: value * share}, encoded.meet, extra)

    def logits(self, model: nn.Module, batch: PairBatch, progress: Progress) -> Tensor:
        """What the loss saw, for the report of a failed step."""
        return self.rank.logits(model, batch, progress)

    def _factors(self) -> tuple[Tensor, Tensor]:
        d, e = self.people.float(), self.items.float()
        return (d + 1).sqrt() / d.clamp(min=1), (e + 1).rsqrt()

    def _near(self, model: Any, queries: Tensor, batch: PairBatch) -> Tensor:
        ids, weight = model.near.neighbour[batch.positives], model.near.weight[batch.positives]
        distinct, place = ids.long().unique(return_inverse=True)
        vectors = F.embedding(place, model.items(distinct))  # [B, K, D]
        scores = (vectors * queries[:, None]).sum(2)
        each: Tensor = weight * F.softplus(-scores)
        return each.sum(1).mean()
