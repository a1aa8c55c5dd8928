"""Features of a node's surroundings: degree, clustering, core."""

from __future__ import annotations

import numpy as np

from polyrec.graph.change import is_symmetric
from polyrec.graph.csr import F64, I64, Relation
from polyrec.kernels.graphs.structure import cores, triangles


def degree(relation: Relation) -> I64:
    """[sources]: edges of each node, loops among them."""
    return relation.degree


def clustering(relation: Relation) -> F64:
    """[n]: how many pairs of a node's neighbours are joined themselves, as a share.

    0 for nodes with fewer than two neighbours. Loops are looked through.

    Raises:
        ValueError: the relation is directed.
    """
    _refuse_directed(relation, "clustering")
    found = triangles(relation.indptr, relation.indices)
    neighbours = relation.degree - loops(relation)
    pairs = neighbours * (neighbours - 1) / 2
    return found / np.maximum(pairs, 1)


def core_number(relation: Relation) -> I64:
    """[n]: the largest k such that the node is in a subgraph where all have k neighbours.

    A loop counts as one neighbour.

    Raises:
        ValueError: the relation is directed.
    """
    _refuse_directed(relation, "core_number")
    return cores(relation.indptr, relation.indices)


def loops(relation: Relation) -> I64:
    """[n]: 1 where a node has an edge to itself."""
    own = relation.row[relation.row == relation.indices]
    return np.bincount(own, minlength=relation.sources)


def _refuse_directed(relation: Relation, what: str) -> None:
    if not is_symmetric(relation):
        raise ValueError(
            f"{what} is of undirected graphs, and relation {relation.key} is not one; "
            "use graph.symmetric(), or flat(graph).relation for several node types"
        )
