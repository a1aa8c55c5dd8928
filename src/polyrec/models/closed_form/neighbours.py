"""Neighbours of items: who was chosen by the same people, or is reached by a short walk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from torch import Tensor, nn

from polyrec.data.events import Events
from polyrec.models.closed_form.parts import MB, Matrix, binary, distinct, fits
from polyrec.nn import known
from polyrec.types import Requests

PAIR = 64  # bytes that a pair of items takes while a block of neighbours is sorted
Weigh = Callable[[int, Matrix], Matrix]
Scaling = Literal["rows", "none"]


class Neighbours(nn.Module):
    """A table of each item's nearest ones, and the sum over a history's distinct items.

    Raises:
        ValueError: the table or one item's candidates do not fit into the budget.
    """

    neighbour: Tensor
    weight: Tensor

    def __init__(self, items: int, neighbours: int, budget_mb: int) -> None:
        super().__init__()
        if neighbours < 1:
            raise ValueError(f"need neighbours >= 1, got {neighbours}")
        kept = min(neighbours, max(1, items - 1))
        need, name = (items + 1) * kept * 8, type(self).__name__
        fits(need, budget_mb, f"{name}: {kept} neighbours of {items:,} items", "neighbours")
        self.budget_mb = budget_mb
        self.register_buffer("neighbour", torch.zeros(items + 1, kept, dtype=torch.int32))
        self.register_buffer("weight", torch.zeros(items + 1, kept))

    def prepare(self) -> Self:
        """Nothing to do once."""
        return self

    def scores(self, requests: Requests) -> Tensor:
        """[R, n + 1]."""
        items = len(self.weight) - 1
        history = distinct(known(requests), items)
        out = torch.zeros(len(requests), items + 1)
        place = history.row[:, None] * (items + 1) + self.neighbour[history.values]
        out.view(-1).index_add_(0, place.flatten(), self.weight[history.values].flatten())
        return out

    def fill(self, seen: Matrix, weigh: Weigh) -> None:
        """Keeps the largest weights of each item, block by block.

        Arguments:
            seen: [U + 1, n + 1], 0/1.
            weigh: (first item of the block, by_item rows of the block) -> sparse weights.
        """
        by_item = seen.T.tocsr()
        pairs = by_item @ np.asarray(seen.sum(1)).ravel()
        self.neighbour.zero_()
        self.weight.zero_()
        for first, stop in self._blocks(pairs):
            both = weigh(first, by_item[first:stop]).tocoo()
            row, other = both.row.astype(np.int64), both.col.astype(np.int64)
            apart = row + first != other
            self._keep(row[apart], first, other[apart], both.data[apart])

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
        remedy, name = "the cap on events a person", type(self).__name__
        fits(int(pairs[worst]) * PAIR, self.budget_mb, f"{name}: item {worst}", remedy)
        total, first = np.concatenate([[0], pairs.cumsum()]), 0
        while first < len(pairs):
            stop = int(np.searchsorted(total, total[first] + at_once, side="right")) - 1
            yield first, max(stop, first + 1)
            first = max(stop, first + 1)


class ItemKNN(Neighbours):
    """Items that the same people chose: cosine of the binary columns, damped where few agree.

    Weight of j as a neighbour of i: both / (sqrt(of i x of j) + shrink), the largest
    `neighbours` of each i kept; a score is the sum over the history's distinct items.

    Raises:
        ValueError: the table or one item's candidates do not fit into the budget.
    """

    def __init__(
        self, items: int, neighbours: int = 100, shrink: float = 10.0, budget_mb: int = 4_000
    ) -> None:
        if shrink < 0:
            raise ValueError(f"need shrink >= 0, got {shrink}")
        super().__init__(items, neighbours, budget_mb)
        self.shrink = shrink

    def solve(self, events: Events) -> None:
        """Finds each item's neighbours, in blocks that fit into the budget."""
        seen = binary(events, len(self.weight))
        counts = np.asarray(seen.sum(0), np.float64).ravel()

        def cosine(first: int, rows: Matrix) -> Matrix:
            both = (rows @ seen).tocoo()
            root = np.sqrt(counts[both.row + first] * counts[both.col])
            return csr_matrix((both.data / (root + self.shrink), (both.row, both.col)), both.shape)

        self.fill(seen, cosine)


class RP3beta(Neighbours):
    """Walks of three steps from a person to items, divided by popularity to the power `beta`.

    W = P_iu P_ui, each entry of both to the power `alpha`, W_ij / d_j^beta; the largest
    `neighbours` of each row kept, rows then sum to 1 (`scale="rows"`). A strong baseline that
    costs a minute. Source: Paudel et al. 2017; the settings tuned on Gowalla are those of a
    replication of graph models (RecSys 2023): 777 neighbours, alpha .566, beta .00109.

    Raises:
        ValueError: a setting is out of range, or something does not fit into the budget.
    """

    def __init__(
        self,
        items: int,
        neighbours: int = 100,
        alpha: float = 1.0,
        beta: float = 0.6,
        scale: Scaling = "rows",
        budget_mb: int = 4_000,
    ) -> None:
        if alpha < 0 or beta < 0:
            raise ValueError(f"need alpha >= 0 and beta >= 0, got {alpha} and {beta}")
        super().__init__(items, neighbours, budget_mb)
        self.alpha, self.beta, self.scale = alpha, beta, scale

    def solve(self, events: Events) -> None:
        """Multiplies the two steps, in blocks of items that fit into the budget."""
        seen = binary(events, len(self.weight))
        people, items = (np.asarray(seen.sum(axis), np.float64).ravel() for axis in (1, 0))
        to_item = diags(_power(people, -self.alpha)) @ seen  # P_ui^alpha
        from_item, less = _power(items, -self.alpha), diags(_power(items, -self.beta))

        def walk(first: int, rows: Matrix) -> Matrix:
            part = diags(from_item[first : first + rows.shape[0]])
            return part @ rows @ to_item @ less

        self.fill(seen, walk)
        if self.scale == "rows":
            self.weight.div_(self.weight.sum(1, keepdim=True).clamp(min=1e-30))


def _power(degree: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """degree^exponent, 0 where there is no edge."""
    found: NDArray[np.float64] = np.where(degree > 0, np.maximum(degree, 1) ** exponent, 0)
    return found
