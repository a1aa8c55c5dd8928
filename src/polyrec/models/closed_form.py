"""Models that are solved, not trained: popularity, neighbours, a linear autoencoder.

Their whole memory is buffers of a size known from the constructor, so a state dict is the model.
`solve` fills them from a log; `scores` answers for histories that the log need not hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from polyrec.data.events import Events
from polyrec.nn import known
from polyrec.types import Ragged, Requests

Matrix = Any  # scipy's sparse matrices are untyped
MB = 2**20
PAIR = 64  # bytes that a pair of items takes while a block of neighbours is sorted


class MostPopular(nn.Module):
    """What most events went to, the same for everybody; equal counts in order of id.

    A score is the number of items that come after the item in that order.
    """

    counts: Tensor
    score: Tensor

    def __init__(self, items: int) -> None:
        super().__init__()
        self.register_buffer("counts", torch.zeros(items + 1, dtype=torch.int64))
        self.register_buffer("score", torch.zeros(items + 1))

    def solve(self, events: Events) -> None:
        """Counts the events of each item."""
        self.counts.copy_(torch.from_numpy(events.counts(len(self.counts) - 1)))
        self.score.copy_(popularity(self.counts))

    def prepare(self) -> Self:
        """Nothing to do once."""
        return self

    def scores(self, requests: Requests) -> Tensor:
        """[R, n + 1]."""
        return self.score.expand(len(requests), -1)


def popularity(counts: Tensor) -> Tensor:
    """[n + 1] counts -> how many items each item comes before: by count, then by id."""
    order = counts[1:].argsort(descending=True, stable=True) + 1
    score = torch.zeros(len(counts))
    score[order] = torch.arange(len(order) - 1, -1, -1, dtype=score.dtype)
    return score


class ItemKNN(nn.Module):
    """Items that the same people chose: cosine of the binary columns, damped where few agree.

    Weight of j as a neighbour of i: both / (sqrt(of i x of j) + shrink), the largest
    `neighbours` of each i kept; a score is the sum over the history's distinct items.

    Raises:
        ValueError: the table or one item's candidates do not fit into the budget.
    """

    neighbour: Tensor
    weight: Tensor

    def __init__(
        self, items: int, neighbours: int = 100, shrink: float = 10.0, budget_mb: int = 4_000
    ) -> None:
        super().__init__()
        if neighbours < 1 or shrink < 0:
            raise ValueError(f"need neighbours >= 1 and shrink >= 0, got {neighbours} and {shrink}")
        kept = min(neighbours, max(1, items - 1))
        need = (items + 1) * kept * 8
        _fits(need, budget_mb, f"ItemKNN: {kept} neighbours of {items:,} items", "neighbours")
        self.shrink, self.budget_mb = shrink, budget_mb
        self.register_buffer("neighbour", torch.zeros(items + 1, kept, dtype=torch.int32))
        self.register_buffer("weight", torch.zeros(items + 1, kept))

    def solve(self, events: Events) -> None:
        """Finds each item's neighbours, in blocks that fit into the budget."""
        seen = _binary(events, len(self.weight))
        counts = np.asarray(seen.sum(0), np.float64).ravel()
        by_item = seen.T.tocsr()
        pairs = by_item @ np.asarray(seen.sum(1)).ravel()
        self.neighbour.zero_()
        self.weight.zero_()
        for first, stop in self._blocks(pairs):
            both = (by_item[first:stop] @ seen).tocoo()
            row, other = both.row.astype(np.int64), both.col.astype(np.int64)
            apart = row + first != other
            row, other = row[apart], other[apart]
            root = np.sqrt(counts[row + first] * counts[other])
            weight = both.data[apart] / (root + self.shrink)
            self._keep(row, first, other, weight)

    def prepare(self) -> Self:
        """Nothing to do once."""
        return self

    def scores(self, requests: Requests) -> Tensor:
        """[R, n + 1]."""
        items = len(self.weight) - 1
        history = _distinct(known(requests), items)
        out = torch.zeros(len(requests), items + 1)
        place = history.row[:, None] * (items + 1) + self.neighbour[history.values]
        out.view(-1).index_add_(0, place.flatten(), self.weight[history.values].flatten())
        return out

    def _keep(self, row: NDArray[Any], first: int, other: NDArray[Any], weight: Any) -> None:
        order = np.lexsort((other, -weight, row))
        row, other, weight = row[order], other[order], weight[order]
        place = np.arange(len(row)) - np.searchsorted(row, row)
        kept = place < self.weight.shape[1]
        at = (torch.from_numpy(row[kept] + first), torch.from_numpy(place[kept]))
        self.neighbour[at] = torch.from_numpy(other[kept].astype(np.int32))
        self.weight[at] = torch.from_numpy(weight[kept].astype(np.float32))

    def _blocks(self, pairs: NDArray[Any]) -> Iterator[tuple[int, int]]:
        """Ranges of items whose candidates together fit into the budget."""
        at_once = max(1.0, self.budget_mb * MB / PAIR)
        worst = int(pairs.argmax())
        remedy = "the cap on events a person"
        _fits(int(pairs[worst]) * PAIR, self.budget_mb, f"ItemKNN: item {worst}", remedy)
        total, first = np.concatenate([[0], pairs.cumsum()]), 0
        while first < len(pairs):
            stop = int(np.searchsorted(total, total[first] + at_once, side="right")) - 1
            yield first, max(stop, first + 1)
            first = max(stop, first + 1)


