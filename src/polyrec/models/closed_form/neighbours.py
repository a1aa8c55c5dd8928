"""Neighbours of items: who was chosen by the same people, or is reached by a short walk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from polyrec.data.events import Events
from polyrec.models.closed_form.parts import MB, binary, distinct, fits
from polyrec.nn import known
from polyrec.types import Requests

PAIR = 64  # bytes that a pair of items takes while a block of neighbours is sorted


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
        fits(need, budget_mb, f"ItemKNN: {kept} neighbours of {items:,} items", "neighbours")
        self.shrink, self.budget_mb = shrink, budget_mb
        self.register_buffer("neighbour", torch.zeros(items + 1, kept, dtype=torch.int32))
        self.register_buffer("weight", torch.zeros(items + 1, kept))

    def solve(self, events: Events) -> None:
        """Finds each item's neighbours, in blocks that fit into the budget."""
        seen = binary(events, len(self.weight))
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
        history = distinct(known(requests), items)
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
        fits(int(pairs[worst]) * PAIR, self.budget_mb, f"ItemKNN: item {worst}", remedy)
        total, first = np.concatenate([[0], pairs.cumsum()]), 0
        while first < len(pairs):
            stop = int(np.searchsorted(total, total[first] + at_once, side="right")) - 1
            yield first, max(stop, first + 1)
            first = max(stop, first + 1)
