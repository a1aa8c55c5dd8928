"""Linear maps from a history to the catalogue, fitted by least squares."""

from __future__ import annotations

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.data.events import Events
from polyrec.models.closed_form.parts import binary, distinct, fits
from polyrec.nn import known
from polyrec.types import Requests


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
