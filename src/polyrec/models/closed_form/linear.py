"""Linear maps from a history to the catalogue, fitted by least squares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from polyrec.data.events import Events
from polyrec.kernels.solving.descent import Gram, Penalty, columns
from polyrec.models.closed_form.neighbours import ItemKNN
from polyrec.models.closed_form.parts import Matrix, binary, distinct, fits
from polyrec.nn import known
from polyrec.types import Requests

ROUNDS, TOLERANCE = 100, 1e-5  # of SLIM's descent: passes over a column, largest last move


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
        fits(4 * items**2, budget_mb, f"EASE: a dense {items:,} x {items:,} matrix", "min_items")
        self.l2 = l2
        self.register_buffer("map", torch.zeros(items, items))  # without item 0

    def solve(self, events: Events) -> None:
        """Inverts the damped co-occurrence matrix by Cholesky's factors, in the buffer itself."""
        seen = binary(events, len(self.map) + 1)[:, 1:].tocsr()
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
        history = distinct(known(requests), len(self.map))
        found = F.embedding_bag(history.values - 1, self.map, history.start[:-1], mode="sum")
        return F.pad(found, (1, 0))


class SLIM(nn.Module):
    """A sparse map from history to catalogue, no weight below 0, no item from itself.

    min 1/2 |X - X B|^2 + l2/2 |B|^2 + l1 |B|, B >= 0, diag(B) = 0, by coordinate descent on X'X,
    the columns in parallel. Only the `neighbours` items with the largest cosine may enter a
    column (as in fsSLIM), which bounds memory and time: with all items it is SLIM itself.

    Source: Ning and Karypis 2011, eq. 2.

    Raises:
        ValueError: a setting is out of range, or something does not fit into the budget.
    """

    candidate: Tensor  # [n + 1, k]: what may say something of each item
    weight: Tensor  # [n + 1, k], one column of B a row

    def __init__(
        self,
        items: int,
        neighbours: int = 100,
        l1: float = 10.0,
        l2: float = 300.0,
        budget_mb: int = 4_000,
    ) -> None:
        super().__init__()
        if l1 < 0 or l2 < 0:
            raise ValueError(f"SLIM: l1={l1}, l2={l2}: need both >= 0; usual 1 to 10 and 50 to 500")
        chosen = ItemKNN(items, neighbours, 0.0, budget_mb)  # refuses what does not fit
        self.l1, self.l2, self.budget_mb = l1, l2, budget_mb
        self.register_buffer("candidate", torch.zeros_like(chosen.neighbour))
        self.register_buffer("weight", torch.zeros_like(chosen.weight))

    def solve(self, events: Events) -> None:
        """Chooses the candidates by cosine, then descends column by column."""
        items, count = len(self.weight) - 1, self.weight.shape[1]
        chosen = ItemKNN(items, count, 0.0, self.budget_mb)
        chosen.solve(events)
        candidates = np.sort(chosen.neighbour.numpy(), axis=1)
        seen = binary(events, items + 1)
        pairs = int(min((np.asarray(seen.sum(1)) ** 2).sum(), (items + 1) ** 2))
        fits(8 * pairs, self.budget_mb, f"SLIM: up to {pairs:,} pairs of items", "min_items")
        both = (seen.T @ seen).tocsr()
        both.sort_indices()
        gram = Gram(both.indptr.astype(np.int64), both.indices.astype(np.int32), both.data)
        found = columns(gram, candidates, Penalty(self.l1, self.l2, ROUNDS, TOLERANCE))
        self.candidate.copy_(torch.from_numpy(candidates))
        self.weight.copy_(torch.from_numpy(found))

    def prepare(self) -> Mapped:
        """The map by rows: what each item of a history adds to others."""
        place = self.weight.nonzero()
        row = self.candidate[place[:, 0], place[:, 1]].numpy()
        value = self.weight[place[:, 0], place[:, 1]].numpy()
        shape = (len(self.weight), len(self.weight))
        return Mapped(csr_matrix((value, (row, place[:, 0].numpy())), shape))

    def scores(self, requests: Requests) -> Tensor:
        """[R, n + 1]."""
        return self.prepare().scores(requests)


@dataclass(frozen=True)
class Mapped:
    """A solved sparse map [n + 1, n + 1] at work: the view that answers requests."""

    matrix: Matrix

    def prepare(self) -> Self:
        """Done already."""
        return self

    def scores(self, requests: Requests) -> Tensor:
        """[R, n + 1]."""
        items = self.matrix.shape[0] - 1
        history = distinct(known(requests), items)
        ones = np.ones(len(history.values), np.float32)
        shape = (len(history), items + 1)
        asked = csr_matrix((ones, history.values.numpy(), history.start.numpy()), shape)
        return torch.from_numpy((asked @ self.matrix).toarray())
