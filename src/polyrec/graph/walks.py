"""Walks: from a graph to sequences of nodes that word-vector models can read.

A walk starts at every node, `count` times over, in an order shuffled anew each time; a node
without out-edges ends it. Results depend on the graph and the seed alone, never on threads.

Letters: n nodes, E edges, C walks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from polyrec.graph.csr import Graph, Relation
from polyrec.kernels.graphs import metapath, walks
from polyrec.kernels.graphs.walking.steps import Bias
from polyrec.kernels.graphs.walking.tables import FIRST, SECOND, STRONG, hubs, rows_of
from polyrec.kernels.shuffle import shuffled
from polyrec.progress import derived_seed
from polyrec.requests import Ragged

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
Weights = Literal["given", "uniform"]
Ties = Literal["present", "strong"]
MB = 2**20


@dataclass(frozen=True)
class DeepWalks:
    """Steps to a neighbour in proportion to the edge's weight, whatever came before.

    Source: Perozzi et al. 2014; 80 walks of 40 nodes from each are its settings.
    """

    count: int = 80
    length: int = 40
    weights: Weights = "given"
    budget_mb: int = 4_000

    def __post_init__(self) -> None:
        _usual(self.count, self.length)

    def __call__(self, graph: Graph, seed: int) -> Ragged:
        """[n x count] walks of ids from 0."""
        bias = Bias(1.0, 1.0, FIRST)
        return _walked(graph.only, self, bias, seed)


@dataclass(frozen=True)
class Node2VecWalks:
    """Steps that remember where they come from.

    Weight of an edge v -> x after t -> v: times 1/p if x = t, times 1 if t -> x is an edge,
    times 1/q if not. q > 1 stays near the start (breadth first), q < 1 moves away; p alone
    governs going straight back. `ties="strong"` is node2vec+: t -> x counts as an edge where its
    weight is at least the mean weight of x; a weaker one counts in part, 1/q + (1 - 1/q) w / mean,
    and min(1, 1/q) where v -> x itself is below the mean of v. With p = q = 1 both are `DeepWalks`.

    Source: Grover and Leskovec 2016, section 3.2; node2vec+: Liu et al. 2023, as in PecanPy 2.
    """

    p: float = 1.0
    q: float = 1.0
    count: int = 10
    length: int = 80
    weights: Weights = "given"
    ties: Ties = "present"

    def __post_init__(self) -> None:
        _usual(self.count, self.length)
        if not (self.p > 0 and self.q > 0 and np.isfinite([self.p, self.q]).all()):
            raise ValueError(f"p={self.p}, q={self.q}: both must be above 0; 0.25 to 4 is usual")

    @property
    def budget_mb(self) -> int:
        """Megabytes that the walks may take."""
        return DeepWalks.budget_mb

    def __call__(self, graph: Graph, seed: int) -> Ragged:
        """[n x count] walks of ids from 0."""
        order = SECOND if self.ties == "present" else STRONG
        return _walked(graph.only, self, Bias(1 / self.p, 1 / self.q, order), seed)


@dataclass(frozen=True)
class MetapathWalks:
    """Steps along named relations in turn, uniform within each: user, item, user, ...

    `path`: names of relations; the last ends at the type where the first begins, and it goes
    round. Ids are among all nodes, as `offsets` tells. Source: Dong et al. 2017.
    """

    path: tuple[str, ...]
    count: int = 1_000
    length: int = 100
    budget_mb: int = 4_000

    def __post_init__(self) -> None:
        _usual(self.count, self.length)
        if not self.path:
            raise ValueError("a metapath needs at least one relation")

    def __call__(self, graph: Graph, seed: int) -> Ragged:
        """[n x count] walks from the n nodes of the first relation's source type."""
        relations = chain(graph, self.path)
        _affordable(relations[0].sources * self.count, self.length, self.budget_mb)
        starts = _starts(relations[0].sources, self.count, seed)
        return _ragged(metapath.walk(_pattern(graph, relations), starts, self.length, seed))


Walks = DeepWalks | Node2VecWalks | MetapathWalks


def offsets(graph: Graph) -> Mapping[str, int]:
    """Node type -> what to add to an id within the type to number all nodes of the graph."""
    first = np.concatenate([[0], np.cumsum(list(graph.sizes.values()))])
    return {kind: int(at) for kind, at in zip(graph.sizes, first[:-1], strict=True)}


def isolated(relation: Relation) -> I64:
    """Nodes from which no edge leads: their walks are themselves alone."""
    return np.flatnonzero(relation.degree == 0)


