"""Filters of a graph's spectrum: one averaging step, a learned polynomial, any function at all.

Low frequencies are what neighbours share, high ones where they differ. L_sym = I - D^-1/2 A D^-1/2
has its eigenvalues in 0..2. The matrix of `GCN` is not this Laplacian but the renormalised
adjacency, a low pass.

Letters: n nodes, D width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from polyrec.nn.convs.adjacency import Adjacency
from polyrec.nn.convs.along import Features, mixed, project

LARGEST_DENSE = 5_000  # nodes whose Laplacian is decomposed: n^3 time, 8 n^2 bytes
BOUND = 2.0  # no eigenvalue of L_sym is larger
MARGIN = 1.01  # power steps come from below; a little above keeps the polynomials within -1..1


class GCN(nn.Module):
    """The mean of a node and its neighbours, weighed by 1 / sqrt(d~_i d~_j), through one matrix.

    D~^-1/2 (A + I) D~^-1/2 H W: a neighbour of many counts less. W does not depend on the graph,
    so the layer is inductive; what would tie it to a graph is a table of ids below it. Wants norm
    `gcn`. Source: Kipf and Welling 2017, eq. 2.
    """

    def __init__(self, dim_in: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(dim, dim_in))
        self.bias = nn.Parameter(torch.zeros(dim))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, adjacency: Adjacency, x: Features) -> Tensor:
        """[m, D_in] -> [n, D]."""
        return mixed(adjacency, project(x, self.weight)) + self.bias


class Chebyshev(nn.Module):
    """A learned polynomial of the Laplacian with `terms` terms: a filter that sees terms - 1 hops.

    sum over k < terms of T_k(2 L_sym / largest - I) x W_k. Kipf's tables count K from 0: his K = 2
    is terms = 3. Localised filters are what is wanted here; only the decomposition is saved. The
    sum is taken from its high end (Clenshaw), so terms - 1 products of width D_out do. Wants norm
    `sym`. Source: Defferrard et al. 2016, eq. 4.

    Raises:
        ValueError: no term, or `largest` outside (0, 2.02].
    """

    def __init__(self, dim_in: int, dim: int, terms: int = 3, largest: float = BOUND) -> None:
        super().__init__()
        if terms < 1:
            raise ValueError(f"terms={terms}: need at least 1")
        if not 0 < largest <= BOUND * MARGIN:
            raise ValueError(f"largest={largest}: eigenvalues of L_sym lie in 0..2")
        self.largest = largest
        self.weight = nn.Parameter(torch.empty(terms, dim, dim_in))
        self.bias = nn.Parameter(torch.zeros(dim))
        for weight in self.weight:
            nn.init.xavier_uniform_(weight)

    def forward(self, adjacency: Adjacency, x: Features) -> Tensor:
        """[n, D_in] -> [n, D]."""
        first, *others = [project(x, weight) for weight in self.weight]
        after = last = torch.zeros_like(first)
        for term in reversed(others):
            after, last = term + 2 * self._shifted(adjacency, after) - last, after
        if others:
            first = first + self._shifted(adjacency, after) - last
        return first + self.bias

    def _shifted(self, adjacency: Adjacency, x: Tensor) -> Tensor:
        """(2 L_sym / largest - I) x."""
        scale = 2 / self.largest
        return (scale - 1) * x - scale * mixed(adjacency, x)


def largest_eigenvalue(adjacency: Adjacency, generator: Generator, steps: int = 20) -> float:
    """Of L_sym, by power steps and 1 % more, since they come from below. Wants norm `sym`."""
    x = torch.randn(adjacency.rows, 1, generator=generator)
    size = torch.ones(())
    for _ in range(steps):
        x = x - mixed(adjacency, x)
        size = x.norm()
        x = x / size.clamp(min=1e-12)
    return min(MARGIN * float(size), MARGIN * BOUND)


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues [n], ascending, and eigenvectors [n, n] of L_sym."""

    values: Tensor
    vectors: Tensor

    @classmethod
    def of(cls, adjacency: Adjacency) -> Spectrum:
        """Decomposes the Laplacian of a graph under norm `sym`.

        Raises:
            ValueError: more nodes than `LARGEST_DENSE`; names the bytes and the remedy.
        """
        n = adjacency.rows
        if n > LARGEST_DENSE:
            raise ValueError(
                f"a dense spectrum of {n:,} nodes takes {8 * n * n / 2**20:,.0f} MB and n^3 time, "
                f"allowed are {LARGEST_DENSE:,} nodes: use Chebyshev, which needs none"
            )
        laplacian = torch.eye(n, dtype=torch.float64) - adjacency.dense().double()
        values, vectors = torch.linalg.eigh(laplacian)
        return cls(values, vectors)

    def filtered(self, x: Tensor, response: Callable[[Tensor], Tensor]) -> Tensor:
        """U g(values) U' x, [n, D] -> [n, D]: what is left of each frequency."""
        vectors = self.vectors.to(x.dtype)
        return vectors @ (response(self.values).to(x.dtype)[:, None] * (vectors.t() @ x))


class Spectral(nn.Module):
    """A free number for every frequency of one graph: U diag(g) U' x W.

    For teaching and small graphs; g belongs to this graph's spectrum, so nothing else can be
    asked. Source: Bruna et al. 2014, with one filter for all channels.
    """

    def __init__(self, dim_in: int, dim: int, spectrum: Spectrum) -> None:
        super().__init__()
        self.spectrum = spectrum
        self.response = nn.Parameter(torch.ones(len(spectrum.values)))
        self.weight = nn.Parameter(torch.empty(dim, dim_in))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Features) -> Tensor:
        """[n, D_in] -> [n, D]."""
        return self.spectrum.filtered(project(x, self.weight), lambda _: self.response)


def low_pass(values: Tensor) -> Tensor:
    """Keeps what neighbours share: 1 at 0, 0 at 2."""
    return 1 - values / BOUND


def band_pass(values: Tensor) -> Tensor:
    """Keeps the middle: 1 at 1, 0 at both ends."""
    return values * (BOUND - values)


def high_pass(values: Tensor) -> Tensor:
    """Keeps where neighbours differ: 0 at 0, 1 at 2."""
    return values / BOUND
