"""Collaborative filtering as a filter of frequencies: polynomials of S, and a part of low rank.

S = R̃'R̃ says how near two items are on the graph of people and items; R̃ is the 0/1 matrix scaled
by the degrees of both ends. Applying S keeps what neighbours agree on (blurs), subtracting it
brings out what a person has of his own (sharpens). GF-CF, Turbo-CF and BSPM are settings of one
class. Letters: R requests, U people, n items, W requests of a block.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from polyrec.data.events import Events
from polyrec.models.closed_form.decompose import SVD, right_vectors
from polyrec.models.closed_form.parts import MB, Matrix, distinct, edges_of, fits
from polyrec.nn import known
from polyrec.nn.propagate import Edges, inverse_power
from polyrec.types import Ragged, Requests

WIDE = 128  # requests at once: a block of 128 numbers a node stays near the processor
Scheme = Literal["euler", "rk4"]


@dataclass(frozen=True)
class Filter:
    """y = blur(S) r + beta L r, then sharpen(S) y; L = D^-1/2 V V' D^1/2 of the first `rank`.

    Coefficients go from S^0 up. `merge="late"` adds beta L r after sharpening. `alpha` is the
    people's exponent in R̃ = D_U^-alpha R D_I^(alpha - 1); `power` is taken of each entry of S.

    Raises:
        ValueError: a number is out of range, or two of them exclude each other.
    """

    blur: tuple[float, ...] = (0.0, 1.0)
    sharpen: tuple[float, ...] = (1.0,)
    rank: int = 256
    beta: float = 0.3
    merge: Literal["early", "late"] = "early"
    alpha: float = 0.5
    power: float = 1.0
    svd: SVD = "exact"

    def __post_init__(self) -> None:
        if not self.blur or not self.sharpen:
            raise ValueError("a filter needs a coefficient at least: (0, 1) blurs once, (1,) keeps")
        if self.rank < 0 or not 0 <= self.alpha <= 1 or self.power <= 0:
            raise ValueError(
                f"rank={self.rank}, alpha={self.alpha}, power={self.power}: need rank >= 0, "
                "0 <= alpha <= 1 and power > 0"
            )
        if self.rank and self.beta and (self.alpha != 0.5 or self.power != 1):
            raise ValueError(
                f"rank={self.rank} with alpha={self.alpha}, power={self.power}: the low-rank part "
                "is of the symmetric S; set rank=0, or alpha=.5 and power=1"
            )

    @property
    def low_pass(self) -> bool:
        """Whether there is a part of low rank."""
        return self.rank > 0 and self.beta != 0


def gf_cf(rank: int = 256, beta: float = 0.3, svd: SVD = "exact") -> Filter:
    """S + beta L: linear and ideal low-pass. Source: Shen et al. 2021 (GF-CF), eq. 14."""
    return Filter(rank=rank, beta=beta, svd=svd)


def turbo_cf(order: Literal[1, 2, 3] = 1, alpha: float = 0.5, power: float = 1.0) -> Filter:
    """P, 2P - P^2 or P + .01 (-P^3 + 10 P^2 - 29 P): no decomposition at all.

    Source: Park et al. 2024 (Turbo-CF), its three filters.
    """
    forms = {1: (0.0, 1.0), 2: (0.0, 2.0, -1.0), 3: (0.0, 1 - 0.29, 0.1, -0.01)}
    if order not in forms:
        raise ValueError(f"turbo_cf: order={order}, use 1, 2 or 3")
    return Filter(blur=forms[order], rank=0, beta=0.0, alpha=alpha, power=power)


def bspm(
    until: float = 2.5,
    steps: int = 1,
    scheme: Scheme = "rk4",
    low_pass: Filter = Filter(rank=448, beta=0.2),
) -> Filter:
    """Blurs once, then sharpens by dy/dt = -S y up to time `until`, in `steps` steps.

    Euler: 1 - h S; RK4: its Taylor polynomial of order 4. `low_pass` says rank, beta, and whether
    they merge early (EM) or late (LM). Source: Choi et al. 2023 (BSPM), section 4 and their code.

    Raises:
        ValueError: no step, or no time.
    """
    if steps < 1 or until <= 0:
        raise ValueError(f"bspm: steps={steps}, until={until}: need steps >= 1 and until > 0")
    h = until / steps
    forms = {"euler": (1.0, -h), "rk4": (1.0, -h, h**2 / 2, -(h**3) / 6, h**4 / 24)}
    polynomial = np.polynomial.Polynomial(forms[scheme]) ** steps
    return Filter(
        blur=low_pass.blur,
        sharpen=tuple(float(c) for c in polynomial.coef),
        rank=low_pass.rank,
        beta=low_pass.beta,
        merge=low_pass.merge,
        svd=low_pass.svd,
    )


class SpectralCF(nn.Module):
    """A history filtered by the graph of people and items; nothing is trained.

    What is kept is the log's graph (8 bytes an edge) and, where the filter has a low-rank part,
    its vectors [n + 1, rank]. S itself is never built unless `power` asks for it.

    Arguments:
        edges: events of the log to solve from, at most.

    Raises:
        ValueError: a part does not fit into the budget; the message names the bytes.
    """

    start: Tensor
    target: Tensor
    vectors: Tensor

    def __init__(
        self, items: int, actors: int, edges: int, how: Filter = Filter(), budget_mb: int = 4_000
    ) -> None:
        super().__init__()
        rank = min(how.rank, items - 1, actors - 1) if how.low_pass else 0
        need = 4 * (items + 1) * rank * 4  # with the work space of a decomposition
        fits(need, budget_mb, f"SpectralCF: {rank} vectors of {items:,} items", "rank")
        self.how, self.items, self.actors, self.budget_mb = how, items, actors, budget_mb
        self.register_buffer("start", torch.zeros(actors + 2, dtype=torch.int32))
        self.register_buffer("target", torch.zeros(max(edges, 1), dtype=torch.int32))
        self.register_buffer("vectors", torch.zeros(items + 1, rank))

    def solve(self, events: Events) -> None:
        """Takes over the graph, and finds the vectors of the largest singular values."""
        start, target = edges_of(events)
        if len(target) > len(self.target):
            raise ValueError(
                f"SpectralCF: {len(target):,} edges, made for {len(self.target):,}: "
                "solve from the log that the model was made for"
            )
        self.start.copy_(torch.from_numpy(start))
        self.target.zero_()[: len(target)] = torch.from_numpy(target)
        if rank := self.vectors.shape[1]:
            if rank < self.how.rank:
                warnings.warn(
                    f"rank={self.how.rank}: {self.items:,} items and {self.actors:,} people give "
                    f"at most {rank} vectors, which were taken",
                    stacklevel=2,
                )
            found = right_vectors(self._scaled(), rank, self.how.svd)
            self.vectors.copy_(torch.from_numpy(found))

    def prepare(self) -> _Answering:
        """Both directions of the graph, once for all requests."""
        return _Answering(self)

    def scores(self, requests: Requests) -> Tensor:
        """[R, n + 1]."""
        return self.prepare().scores(requests)

    def graph(self) -> tuple[Edges, Edges]:
        """R̃ from items to people [U + 1, n + 1], and back."""
        edges = int(self.start[-1])
        target = self.target[:edges]
        lengths = self.start.diff()
        degree = torch.bincount(target, minlength=self.items + 1)
        people = inverse_power(lengths, self.how.alpha)
        items = inverse_power(degree, 1 - self.how.alpha)
        order = target.argsort(stable=True)
        owner = torch.repeat_interleave(torch.arange(self.actors + 1), lengths)[order]
        begin = torch.cat([degree.new_zeros(1), degree.cumsum(0)]).int()
        return (
            Edges(self.start, target, people, items),
            Edges(begin, owner.int(), items, people),
        )

    def _scaled(self) -> Matrix:
        """R̃ for scipy, float64: [U + 1, n + 1]."""
        there, _ = self.graph()
        width = int(self.start[-1])
        row = np.repeat(np.arange(self.actors + 1), self.start.diff().numpy())
        value = there.into.numpy().astype(np.float64)[row]
        value *= there.out_of.numpy()[there.target.numpy()]
        shape = (self.actors + 1, self.items + 1)
        indices, indptr = there.target.numpy()[:width], self.start.numpy()
        return csr_matrix((value.astype(np.float32), indices, indptr), shape)


class _Answering:
    """A solved filter at work: the view that answers requests."""

    def __init__(self, of: SpectralCF) -> None:
        self.of, self.how = of, of.how
        self.people, self.things = of.graph()
        root = inverse_power(self.things.start.diff(), -0.5)
        self.root = torch.where(self.things.start.diff() > 0, root, 0.0)[:, None]  # D^1/2
        self.inverse = inverse_power(self.things.start.diff())[:, None]
        self.raised = _raised(of) if self.how.power != 1 else None

    def prepare(self) -> Self:
        """Done already."""
        return self

    def scores(self, requests: Requests) -> Tensor:
        """[R, n + 1]."""
        history = distinct(known(requests), self.of.items)
        out = torch.empty(len(history), self.of.items + 1)
        for rows in torch.split(torch.arange(len(history)), WIDE):
            out[rows[0] : rows[-1] + 1] = self._filtered(history.select(rows)).T
        return out

    def _filtered(self, history: Ragged) -> Tensor:
        """[n + 1, W]."""
        r = torch.zeros(self.of.items + 1, len(history))
        r[history.values, history.row] = 1
        ideal = self._ideal(r) if self.how.low_pass else None
        early = self.how.merge == "early"
        y = self._polynomial(self.how.blur, r, history)
        if ideal is not None and early:
            y += ideal
        y = self._polynomial(self.how.sharpen, y)
        return y if ideal is None or early else y + ideal

    def _polynomial(
        self, coefficients: tuple[float, ...], x: Tensor, sparse: Ragged | None = None
    ) -> Tensor:
        """Horner's scheme: c_0 x + S (c_1 x + S (...))."""
        *lower, last = coefficients
        y = last * x
        for at, c in enumerate(reversed(lower)):
            bare = sparse if at == 0 else None
            y = self._s(y) if bare is None else last * self._s_of(x, bare)
            if c:
                y += c * x
        return y

    def _s(self, x: Tensor) -> Tensor:
        """S x: to the people and back."""
        if self.raised is not None:
            return torch.from_numpy(self.raised @ x.numpy())
        return self.things.times(self.people.times(x))

    def _s_of(self, x: Tensor, history: Ragged) -> Tensor:
        """S x where x is the histories' 0/1 matrix."""
        if self.raised is None:
            return self._s(x)
        ones = np.ones(len(history.values), np.float32)
        shape = (len(history), self.of.items + 1)
        sparse = csr_matrix((ones, history.values.numpy(), history.start.numpy()), shape)
        found: NDArray[Any] = (sparse @ self.raised.T).toarray().T
        return torch.from_numpy(found)

    def _ideal(self, r: Tensor) -> Tensor:
        """Beta D^1/2 V V' D^-1/2 r, as columns."""
        vectors = self.of.vectors
        return (vectors @ (vectors.T @ (r * self.inverse))).mul_(self.root * self.how.beta)


def _raised(of: SpectralCF) -> Matrix:
    """The matrix applied to columns: each entry of S to the power, sparse."""
    there, _ = of.graph()
    pairs = int(((there.start.diff().double()) ** 2).sum())
    what = f"SpectralCF: power={of.how.power} builds up to {pairs:,} pairs of items, which"
    fits(8 * min(pairs, (of.items + 1) ** 2), of.budget_mb, what, "power to 1")
    scaled = of._scaled()
    s = (scaled.T @ scaled).tocsr()
    s.data **= of.how.power
    return s


def need_mb(items: int, actors: int) -> float:
    """MiB of a block of requests: what scoring takes beside the graph."""
    return 4 * WIDE * (6 * (items + 1) + 2 * (actors + 1)) / MB
