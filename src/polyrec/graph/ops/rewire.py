"""The control for "structure helps": a random graph in which every node keeps its degree."""

from __future__ import annotations

from typing import Any

import numpy as np

from polyrec.graph.change import edges_of, is_symmetric
from polyrec.graph.csr import Relation
from polyrec.graph.edges import Edges, relation_of
from polyrec.kernels.graphs.swaps import exchanged

SWAPS = 10  # of each edge


def rewire(relation: Relation, seed: int, swaps: float = SWAPS) -> Relation:
    """The relation after random double edge swaps: (a, b), (c, d) become (a, d), (c, b).

    A symmetric relation stays symmetric, and every node keeps its degree; of a directed one, or
    one between two types, both the out- and the in-degrees stay. No edge becomes double, and none
    a loop; loops stay where they are. Weights, times and kinds stay with the edge's source; of a
    symmetric relation with the edge.

    Args:
        seed: the same seed gives the same graph, whatever the number of threads.
        swaps: exchanges wanted, for each edge; a share below 1 disturbs part of the graph.

    Raises:
        ValueError: swaps < 0.
    """
    if swaps < 0:
        raise ValueError(f"swaps={swaps} an edge; 0 or more; for example 10")
    undirected = is_symmetric(relation)
    edges = edges_of(relation)
    same_type = relation.key[0] == relation.key[2]
    loop = (edges.source == edges.target) & same_type
    free = edges.take(~loop & (edges.source < edges.target) if undirected else ~loop)
    source, target = free.source.astype(np.int64), free.target.astype(np.int64)
    kind = "undirected" if undirected else "directed" if same_type else "crossing"
    exchanged(source, target, kind, int(swaps * len(source)), seed)
    parts = [edges.take(loop), Edges(source, target, free.weight, free.time, free.kind)]
    if undirected:
        parts.append(Edges(target, source, free.weight, free.time, free.kind))
    size = (relation.sources, relation.targets)
    return relation_of(relation.key, _joined(parts), size, "last", "keep")[0]


def _joined(parts: list[Edges]) -> Edges:
    def column(name: str) -> Any:
        held = [getattr(part, name) for part in parts]
        return None if held[0] is None else np.concatenate(held)

    ends = column("source"), column("target")
    return Edges(*ends, column("weight"), column("time"), column("kind"))
