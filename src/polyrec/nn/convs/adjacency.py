"""Who reads whom, as tensors: made once from a relation, then only read.

Row i reads the nodes in its row, as in A x: under the key (user, bought, item) users read items,
and the reverse relation is the other direction. The first rows of the columns are the rows
themselves wherever a layer has a "self": so it is in a square graph and in every sampled block.

Letters: n rows, m columns, E edges.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from polyrec.graph import Relation

Norm = Literal["none", "row", "sym", "gcn", "self"]
NORMS: dict[str, str] = {
    "none": "the relation's own weights: A x is the sum over neighbours",
    "row": "D^-1 A: the mean over neighbours; a node without any reads zero",
    "sym": "D^-1/2 A D^-1/2",
    "gcn": "D~^-1/2 (A + I) D~^-1/2, the renormalised adjacency",
    "self": "A + I, unweighted rows for layers that weigh neighbours themselves",
}
SPAN = 2**31 - 1  # edges and nodes are named by int32


@dataclass(frozen=True)
class Adjacency:
    """Edges row by row, each with its weight. A sparse table of features is one too: node -> word.

    `start` int64 [n + 1]; `other` int32 [E], the column that an edge reads; `weight` [E].
    """

    start: Tensor
    other: Tensor
    weight: Tensor
    columns: int

    @property
    def rows(self) -> int:
        """n."""
        return len(self.start) - 1

    @property
    def edges(self) -> int:
        """E."""
        return len(self.other)

    @property
    def bytes(self) -> int:
        """What the arrays take, the reading by columns included."""
        return 8 * (self.rows + self.columns + 2) + self.edges * (
            4 * 4 + self.weight.element_size()
        )

    @cached_property
    def degree(self) -> Tensor:
        """int64 [n]: edges of each row."""
        return self.start.diff()

    @cached_property
    def row(self) -> Tensor:
        """int32 [E]: the row of each edge."""
        rows = torch.arange(self.rows, dtype=torch.int32, device=self.start.device)
        return rows.repeat_interleave(self.degree)

    @cached_property
    def place(self) -> Tensor:
        """int32 [E]: 0, 1, ..., each edge's own place."""
        return torch.arange(self.edges, dtype=torch.int32, device=self.start.device)

    @cached_property
    def by_column(self) -> tuple[Tensor, Tensor, Tensor]:
        """The same edges read by columns: starts [m + 1], rows [E], and where each edge lies."""
        order = self.other.argsort(stable=True)
        counts = torch.bincount(self.other, minlength=self.columns)
        start = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        return start, self.row[order], order.to(torch.int32)

    def weighed(self, weight: Tensor) -> Adjacency:
        """The same edges under other weights; what is known of their order stays known."""
        other = replace(self, weight=weight)
        known = ("degree", "row", "place", "by_column")
        vars(other).update({name: vars(self)[name] for name in known if name in vars(self)})
        return other

    def rows_at(self, at: Tensor) -> Adjacency:
        """The named rows alone, in that order; columns stay as they are."""
        counts = self.degree[at]
        start = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        skip = (self.start[at] - start[:-1]).repeat_interleave(counts)
        edges = skip + torch.arange(len(skip), device=skip.device)
        return Adjacency(start, self.other[edges], self.weight[edges], self.columns)

    def to(self, dtype: torch.dtype) -> Adjacency:
        """Weights of another precision."""
        return self.weighed(self.weight.to(dtype))

    def dense(self) -> Tensor:
        """[n, m], for small graphs: the reference that layers are tested against."""
        out = torch.zeros(self.rows, self.columns, dtype=self.weight.dtype)
        return out.index_put_((self.row.long(), self.other.long()), self.weight, accumulate=True)

    @classmethod
    def of(cls, relation: Relation, norm: Norm = "none") -> Adjacency:
        """The edges of a relation under one of the `NORMS`.

        A self loop counts once: `gcn` and `self` add one only where there is none.

        Raises:
            ValueError: an unknown norm, weights below zero or not finite, a norm with a self or a
                symmetric one on a relation that is not square or not symmetric.
        """
        if norm not in NORMS:
            raise ValueError(f"no norm {norm!r}; there are: {', '.join(NORMS)}")
        _check(relation, norm)
        return cls.of_matrix(_normed(relation.matrix().astype(np.float64), norm))

    @classmethod
    def of_matrix(cls, matrix: csr_matrix) -> Adjacency:
        """The stored entries of a sparse matrix, those of value zero too.

        Raises:
            ValueError: it has more rows, columns or entries than int32 can name.
        """
        if max(*matrix.shape, matrix.nnz) > SPAN:
            raise ValueError(
                f"a matrix of {matrix.shape} with {matrix.nnz:,} entries: at most {SPAN:,} of each"
            )
        return cls(
            torch.from_numpy(matrix.indptr.astype(np.int64)),
            torch.from_numpy(matrix.indices.astype(np.int32)),
            torch.from_numpy(matrix.data.astype(np.float32)),
            matrix.shape[1],
        )


def _check(relation: Relation, norm: Norm) -> None:
    weight, (source, name, target) = relation.weight, relation.key
    if weight is not None and not (np.isfinite(weight) & (weight >= 0)).all():
        at = int(np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))[0])
        raise ValueError(
            f"relation {name!r}, edge {at:,}: weight {weight[at]}, need a finite number >= 0; "
            "rebuild the graph or drop the edge"
        )
    if norm in ("none", "row"):
        return
    if source != target or relation.sources != relation.targets:
        raise ValueError(f"norm {norm!r} needs one node type, {name!r} goes {source} -> {target}")
    if norm in ("gcn", "sym"):
        matrix = relation.matrix()
        if abs(matrix - matrix.T).max() > 1e-6:
            raise ValueError(
                f"norm {norm!r} is for symmetric graphs, {name!r} is directed: join it with its "
                "reverse (graph.symmetric()), or take norm 'row'"
            )


def _normed(matrix: csr_matrix, norm: Norm) -> csr_matrix:
    if norm in ("gcn", "self"):
        matrix = _with_self(matrix)
    if norm in ("none", "self"):
        return matrix
    degree = np.asarray(matrix.sum(1)).ravel()
    power = -1.0 if norm == "row" else -0.5
    scale = np.zeros_like(degree)
    np.power(degree, power, out=scale, where=degree > 0)
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    value = matrix.data * scale[rows] * (1.0 if norm == "row" else scale[matrix.indices])
    return csr_matrix((value, matrix.indices, matrix.indptr), matrix.shape)


def _with_self(matrix: csr_matrix) -> csr_matrix:
    """One more edge of weight 1 for each node that has none to itself."""
    matrix = matrix.tocoo()
    missing = np.setdiff1d(np.arange(matrix.shape[0]), matrix.row[matrix.row == matrix.col])
    data = np.concatenate([matrix.data, np.ones(len(missing))])
    row, column = np.concatenate([matrix.row, missing]), np.concatenate([matrix.col, missing])
    return csr_matrix((data, (row, column)), matrix.shape)
