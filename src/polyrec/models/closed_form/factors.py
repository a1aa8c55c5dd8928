"""iALS: people and items as vectors whose product is near 1 where somebody chose, 0 elsewhere.

Letters: U people, n items, D width, E edges.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from polyrec.data.events import Events
from polyrec.kernels.solving.als import BLOCK, Basis, Floats, Side, basis, solved
from polyrec.models.closed_form.parts import Matrix, binary, distinct, fits
from polyrec.nn import known
from polyrec.types import Requests, derived_seed

SPREAD = 0.1  # of the start, over the root of the width


class IALS(nn.Module):
    """Implicit matrix factorisation by exact alternating least squares.

    L = sum over edges of (y - 1)^2 + alpha0 sum over all pairs of y^2 + reg (sum_u (n_u +
    alpha0 n)^nu |w_u|^2 + sum_i (n_i + alpha0 U)^nu |h_i|^2). A person is a solution of one small
    system given the items, so a live history is answered exactly as a trained one.

    Source: Hu et al. 2008; the penalty of Rendle et al. 2021 ("Revisiting iALS"), eq. 6. Their
    iALS++ solves a block of columns at a time; a row solved whole in the space of its edges
    (`kernels.solving.als`) costs less where most rows have fewer edges than columns, and needs
    fewer passes. The baseline that no comparison may leave out.

    Raises:
        ValueError: a setting is out of range, or the vectors do not fit into the budget.
    """

    vectors: Tensor

    def __init__(
        self,
        items: int,
        dim: int = 64,
        alpha0: float = 0.1,
        reg: float = 0.003,
        sweeps: int = 16,
        budget_mb: int = 4_000,
    ) -> None:
        super().__init__()
        if min(dim, sweeps) < 1 or alpha0 <= 0 or reg <= 0:
            raise ValueError(
                f"dim={dim}, sweeps={sweeps}, alpha0={alpha0}, reg={reg}: need dim and sweeps >= 1 "
                "and alpha0, reg > 0"
            )
        fits(4 * (items + 1) * dim, budget_mb, f"iALS: {dim} numbers of {items:,} items", "dim")
        self.alpha0, self.reg, self.nu, self.sweeps = alpha0, reg, 1.0, sweeps
        self.budget_mb = budget_mb
        self.register_buffer("vectors", torch.zeros(items + 1, dim))

    def solve(self, events: Events) -> None:
        """Alternates between people and items from a seeded start."""
        items, dim = len(self.vectors) - 1, self.vectors.shape[1]
        few, many = sorted((events.actors + 1, items + 1))
        rows = 12 * many + 8 * few + 4 * (items + 1) + 8 * BLOCK  # old, new, turned; and the buffer
        need = rows * dim + 24 * dim**2 + 16 * len(events)
        fits(need, self.budget_mb, f"iALS: both sides' {dim} numbers, and their copies,", "dim")
        seen = binary(events, items + 1)
        chosen = seen.T.tocsr()
        draw = np.random.default_rng(derived_seed(1, "ials"))
        h = (SPREAD / dim**0.5 * draw.standard_normal((items + 1, dim))).astype(np.float32)
        h[0] = 0
        for _ in range(self.sweeps):
            w = self._side(basis(h, self.alpha0), seen, items)
            h = self._side(basis(w, self.alpha0), chosen, events.actors)
        self.vectors.copy_(torch.from_numpy(h))

    def prepare(self) -> _Answering:
        """The items' coordinates, once for all requests."""
        return _Answering(self)

    def scores(self, requests: Requests) -> Tensor:
        """[R, n + 1]."""
        return self.prepare().scores(requests)

    def _side(self, against: Basis, seen: Matrix, count: int) -> Floats:
        """Every row given the other side, of `count` rows."""
        penalty = self.reg * (np.diff(seen.indptr) + self.alpha0 * count) ** self.nu
        start, target = seen.indptr.astype(np.int64), seen.indices.astype(np.int32)
        return solved(against, Side(start, target, penalty))


class _Answering:
    """Solved vectors at work: a history is solved as a trained person's is."""

    def __init__(self, of: IALS) -> None:
        self.of, self.against = of, basis(of.vectors.numpy(), of.alpha0)

    def prepare(self) -> Self:
        """Done already."""
        return self

    def scores(self, requests: Requests) -> Tensor:
        """[R, n + 1]."""
        items = len(self.of.vectors) - 1
        history = distinct(known(requests), items)
        ones = np.ones(len(history.values), np.float32)
        shape = (len(history), items + 1)
        seen = csr_matrix((ones, history.values.numpy(), history.start.numpy()), shape)
        w = self.of._side(self.against, seen, items)
        return torch.from_numpy(w) @ self.of.vectors.T
