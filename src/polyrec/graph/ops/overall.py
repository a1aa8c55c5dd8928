"""Features of a node's place in the whole: components, PageRank from seeds, Laplacian vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, eigsh

from polyrec.graph.csr import F64, I64, Relation
from polyrec.graph.edges import Edges, relation_of
from polyrec.graph.ops.normal import normalised, out_strength
from polyrec.kernels.graphs.structure import Push, Rows, push

DENSE = 300  # up to this many nodes the spectrum is computed whole


def components(relation: Relation) -> I64:
    """[n]: the connected component of each node, the largest numbered 0; directions are ignored.

    Raises:
        ValueError: the relation joins two node types.
    """
    if relation.key[0] != relation.key[2]:
        raise ValueError(f"relation {relation.key} joins two node types; take flat(graph).relation")
    _, found = connected_components(relation.matrix(), directed=False)
    order = np.argsort(-np.bincount(found), kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    numbers: I64 = rank[found]
    return numbers


def ppr(
    relation: Relation,
    seeds: NDArray[np.integer],
    k: int = 100,
    alpha: float = 0.15,
    tolerance: float = 1e-7,
) -> Relation:
    """From each seed to the k nodes where a walk that goes home with chance alpha is most often.

    Row s holds seed s's k largest personalised PageRanks (the seed's own among them), as weights;
    a full row sums to 1. A walk that can't go on goes home. Mass of at most
    tolerance * (E + n) is not followed, so values are low by at most that.

    Memory: k a seed and 33 bytes a node and thread; nothing of seeds x nodes.

    Raises:
        ValueError: alpha outside (0, 1), tolerance or k not positive, a seed that is no node, or
            a relation between two types.
    """
    if not 0 < alpha < 1 or tolerance <= 0 or k < 1:
        raise ValueError(
            f"ppr: alpha={alpha}, tolerance={tolerance}, k={k}; alpha must lie in (0, 1), "
            "tolerance above 0, k at 1 or more; for example .15, 1e-7, 100"
        )
    if relation.key[0] != relation.key[2]:
        raise ValueError(f"relation {relation.key} joins two node types; take flat(graph).relation")
    seeds = checked_seeds(relation, seeds)
    share = normalised(relation, "row").weights.astype(np.float64)
    rows = Rows(relation.indptr, relation.indices, share)
    ids, value = push(rows, seeds, Push(alpha, tolerance), min(k, relation.sources))
    found = ids.ravel() >= 0
    source = np.repeat(np.arange(len(seeds)), ids.shape[1])[found]
    edges = Edges(source, ids.ravel()[found], value.ravel()[found])
    key = ("seed", "near", relation.key[2])
    return relation_of(key, edges, (len(seeds), relation.targets))[0]


def laplacian_vectors(relation: Relation, k: int) -> tuple[F64, F64]:
    """The k smoothest ways to number the nodes: eigenvalues [k] and unit vectors [n, k].

    Eigenvectors of I - D^-1/2 A D^-1/2 with the smallest eigenvalues, those of value 0 left out
    (they only tell which component a node is in). A vector's largest entry is positive. Isolated
    nodes are 0 throughout; nothing is known of them.

    Raises:
        ValueError: k < 1 or more than there are, or a relation that is not symmetric.
    """
    plain = normalised(relation, "sym").matrix().astype(np.float64)
    joined = np.flatnonzero(relation.degree > 0)
    matrix = plain[joined][:, joined].tocsr()
    parts = _component_vectors(relation, joined)
    most = len(joined) - parts.shape[1]
    if not 1 <= k <= most:
        raise ValueError(
            f"k={k}; this graph has {max(most, 0):,} vectors beside those that name its "
            "components; take from 1 to that many"
        )
    values, vectors = _largest(matrix, parts, k)
    signs = np.sign(vectors[np.abs(vectors).argmax(0), np.arange(k)])
    whole = np.zeros((relation.sources, k))
    whole[joined] = vectors * signs
    return 1 - values, whole


def checked_seeds(relation: Relation, seeds: NDArray[np.integer]) -> I64:
    """The seeds as int64.

    Raises:
        ValueError: one is no node.
    """
    bad = (seeds < 0) | (seeds >= relation.sources)
    if bad.any():
        raise ValueError(
            f"seed {seeds[bad.argmax()]}, allowed are nodes 0..{relation.sources - 1:,}"
        )
    return np.asarray(seeds, np.int64)


def _component_vectors(relation: Relation, joined: I64) -> csr_matrix:
    """[n', components]: the unit vectors of eigenvalue 0, sqrt(degree) on each component."""
    part = np.unique(components(relation)[joined], return_inverse=True)[1]
    root = np.sqrt(out_strength(relation)[joined])
    count = int(part.max()) + 1 if len(part) else 0
    length = np.sqrt(np.bincount(part, root**2, count))
    shape = (len(joined), count)
    return csr_matrix((root / length[part], (np.arange(len(joined)), part)), shape)


def _largest(matrix: csr_matrix, parts: csr_matrix, k: int) -> tuple[F64, F64]:
    """The k largest eigenvalues (descending) and vectors, those of `parts` moved to -1."""
    size = matrix.shape[0]
    if size <= max(DENSE, 3 * k):
        values, vectors = np.linalg.eigh(matrix.toarray() - 2 * (parts @ parts.T).toarray())
    else:

        def apply(x: F64) -> F64:
            return np.asarray(matrix @ x - 2 * (parts @ (parts.T @ x)))

        operator = LinearOperator(matrix.shape, matvec=apply, dtype=np.float64)
        start = np.cos(np.arange(size) + 1.0)  # any fixed vector that is in no eigenspace
        values, vectors = eigsh(operator, k, which="LA", v0=start)
    order = np.argsort(-values, kind="stable")[:k]
    return values[order], vectors[:, order]
