"""Small random graphs, and how another library writes them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from polyrec.graph import Graph, Relation
from polyrec.nn.convs import Adjacency

Key = tuple[str, str, str]


def relation(key: Key, matrix: csr_matrix) -> Relation:
    matrix.sort_indices()
    return Relation(
        key, matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.shape[1],
        matrix.data.astype(np.float32),
    )  # fmt: skip


def random_relation(key: Key, sizes: tuple[int, int], share: float, seed: int = 0) -> Relation:
    """Edges of weight 1, each there with the given chance."""
    dense = np.random.default_rng(seed).random(sizes) < share
    return relation(key, csr_matrix(dense.astype(np.float32)))


def symmetric(n: int = 12, share: float = 0.2, seed: int = 0) -> Relation:
    """An undirected graph whose last node is isolated."""
    upper = np.triu(np.random.default_rng(seed).random((n, n)) < share, 1)
    upper[:, -1] = False
    return relation(("node", "knows", "node"), csr_matrix((upper | upper.T).astype(np.float32)))


def edge_index(adjacency: Adjacency) -> Tensor:
    """[2, E] as PyTorch Geometric has it: what is read, then who reads."""
    return torch.stack([adjacency.other.long(), adjacency.row.long()])


def library() -> Graph:
    """Papers, authors and terms, every type with something to read."""
    sizes = {"paper": 9, "author": 6, "term": 5}
    wrote = random_relation(("author", "wrote", "paper"), (6, 9), 0.4, 1)
    about = random_relation(("paper", "about", "term"), (9, 5), 0.4, 2)
    cites = random_relation(("paper", "cites", "paper"), (9, 9), 0.2, 3)
    return Graph(sizes, (wrote, about, cites)).with_reverses()


def vectors(graph: Graph, dim: int, seed: int = 0) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {kind: torch.randn(n, dim, generator=draw) for kind, n in graph.sizes.items()}


def copied(target: Tensor, source: Tensor) -> None:
    with torch.no_grad():
        target.copy_(source.reshape(target.shape))


def as_float64(graph: Mapping[Key, Adjacency]) -> dict[Key, Adjacency]:
    return {key: adjacency.to(torch.float64) for key, adjacency in graph.items()}