def chain(graph: Graph, path: tuple[str, ...]) -> tuple[Relation, ...]:
    """The relations of a metapath, held to begin where the one before ends.

    Raises:
        ValueError: one does not; the message lists the relations that would.
    """
    relations = tuple(graph[name] for name in path)
    for before, after in zip(relations, (*relations[1:], relations[0]), strict=True):
        if after.key[0] != before.key[2]:
            able = [r.key[1] for r in graph.relations if r.key[0] == before.key[2]]
            raise ValueError(
                f"metapath {' > '.join(path)}: {before.key[1]!r} ends at {before.key[2]!r}, "
                f"{after.key[1]!r} begins at {after.key[0]!r}; from {before.key[2]!r} lead: "
                f"{', '.join(able) or 'none'}"
            )
    return relations


def _usual(count: int, length: int) -> None:
    if count < 1 or length < 2:
        raise ValueError(
            f"count={count}, length={length}: need at least 1 walk a node and 2 nodes a walk"
        )


def _walked(relation: Relation, plan: DeepWalks | Node2VecWalks, bias: Bias, seed: int) -> Ragged:
    if relation.key[0] != relation.key[2]:
        raise ValueError(
            f"relation {relation.key} leads from one type to another: walk it with MetapathWalks"
        )
    weighted = plan.weights == "given" and relation.weight is not None
    _sound(relation, weighted)
    most, words = hubs(relation.degree, relation.edges, bias.order, weighted)
    _affordable(relation.sources * plan.count, plan.length, plan.budget_mb, 8 * most * words)
    starts = _starts(relation.sources, plan.count, seed)
    weight = relation.weight if weighted else None
    rows = rows_of(relation.indptr, relation.indices, weight, bias.order)
    return _ragged(walks.walk(rows, starts, plan.length, bias, seed))


def _sound(relation: Relation, weighted: bool) -> None:
    """Refuses what a walk would read past or could not draw from."""
    if relation.edges and not 0 <= relation.indices.min() <= relation.indices.max() < (
        relation.targets
    ):
        raise ValueError(
            f"relation {relation.key}: target ids {relation.indices.min()} to "
            f"{relation.indices.max()}, allowed 0 to {relation.targets - 1:,}: build it again"
        )
    if not weighted or relation.weight is None:
        return
    wrong = np.flatnonzero(~(np.isfinite(relation.weight) & (relation.weight >= 0)))
    if len(wrong):
        row = int(np.searchsorted(relation.indptr, wrong[0], side="right")) - 1
        raise ValueError(
            f"relation {relation.key}: row {row} has weight {relation.weight[wrong[0]]}, need "
            "finite and >= 0: build it again, or drop the edge"
        )
    total = np.zeros(relation.edges + 1)
    np.cumsum(relation.weight, dtype=np.float64, out=total[1:])
    empty = (np.diff(total[relation.indptr]) <= 0) & (relation.degree > 0)
    if empty.any():
        raise ValueError(
            f"relation {relation.key}: all edges of node {int(empty.argmax())} weigh 0; drop "
            'them, or walk with weights="uniform"'
        )


def _starts(nodes: int, count: int, seed: int) -> I32:
    """[count x nodes]: every node once in each pass, the passes in orders of their own."""
    places = np.arange(nodes)
    orders = [shuffled(places, nodes, derived_seed(seed, "starts", k)) for k in range(count)]
    return np.concatenate(orders).astype(np.int32) if nodes else np.empty(0, np.int32)


def _affordable(count: int, length: int, budget_mb: int, bits: int = 0) -> None:
    need = 8 * count * length + bits  # int32, and a second copy where walks end early
    if need > budget_mb * MB:
        beside = f" and {bits / MB:,.0f} MB of neighbours as bits" if bits else ""
        raise ValueError(
            f"{count:,} walks of {length} nodes{beside} take up to {need / MB:,.0f} MB "
            f"({need:,} bytes), the budget is {budget_mb:,} MB; lower count or length, or raise "
            "budget_mb"
        )


def _pattern(graph: Graph, relations: tuple[Relation, ...]) -> metapath.Pattern:
    edges = np.concatenate([[0], np.cumsum([r.edges for r in relations])])
    rows = np.concatenate([[0], np.cumsum([r.sources + 1 for r in relations])])
    shift = offsets(graph)
    return metapath.Pattern(
        np.concatenate([r.indptr + at for r, at in zip(relations, edges, strict=False)]),
        rows[:-1].astype(np.int64),
        np.concatenate([r.indices for r in relations]),
        np.array([shift[r.key[0]] for r in (*relations, relations[0])], np.int64),
    )


def _ragged(found: tuple[I32, I64]) -> Ragged:
    return Ragged(torch.from_numpy(found[0]), torch.from_numpy(found[1]))
