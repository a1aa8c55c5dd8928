"""What each ranking metric is: its words, its version, its arithmetic.

A metric gives one value a request; the value of a run is their mean (or, where the averaging is
pooled, the ratio of two sums). h_j = 1 where rank j is a hit, n = distinct wanted items,
g(j) = 1 / log2(j + 1).

Letters: R requests, k list places, H hits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from polyrec.metrics.ranked import Hits, hits
from polyrec.types import Metric, Ragged, Ranked

Range = Literal["zero-one", "unit", "free"]  # only 0 and 1, anything between, anything


@dataclass(frozen=True)
class Parts:
    """A request's share of a metric: a value is sum(top) / sum(bottom)."""

    top: Tensor  # [R], float64
    bottom: Tensor  # [R], float64; 1 everywhere = a mean over requests, 0 = not defined there


@dataclass(frozen=True)
class Formula:
    """One definition of one metric. `parts` turns hits into a numerator and a denominator."""

    name: str
    text: str
    parts: Callable[[Hits], Parts]
    range: Range = "unit"
    averaging: Literal["request", "pooled"] = "request"
    version: int = 1

    @property
    def id(self) -> str:
        """Name and version, as a passport carries it."""
        return f"{self.name}/{self.version}"

    def __call__(self, ranked: Ranked, k: int) -> Tensor:
        """[R]: a value for each request; their mean is the metric."""
        return contributions(self.parts(hits(ranked, k)))

    def at(self, k: int) -> Metric:
        """The metric with its k settled."""
        return lambda ranked: self(ranked, k)


def contributions(parts: Parts) -> Tensor:
    """[R]: values whose mean is sum(top) / sum(bottom) and whose spread is that ratio's.

    For a mean over requests these are the values themselves; for a ratio the linear
    (delta-method) form. A request where the metric is not defined is NaN.
    """
    top, bottom = parts.top, parts.bottom
    if bool(((bottom == 0) | (bottom == 1)).all()):
        return torch.where(bottom == 0, torch.nan, top)
    ratio = top.sum() / bottom.sum()
    return ratio + (top - ratio * bottom) / bottom.mean()


def over(top: Tensor, bottom: Tensor) -> Parts:
    """Each request's own quotient, to be averaged; 0 where both are 0."""
    top = top.double()
    return Parts(top / bottom.clamp(min=1), torch.ones_like(top))


def discount(rank: Tensor) -> Tensor:
    """g(rank) = 1 / log2(rank + 1), float64."""
    return 1 / (rank.double() + 1).log2()


def ideal(count: Tensor) -> Tensor:
    """Sum of g(1..count); 1 for count 0, so that nothing divides by 0."""
    longest = int(count.max()) if count.numel() else 0
    sums = discount(torch.arange(1, max(longest, 1) + 1)).cumsum(0)
    return sums[count.clamp(min=1) - 1]


def gain(h: Hits) -> Tensor:
    """[R]: discounted sum of hits at their ranks."""
    return h.total(discount(h.rank))


def average_precision(h: Hits) -> Tensor:
    """[R]: sum over hits of (hits so far) / rank, not yet divided."""
    return h.total(h.order.double() / h.rank)


def _whole(top: Tensor) -> Parts:
    top = top.double()
    return Parts(top, torch.ones_like(top))


def _reciprocal(h: Hits) -> Parts:
    first = h.order == 1
    return _whole(h.total(first / h.rank.double()))


def _hit(h: Hits) -> Parts:
    return _whole(h.count > 0)


def _ndcg(h: Hits) -> Parts:
    return _whole(gain(h) / ideal(h.reachable))


def _sequence(h: Hits) -> Parts:
    return _whole(0.31 * _hit(h).top + 0.69 * _ndcg(h).top)


_ALL = (
    Formula(
        "recall", "hits / n: share of the wanted items found", lambda h: over(h.count, h.wanted)
    ),
    Formula(
        "recall_capped",
        "hits / min(n, k): share of what a list of k could hold",
        lambda h: over(h.count, h.reachable),
    ),
    Formula(
        "precision",
        "hits / k, with k even where the list is short",
        lambda h: _whole(h.count.double() / h.k),
    ),
    Formula("hit_rate", "1 if any hit: share of requests served at all", _hit, "zero-one"),
    Formula("mrr", "1 / rank of the first hit, 0 without one", _reciprocal),
    Formula(
        "map",
        "sum over hits of (hits in the top j) / j, divided by min(n, k)",
        lambda h: over(average_precision(h), h.reachable),
    ),
    Formula("ndcg", "sum of h_j g(j) / sum of g(1..min(n, k)); binary gain", _ndcg),
    Formula(
        "sequence_score",
        "0.31 hit_rate + 0.69 ndcg: the score of an advertising competition, there at k = 10",
        _sequence,
    ),
)
RANKING: dict[str, Formula] = {formula.name: formula for formula in _ALL}


@dataclass(frozen=True)
class GradedNDCG:
    """NDCG with gain 2^rel - 1 a wanted item; another metric than `ndcg`, never its variant.

    Source: Burges et al. 2005; with rel = 0 exposure, 1 click, 2.5 conversion it is the event
    weighted score of the advertising competition.
    """

    rel: Ragged  # [R], beside the truth list, place by place
    k: int

    def __call__(self, ranked: Ranked) -> Tensor:
        """[R], float64."""
        h = hits(ranked, self.k)
        value = 2.0 ** self.rel.values.double() - 1
        at = self.rel.start[:-1][h.row] + h.place - 1
        best = Ragged(value, self.rel.start).padded(int(self.rel.lengths.max()))
        best = best.sort(dim=1, descending=True).values[:, : self.k]
        most = (best * discount(torch.arange(1, best.shape[1] + 1))).sum(1)
        return h.total(value[at] * discount(h.rank)) / torch.where(most > 0, most, 1.0)
