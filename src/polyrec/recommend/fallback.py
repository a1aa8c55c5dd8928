"""What to say to somebody of whom nothing is known: the most popular items, and why."""

from __future__ import annotations

import torch
from torch import Tensor

from polyrec import index
from polyrec.models import popularity
from polyrec.recommend.parts import NO_HISTORY, Pooling, without_history
from polyrec.types import NOTHING, Ragged, Requests, TopK


class Fallback:
    """Asks the inner recommender; requests without history get the most popular items.

    `why` is 1 in their rows, and a score is the number of items that are less popular.
    """

    def __init__(self, inner: Pooling, counts: Tensor) -> None:
        """`counts` [n + 1]: events of each item in training."""
        self.inner = inner
        self.popular = popularity(counts)

    def recommend(
        self,
        requests: Requests,
        k: int,
        exclude: Ragged | None = None,
        among: Tensor | None = None,
    ) -> TopK:
        """The inner lists, and popular ones where there is no history."""
        found = self.inner.recommend(requests, k, exclude, among)
        return filled(found, without_history(requests), self.popular, exclude, among)

    def pool(
        self,
        requests: Requests,
        k: int,
        exclude: Ragged | None = None,
        among: Tensor | None = None,
    ) -> TopK:
        """The inner candidates, and popular ones where there is no history."""
        found = self.inner.pool(requests, k, exclude, among)
        return filled(found, without_history(requests), self.popular, exclude, among)

    def ranks(self, requests: Requests, truth: Ragged, exclude: Ragged | None = None) -> Tensor:
        """[sum]: the inner places, and those by popularity where there is no history."""
        found = self.inner.ranks(requests, truth, exclude)
        return placed(found, without_history(requests), self.popular, truth, exclude)

    def score(self, requests: Requests, ids: Tensor) -> Tensor:
        """[R, M]: the inner scores, and popularity where there is no history."""
        scores = self.inner.score(requests, ids)
        popular = self.popular[ids].masked_fill(ids == NOTHING, -torch.inf)
        return torch.where(without_history(requests)[:, None], popular, scores)


def filled(
    found: TopK,
    bare: Tensor,
    popular: Tensor | None,
    exclude: Ragged | None,
    among: Tensor | None,
) -> TopK:
    """`found` with popular lists in the rows `bare` [R]; empty lists without a popularity."""
    if not bool(bare.any()):
        return found
    rows = bare.nonzero()[:, 0]
    ids, scores, why = found.ids.clone(), found.scores.clone(), found.why.clone()
    why[rows] = NO_HISTORY
    ids[rows], scores[rows] = NOTHING, -torch.inf
    if popular is not None:
        ban = None if exclude is None else exclude.select(rows)
        every = popular[:, None]  # one number an item is a vector of width 1
        ask = torch.ones(len(rows), 1, 1)
        ids[rows], scores[rows] = index.top(ask, every, ids.shape[1], ban, among)
    return TopK(ids, scores, why)


def placed(
    found: Tensor, bare: Tensor, popular: Tensor | None, truth: Ragged, exclude: Ragged | None
) -> Tensor:
    """`found` [sum] with places by popularity in the rows `bare` [R]; 0 without a popularity."""
    if not bool(bare.any()):
        return found
    rows = bare.nonzero()[:, 0]
    out, mine = found.clone(), bare[truth.row]
    out[mine] = 0
    if popular is not None:
        ban = None if exclude is None else exclude.select(rows)
        ask = torch.ones(len(rows), 1, 1)
        out[mine] = index.ranks(ask, popular[:, None], truth.select(rows), ban)
    return out
