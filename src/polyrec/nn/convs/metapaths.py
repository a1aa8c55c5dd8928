"""Reading along chains of relations: which nodes a chain reaches, and what comes along it.

A metapath is a tuple of relation names, each starting where the one before ended: ("written_by",
"wrote") leads from papers to papers by the same author.

Letters: n nodes of the type asked, D width, P metapaths, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix, diags
from torch import Tensor, nn

from polyrec.graph import Graph, Relation
from polyrec.nn.convs.adjacency import Adjacency
from polyrec.nn.convs.along import Features, mixed, project
from polyrec.nn.convs.gat import GAT

Path = tuple[str, ...]
Matrix = Any  # scipy's sparse matrices are untyped
BYTES = 12  # of one entry of a product


def metapaths(graph: Graph, kind: str, hops: int) -> list[Path]:
    """Every chain of 1 to `hops` relations that starts at a type, shorter ones first.

    Raises:
        ValueError: no relation starts at that type.
    """
    ends: list[tuple[Path, str]] = [((), kind)]
    found: list[Path] = []
    for _ in range(hops):
        ends = [
            ((*path, relation.key[1]), relation.key[2])
            for path, end in ends
            for relation in graph.relations
            if relation.key[0] == end
        ]
        found += [path for path, _ in ends]
    if not found:
        starts = sorted({relation.key[0] for relation in graph.relations})
        raise ValueError(f"no relation starts at type {kind!r}; relations start at: {starts}")
    return found


def chained(graph: Graph, kind: str, path: Path) -> list[Relation]:
    """The relations of a metapath that starts at a type.

    Raises:
        ValueError: an empty path, or a step that does not start where the one before ended.
    """
    if not path:
        raise ValueError("an empty metapath: name at least one relation")
    found, at = [], kind
    for name in path:
        fits = [r for r in graph.relations if r.key[0] == at and r.key[1] == name]
        if not fits:
            have = [r.key[1] for r in graph.relations if r.key[0] == at] or ["none"]
            raise ValueError(
                f"metapath {path}: no relation {name!r} starts at {at!r}; from there: "
                f"{', '.join(have)}"
            )
        found.append(fits[0])
        at = fits[0].key[2]
    return found


def reached(graph: Graph, kind: str, path: Path, budget_mb: int = 2_000) -> Adjacency:
    """Which nodes a metapath reaches from each node, each once, the node itself among them.

    Raises:
        ValueError: the path leads to another type, or its product does not fit the budget.
    """
    steps = chained(graph, kind, path)
    if steps[-1].key[2] != kind:
        raise ValueError(
            f"metapath {path} leads to {steps[-1].key[2]!r}: take one back to {kind!r}"
        )
    total = _binary(steps[0])
    for step in steps[1:]:
        total = _product(total, _binary(step), budget_mb, path)
        total.data[:] = 1
    total = (total + diags(np.ones(total.shape[0], np.float32))).tocsr()
    total.data[:] = 1
    return Adjacency.of_matrix(total)


def carried(graph: Graph, kind: str, path: Path, features: Mapping[str, Tensor]) -> Tensor:
    """[n, D]: the mean of means of the features at a metapath's far end, step by step.

    Raises:
        ValueError: the type at its end has no features.
    """
    steps = chained(graph, kind, path)
    end = steps[-1].key[2]
    if end not in features:
        raise ValueError(f"metapath {path} ends at type {end!r}, which has no features: give some")
    x = features[end]
    for step in reversed(steps):
        x = mixed(Adjacency.of(step, "row"), x)
    return x


def carried_labels(
    graph: Graph, kind: str, path: Path, labels: Tensor, budget_mb: int = 2_000
) -> Tensor:
    """[n, C]: as `carried`, for the labels of the type asked, each node's own left out.

    `labels` is one-hot on train rows and 0 elsewhere. What a node gets of its own label is its
    entry on the diagonal of the whole product; that is found from two half products and taken
    away, so a node never reads its answer, by whatever loop it would come back.
    """
    steps = [_mean(step) for step in chained(graph, kind, path)]
    x = torch.from_numpy(np.asarray(_along(steps, labels.numpy())))
    if steps[-1].shape[1] != len(labels):
        raise ValueError(
            f"metapath {path} does not lead back to {kind!r}: its labels are elsewhere"
        )
    cut = (len(steps) + 1) // 2
    left, right = steps[0], steps[-1]
    for step in steps[1:cut]:
        left = _product(left, step, budget_mb, path)
    for step in reversed(steps[cut:-1]):
        right = _product(step, right, budget_mb, path)
    if len(steps) == 1:
        own = steps[0].diagonal()
    else:
        own = np.asarray(left.multiply(right.T).sum(1)).ravel()
    return (x - torch.from_numpy(own).to(x.dtype)[:, None] * labels).clamp(min=0)


def _along(steps: Sequence[Matrix], x: Any) -> Any:
    for step in reversed(steps):
        x = step @ x
    return x


def _binary(relation: Relation) -> Matrix:
    matrix = relation.matrix().copy()
    matrix.data[:] = 1
    return matrix


def _mean(relation: Relation) -> Matrix:
    matrix = relation.matrix()
    total = np.asarray(matrix.sum(1)).ravel()
    scale = np.divide(1, total, out=np.zeros_like(total), where=total > 0)
    return csr_matrix(diags(scale) @ matrix)


def _product(a: Matrix, b: Matrix, budget_mb: int, path: Path) -> Matrix:
    most = int(np.diff(b.indptr)[a.indices].sum()) * BYTES
    if most > budget_mb * 2**20:
        raise ValueError(
            f"metapath {path}: a product may take {most / 2**20:,.0f} MB, the budget is "
            f"{budget_mb:,} MB; raise budget_mb or take a shorter path"
        )
    return (a @ b).tocsr()


class HAN(nn.Module):
    """Attention along each metapath, then over metapaths: one share a metapath for all nodes.

    beta = softmax over metapaths of mean_v q' tanh(W z_v + b). Adjacencies come from `reached`.
    Source: Wang et al. 2019, eq. 1 to 9.

    Raises:
        ValueError: no metapath.
    """

    def __init__(
        self, dim_in: int, dim: int, paths: int, heads: int = 8, attend: float = 0.0
    ) -> None:
        super().__init__()
        if paths < 1:
            raise ValueError("HAN needs at least 1 metapath")
        self.along = nn.ModuleList(GAT(dim_in, dim, heads, attend=attend) for _ in range(paths))
        self.look, self.ask = nn.Linear(heads * dim, 128), nn.Linear(128, 1, bias=False)

    def forward(self, adjacencies: Sequence[Adjacency], x: Features) -> Tensor:
        """[n, D_in] -> [n, H C]."""
        layers = zip(self.along, adjacencies, strict=True)
        z = torch.stack([F.elu(layer(adjacency, x)) for layer, adjacency in layers])
        beta = self.ask(torch.tanh(self.look(z))).mean(1).softmax(0)
        found: Tensor = (beta[:, None] * z).sum(0)
        return found


@dataclass(frozen=True)
class Carried:
    """What metapaths bring to each node, computed once: no message passes in training."""

    names: tuple[str, ...]
    parts: tuple[Features, ...]  # [n, D_p] each

    def rows(self, at: Tensor) -> Carried:
        """The named nodes alone: minibatches cost nothing extra."""
        dense = (part.dense() if isinstance(part, Adjacency) else part for part in self.parts)
        return Carried(self.names, tuple(part[at] for part in dense))


class SeHGNN(nn.Module):
    """A projection a metapath, attention over a node's metapaths, a perceptron.

    Source: Yang et al. 2023, section 4: neighbours are averaged before training (`carried`), own
    labels are left out (`carried_labels`).
    """

    def __init__(self, widths: Sequence[int], dim: int, classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.enter = nn.ModuleList(nn.Linear(width, dim) for width in widths)
        self.query, self.key = nn.Linear(dim, max(dim // 8, 1)), nn.Linear(dim, max(dim // 8, 1))
        self.value = nn.Linear(dim, dim)
        self.keep = nn.Parameter(torch.zeros(()))  # starts without attention, as the authors do
        self.dropout = dropout
        self.out = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(len(widths) * dim, dim), nn.PReLU(),
            nn.Dropout(dropout), nn.Linear(dim, classes),
        )  # fmt: skip

    def forward(self, x: Carried) -> Tensor:
        """What metapaths brought, [n, D_p] each, -> [n, C]."""
        entered = [
            project(part, cast(nn.Linear, enter).weight, cast(nn.Linear, enter).bias)
            for part, enter in zip(x.parts, self.enter, strict=True)
        ]
        h = F.dropout(torch.stack(entered, 1), self.dropout, self.training)
        share = (self.query(h) @ self.key(h).transpose(1, 2)).softmax(-1)
        h = h + self.keep * (share @ self.value(h))
        return self.out(h.flatten(1))  # type: ignore[no-any-return]
