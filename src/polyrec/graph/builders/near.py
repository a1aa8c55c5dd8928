"""What lies near what: the k nearest of every vector."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from polyrec.graph.account import BuildReport
from polyrec.graph.change import symmetric
from polyrec.graph.csr import F32, Graph, Relation
from polyrec.graph.edges import Edges, relation_of
from polyrec.index import top
from polyrec.types import Ragged

BLOCK = 4096  # rows whose neighbours are gathered together
Metric = Literal["cosine", "dot", "euclidean"]
Ends = Literal["directed", "max", "mutual"]


def knn(
    vectors: NDArray[np.floating],
    k: int = 20,
    metric: Metric = "cosine",
    ends: Ends = "directed",
    node: str = "item",
) -> tuple[Graph, BuildReport]:
    """An edge to each of the k nearest other vectors, found exactly.

    Args:
        vectors: [n, D]; row i is node i.
        metric: `cosine` and `dot` weigh an edge with the similarity, and edges of 0 or less are
            dropped; `euclidean` weighs it 1 / (1 + distance).
        ends: `directed` keeps the k of each row; `max` adds each edge's opposite (a hub has
            more than k then); `mutual` keeps those that are there both ways.

    Raises:
        ValueError: k < 1, a value that is not finite, or vectors that are no table.
    """
    if k < 1:
        raise ValueError(f"k={k}; at least 1 neighbour; for example 20")
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise ValueError(
            f"vectors of shape {vectors.shape} must be [n, D] and finite; repair or drop the rows"
        )
    count = len(vectors)
    near, score = _nearest(np.asarray(vectors, np.float32), min(k, count - 1), metric)
    source = np.repeat(np.arange(count), near.shape[1])
    edges = Edges(source, near.ravel(), score.ravel())
    alike = (near.ravel() >= 0) & (score.ravel() > 0)
    key = (node, "near", node)
    relation, report = relation_of(key, edges.take(alike), (count, count))
    apart = {"neighbours with a similarity of 0 or less": int((~alike).sum())}
    return Graph({node: count}, (_ended(relation, ends),)), report.with_dropped(apart)


def _nearest(vectors: F32, k: int, metric: Metric) -> tuple[NDArray[np.int64], F32]:
    """[n, k] ids (-1 = none) and weights."""
    count = len(vectors)
    if k < 1:
        return np.empty((count, 0), np.int64), np.empty((count, 0), np.float32)
    queries, items = vectors, vectors
    if metric == "cosine":
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        queries = items = (vectors / np.where(length > 0, length, 1)).astype(np.float32)
    elif metric == "euclidean":
        half = (vectors**2).sum(1, keepdims=True) / 2
        queries = np.hstack([vectors, np.ones((count, 1), np.float32)])
        items = np.hstack([vectors, -half])
    table = torch.from_numpy(np.vstack([np.zeros((1, items.shape[1]), np.float32), items]))
    own = Ragged(torch.arange(1, count + 1), torch.arange(count + 1))
    ids, scores = top(torch.from_numpy(np.ascontiguousarray(queries))[:, None], table, k, own)
    near, weight = ids.numpy().astype(np.int64) - 1, scores.numpy()
    if metric == "euclidean":
        weight = 1 / (1 + _distance(vectors, near))
    return near, weight.astype(np.float32)


def _distance(vectors: F32, near: NDArray[np.int64]) -> F32:
    """[n, k]: from each vector to its neighbours, in blocks; exact where scores would cancel."""
    out = np.empty(near.shape, np.float32)
    for first in range(0, len(near), BLOCK):
        rows = slice(first, first + BLOCK)
        out[rows] = np.linalg.norm(vectors[near[rows]] - vectors[rows, None], axis=2)
    return out


def _ended(relation: Relation, ends: Ends) -> Relation:
    if ends == "directed":
        return relation
    if ends == "max":
        return symmetric(relation)
    back = relation.reverse().matrix()
    forth = relation.matrix()
    both = forth.multiply(back > 0).minimum(back.multiply(forth > 0)).tocsr()
    both.sort_indices()
    return Relation(
        relation.key,
        both.indptr.astype(np.int64),
        both.indices.astype(np.int32),
        relation.targets,
        both.data.astype(np.float32),
    )
