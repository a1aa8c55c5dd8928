"""An order of a graph's nodes in which those with common neighbours stand together.

A product with the graph's matrix reads a row for every edge. Where neighbours' rows lie side by
side they are in the cache already, and the product takes half the time (`spmm` of
`benchmarks/graph_cf.py` times both).

Letters: n sources, m targets, K vectors.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from polyrec.graph.csr import F64, I64, Relation

VECTORS = 4  # one alone leaves a seventh more time on Gowalla, six bring no more
STEPS = 10  # of the power iteration; 20 bring no more there
CUTS = 10  # 1,024 parts
SEED = 1  # of its start


def side_by_side(relation: Relation) -> tuple[I64, I64]:
    """Both sides of a relation, parted by the loosest cuts of the graph again and again.

    Nodes lie at the first singular vectors of D^-1/2 A D^-1/2 after the known one (the roots of
    degrees), divided by the roots of their degrees: who has common neighbours lies near. They are
    halved by the first coordinate, the halves by the second, and so on in turn, as a k-d tree
    does (Bentley 1975). Weights are not looked at.

    Returns:
        Sources [n] and targets [m] in their new order.
    """
    sources, targets = _places(relation)
    parts = [np.arange(len(sources) + len(targets))]
    place = np.concatenate([sources, targets])
    for cut in range(CUTS):
        axis = place[:, cut % VECTORS]
        parts = [half for part in parts for half in np.array_split(_along(part, axis), 2)]
    order = np.concatenate(parts)
    return order[order < len(sources)], order[order >= len(sources)] - len(sources)


def _along(part: I64, axis: F64) -> I64:
    return part[np.argsort(axis[part], kind="stable")]


def _places(relation: Relation) -> tuple[F64, F64]:
    """[n, K] and [m, K], by a power iteration of all vectors together."""
    ones = np.ones(relation.edges)
    a = csr_matrix((ones, relation.indices, relation.indptr), (relation.sources, relation.targets))
    rows, columns = (np.asarray(a.sum(axis)).ravel() for axis in (1, 0))
    left, right = (np.maximum(d, 1)[:, None] ** -0.5 for d in (rows, columns))
    known = np.sqrt(columns / max(columns.sum(), 1))
    v = np.random.default_rng(SEED).normal(size=(len(columns), VECTORS))
    for _ in range(STEPS):
        u = left * (a @ (right * _orthonormal(v, known)))
        v = right * (a.T @ (left * u))
    v = _orthonormal(v, known)
    return left * left * (a @ (right * v)), right * v


def _orthonormal(v: F64, known: F64) -> F64:
    """Columns at right angles to the known one and to each other; sums are in one fixed order."""
    found = [known]
    for column in v.T:
        for other in found:
            column = column - other * np.sum(other * column)  # `@` adds up as threads share it
        length = np.sqrt(np.sum(column * column))
        found.append(column / max(float(length), np.finfo(float).tiny))
    return np.stack(found[1:], axis=1)
