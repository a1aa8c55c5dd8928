"""Other graphs from a graph: both directions, an earlier time, more nodes, all types as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from polyrec.graph.account import BuildReport
from polyrec.graph.csr import I64, REVERSED, Graph, Relation
from polyrec.graph.edges import Edges, from_sorted, relation_of
from polyrec.kernels.graphs.cooccur import heaviest


def edges_of(relation: Relation) -> Edges:
    """The relation as a list of edges, by (source, target)."""
    return Edges(relation.row, relation.indices, relation.weight, relation.time, relation.kind)


def is_symmetric(relation: Relation) -> bool:
    """Every edge has its opposite, of the same weight; False between two node types."""
    if relation.key[0] != relation.key[2]:
        return False
    back = relation.reverse()
    same = (relation.indptr == back.indptr).all() and (relation.indices == back.indices).all()
    if relation.weight is None or back.weight is None:
        return bool(same)
    return bool(same and (relation.weight == back.weight).all())


def symmetric(relation: Relation) -> Relation:
    """The undirected form: an edge each way, the heavier of the two weights, the later time.

    A relation that is symmetric comes back as it is. Relations between two types have their
    reverse instead (`Graph.with_reverses`).

    Raises:
        ValueError: the ends are of two types.
    """
    source, name, target = relation.key
    if source != target:
        raise ValueError(
            f"relation {relation.key} joins two node types, so it has no undirected form; "
            "use graph.with_reverses()"
        )
    if is_symmetric(relation):
        return relation
    one, other = edges_of(relation), edges_of(relation.reverse())
    both = _beside(one, other)
    size = relation.sources
    heavier = (
        np.arange(len(both)) if both.weight is None else np.argsort(both.weight, kind="stable")
    )
    plain = Edges(both.source, both.target, both.weight).take(heavier)
    made, _ = relation_of((source, name, target), plain, (size, size), "last", "keep")
    bare = replace(both, weight=None)  # the later edge may be the one of weight 0
    late, _ = relation_of((source, name, target), bare, (size, size), "last", "keep")
    return replace(made, time=late.time, kind=late.kind)


def renumbered(relation: Relation, sources: I64, targets: I64) -> Relation:
    """The same edges between nodes in another order: row i is of the source sources[i].

    Args:
        sources: [n], each old source once; targets: [m], likewise.
    """
    row, column = np.empty_like(sources), np.empty_like(targets)
    row[sources], column[targets] = np.arange(len(sources)), np.arange(len(targets))
    edges = edges_of(relation)
    edges = replace(edges, source=row[edges.source], target=column[edges.target])
    order = np.lexsort((edges.target, edges.source))
    return from_sorted(relation.key, edges.take(order), (relation.sources, relation.targets))


def before(relation: Relation, time: int) -> Relation:
    """Only the edges before `time` (milliseconds); the nodes stay.

    An edge merged from several events carries the last one's time, so what is left rests on
    events before `time` alone; an edge with one event before and one after is left out. Builders
    with `until=time` keep it.

    Raises:
        ValueError: the relation has no times.
    """
    if relation.time is None:
        raise ValueError(
            f"relation {relation.key} has no times to cut at; build it again with until="
        )
    return from_sorted(
        relation.key,
        edges_of(relation).take(relation.time < time),
        (relation.sources, relation.targets),
    )


def extended(
    graph: Graph, sizes: Mapping[str, int], edges: Mapping[str, Edges]
) -> tuple[Graph, Mapping[str, BuildReport]]:
    """The graph with more nodes and edges: old ids stay, new ones follow them.

    Args:
        sizes: node type -> nodes afterwards; types left out keep theirs.
        edges: relation -> edges to add; an edge that is there already is merged by `last`. A
            reverse of a relation named here is made anew from it.

    Raises:
        ValueError: a type would shrink, or an edge is bad.
        KeyError: no such type or relation.
    """
    for kind, size in sizes.items():
        if kind not in graph.sizes:
            raise KeyError(f"no node type {kind!r}; there are: {', '.join(graph.sizes)}")
        if size < graph.sizes[kind]:
            raise ValueError(
                f"type {kind!r} has {graph.sizes[kind]:,} nodes and would have {size:,}; "
                "nodes are only added, so that old ids stay"
            )
    for name in edges:
        graph[name]
    whole = {**graph.sizes, **sizes}
    grown, reports = {}, {}
    for relation in graph.relations:
        name, (source, _, target) = relation.key[1], relation.key
        more = edges.get(name, Edges(np.empty(0, np.int64), np.empty(0, np.int64)))
        every = _beside(edges_of(relation), more)
        loops = relation_of(relation.key, every, (whole[source], whole[target]), "last", "keep")
        grown[name], reports[name] = loops
    for name in edges:
        if (back := REVERSED + name) in grown and back not in edges:
            grown[back] = grown[name].reverse()
    return Graph(whole, tuple(grown.values())), reports


@dataclass(frozen=True)
class Flat:
    """All nodes of a graph in one numbering; type t has ids `start[t]` and on."""

    relation: Relation  # of the one type "node"
    start: Mapping[str, int]


def flat(graph: Graph) -> Flat:
    """Every type and relation as one square relation, both directions of each edge.

    For what looks at structure alone (components, reach, propagation over users and items at
    once). Edges that meet in two relations keep the heavier weight.
    """
    start, total = dict[str, int](), 0
    for kind, size in graph.sizes.items():
        start[kind], total = total, total + size
    parts = [
        Edges(r.row + start[r.key[0]], r.indices.astype(np.int64) + start[r.key[2]], r.weight)
        for r in graph.relations
    ]
    every = parts[0] if parts else Edges(np.empty(0, np.int64), np.empty(0, np.int64))
    for part in parts[1:]:
        every = _beside(every, part)
    if every.weight is not None:
        every = every.take(np.argsort(every.weight, kind="stable"))
    one, _ = relation_of(("node", "edge", "node"), every, (total, total), "last", "keep")
    return Flat(symmetric(one), start)


def _beside(one: Edges, other: Edges) -> Edges:
    """Both lists, one after the other; a column stays where either has it."""
    if len(one) and len(other) and (one.time is None) != (other.time is None):
        raise ValueError("some of the edges have times and some have none; give all or none")

    def column(name: str, missing: float) -> I64 | None:
        parts = [getattr(part, name) for part in (one, other)]
        if all(part is None for part in parts):
            return None
        lengths = (len(one), len(other))
        whole = [
            np.full(length, missing) if part is None else part
            for part, length in zip(parts, lengths, strict=True)
        ]
        if name != "weight":
            whole = [part.astype(np.int64) for part in whole]
        return np.concatenate(whole)

    return Edges(
        np.concatenate([one.source, other.source]).astype(np.int64),
        np.concatenate([one.target, other.target]).astype(np.int64),
        column("weight", 1),
        column("time", 0),
        column("kind", 0),
    )


def strongest(relation: Relation, k: int) -> Relation:
    """The k heaviest edges of each row; of equal ones, and without weights, the lower ids.

    Raises:
        ValueError: k < 1.
    """
    if k < 1:
        raise ValueError(f"k={k}; at least 1 edge a node; to drop all edges drop the relation")
    kept = edges_of(relation).take(heaviest(relation.indptr, relation.weights, k))
    return from_sorted(relation.key, kept, (relation.sources, relation.targets))
