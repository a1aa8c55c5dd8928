"""Adjacency as models multiply with it: rows that sum to 1, symmetric forms, Laplacians.

A node without edges has a row of zeros everywhere: never an infinity, never NaN.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from scipy.sparse import csr_matrix, diags

from polyrec.graph.change import edges_of, is_symmetric
from polyrec.graph.csr import F64, Relation
from polyrec.graph.edges import Edges, refuse_weightless, relation_of

Normal = Literal["row", "sym", "gcn", "none"]
NORMALS = ("row", "sym", "gcn", "none")


def normalised(relation: Relation, how: Normal) -> Relation:
    """The relation with its weights normalised; degrees are sums of weights.

    - `row`: D^-1 A, a random walk's transitions.
    - `sym`: D^-1/2 A D^-1/2. Between two types, by the degrees of both ends: the upper right
      block of the same form of the whole bipartite matrix.
    - `gcn`: (D + I)^-1/2 (A + I) (D + I)^-1/2: every node gets one loop of weight 1, unless it
      has one, which stays as it is.
    - `none`: weights as they are.

    Raises:
        ValueError: `sym` or `gcn` of a directed relation, `gcn` between two types, a node
            whose edges all weigh 0, or an unknown name.
    """
    if how not in NORMALS:
        raise ValueError(f"normalisation {how!r}; one of {', '.join(NORMALS)}")
    refuse_weightless(relation)
    if how == "none":
        return replace(relation, weight=relation.weights)
    if how == "row":
        return _scaled(relation, 1 / _at_least_tiny(out_strength(relation)), None)
    _refuse_directed(relation, how)
    if how == "gcn":
        relation = with_loops(relation)
    left = 1 / np.sqrt(_at_least_tiny(out_strength(relation)))
    right = 1 / np.sqrt(_at_least_tiny(in_strength(relation)))
    return _scaled(relation, left, right)


def with_loops(relation: Relation) -> Relation:
    """Each node with an edge to itself: of weight 1 where there was none.

    Raises:
        ValueError: the ends are of two types.
    """
    if relation.key[0] != relation.key[2]:
        raise ValueError(
            f"relation {relation.key} joins two node types, so it has no loops; use "
            'how="sym", or flat(graph).relation'
        )
    own = relation.row[relation.row == relation.indices]
    bare = np.setdiff1d(np.arange(relation.sources), own)
    edges = edges_of(relation)
    grown = Edges(
        np.concatenate([edges.source, bare]),
        np.concatenate([edges.target, bare]).astype(np.int64),
        np.concatenate([relation.weights, np.ones(len(bare), np.float32)]),
    )
    size = (relation.sources, relation.targets)
    return relation_of(relation.key, grown, size, "last", "keep")[0]


def laplacian(relation: Relation, how: Literal["plain", "sym"] = "sym") -> csr_matrix:
    """[n, n], float64: D - A, or I - D^-1/2 A D^-1/2 with its eigenvalues in [0, 2].

    Raises:
        ValueError: the relation is directed or joins two types.
    """
    _refuse_directed(relation, how)
    if relation.key[0] != relation.key[2]:
        raise ValueError(f"relation {relation.key} joins two node types; take flat(graph).relation")
    if how == "plain":
        adjacency = relation.matrix().astype(np.float64)
        return csr_matrix(diags(np.asarray(adjacency.sum(1)).ravel()) - adjacency)
    matrix = normalised(relation, "sym").matrix().astype(np.float64)
    return csr_matrix(diags(np.ones(relation.sources)) - matrix)


def out_strength(relation: Relation) -> F64:
    """[sources], float64: the summed weight of each row."""
    return np.bincount(relation.row, relation.weights, relation.sources).astype(np.float64)


def in_strength(relation: Relation) -> F64:
    """[targets], float64: the summed weight of the edges that arrive."""
    return np.bincount(relation.indices, relation.weights, relation.targets).astype(np.float64)


def _scaled(relation: Relation, left: F64, right: F64 | None) -> Relation:
    scale = left[relation.row]
    if right is not None:  # the two first, so that opposite edges get the same bits
        scale = scale * right[relation.indices]
    return replace(relation, weight=(relation.weights * scale).astype(np.float32))


def _at_least_tiny(strength: F64) -> F64:
    """Nodes without edges have nothing to scale: any finite number serves."""
    return np.where(strength > 0, strength, 1)


def _refuse_directed(relation: Relation, how: str) -> None:
    if relation.key[0] == relation.key[2] and not is_symmetric(relation):
        raise ValueError(
            f"relation {relation.key} is directed, {how!r} needs every edge both ways; "
            "use graph.symmetric()"
        )
