"""A list that trades a little relevance for categories not yet in it."""

from __future__ import annotations

import torch
from torch import Tensor

from polyrec.recommend.parts import Pooling
from polyrec.types import NOTHING, Ragged, Requests, TopK


class Diverse:
    """Controllable aggregation: each place goes to the largest f + weight x (others' categories).

    f is the model's score and stays on its scale, so `weight` does too; the bonus counts the
    items already chosen that have another category. Candidates are each interest's own best k.
    `weight=0` is the inner list itself. Source: Cen et al. 2020, eq. 10 and algorithm 2.

    An item without a category is a category of its own (the authors' code drops such items);
    `uncategorised` counts them.

    Raises:
        ValueError: weight < 0.
    """

    def __init__(self, inner: Pooling, categories: Tensor, weight: float) -> None:
        """`categories` [n + 1], 0 or less = unknown."""
        if not weight >= 0:
            raise ValueError(f"diversity weight must be >= 0, got {weight}; 0 is the plain list")
        self.inner = inner
        self.weight = weight
        unknown = categories <= 0
        self.uncategorised = int(unknown[1:].sum())
        own = categories.max().clamp(min=0) + 1 + torch.arange(len(categories))
        self.categories = torch.where(unknown, own, categories)

    def recommend(
        self,
        requests: Requests,
        k: int,
        exclude: Ragged | None = None,
        among: Tensor | None = None,
    ) -> TopK:
        """k items in the order they were chosen; scores are f, without the bonus."""
        if self.weight == 0:
            return self.inner.recommend(requests, k, exclude, among)
        pool = self.inner.pool(requests, k, exclude, among)
        weight = self.weight * (pool.why == 0)  # a fallback's scores are on another scale
        places = _greedy(pool.scores, self.categories[pool.ids], weight, k)
        ids, scores = pool.ids.gather(1, places), pool.scores.gather(1, places)
        return TopK(ids.masked_fill(scores == -torch.inf, NOTHING), scores, pool.why)

    def score(self, requests: Requests, ids: Tensor) -> Tensor:
        """[R, M]: the inner scores; diversity belongs to lists."""
        return self.inner.score(requests, ids)


def _greedy(scores: Tensor, categories: Tensor, weight: Tensor, k: int) -> Tensor:
    """[R, k]: places of the pool in the order chosen.

    f + w (chosen of another category) ranks as f - w (chosen of this category).
    """
    left = scores.clone()
    chosen = torch.empty(len(scores), min(k, scores.shape[1]), dtype=torch.int64)
    for place in range(chosen.shape[1]):
        at = left.argmax(1, keepdim=True)
        chosen[:, place] = at[:, 0]
        left.scatter_(1, at, -torch.inf)
        left -= weight[:, None] * (categories == categories.gather(1, at))
    return chosen