class EASE(nn.Module):
    """A linear map from history to catalogue that may not copy an item to itself.

    B = -P / diag(P) off the diagonal, P = (X'X + l2)^-1, X binary. Source: Steck 2019, eq. 8.
    The matrix is dense: 4 bytes x items^2, solved in place.

    Raises:
        ValueError: the matrix does not fit into the budget; the message names the bytes.
    """

    map: Tensor

    def __init__(self, items: int, l2: float = 300.0, budget_mb: int = 4_000) -> None:
        super().__init__()
        if l2 <= 0:
            raise ValueError(f"EASE needs l2 > 0, got {l2}; usual 50 to 1,000")
        _fits(4 * items**2, budget_mb, f"EASE: a dense {items:,} x {items:,} matrix", "min_items")
        self.l2 = l2
        self.register_buffer("map", torch.zeros(items, items))  # without item 0

    def solve(self, events: Events) -> None:
        """Inverts the damped co-occurrence matrix by Cholesky's factors, in the buffer itself."""
        seen = _binary(events, len(self.map) + 1)[:, 1:].tocsr()
        by_item = seen.T.tocsr()
        for first in range(0, len(self.map), 1_024):
            rows = slice(first, first + 1_024)
            self.map[rows] = torch.from_numpy((by_item[rows] @ seen).toarray())
        self.map.diagonal().add_(self.l2)
        columns = self.map.T  # the same memory, columns first as LAPACK wants; symmetric
        failed = torch.empty((), dtype=torch.int32)
        torch.linalg.cholesky_ex(columns, out=(columns, failed))
        if failed:
            raise ValueError(f"EASE: X'X + {self.l2} is singular in float32; raise l2")
        torch.cholesky_inverse(columns, out=columns)
        self.map.div_(-self.map.diagonal().clone())
        self.map.fill_diagonal_(0)

    def prepare(self) -> Self:
        """Nothing to do once."""
        return self

    def scores(self, requests: Requests) -> Tensor:
        """[R, n + 1]."""
        history = _distinct(known(requests), len(self.map))
        found = F.embedding_bag(history.values - 1, self.map, history.start[:-1], mode="sum")
        return F.pad(found, (1, 0))


def _binary(events: Events, width: int) -> Matrix:
    """[actors + 1, width]: 1 where the actor has an event with the item."""
    ones = np.ones(len(events), np.float32)
    seen = csr_matrix((ones, (events.actor, events.target)), shape=(events.actors + 1, width))
    seen.sum_duplicates()
    seen.data[:] = 1
    return seen


def _distinct(history: Ragged, items: int) -> Ragged:
    """Each row's items once, ascending."""
    keys = torch.unique(history.row * (items + 1) + history.values)
    lengths = torch.bincount(keys // (items + 1), minlength=len(history))
    return Ragged(keys % (items + 1), torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]))


def _fits(need: int, budget_mb: int, what: str, lower: str) -> None:
    if need > budget_mb * MB:
        raise ValueError(
            f"{what} takes {need / MB:,.0f} MB ({need:,} bytes), the budget is {budget_mb:,} MB; "
            f"raise budget_mb or change {lower}"
        )
