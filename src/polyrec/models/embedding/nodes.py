"""Vectors of nodes: walks are the sentences, nodes the words.

Node i (from 0) is word i + 1. Letters: n nodes, d width, E edges.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from polyrec.graph.csr import Graph
from polyrec.graph.walks import DeepWalks, MetapathWalks, Node2VecWalks, Walks
from polyrec.kernels.draws import alias_table
from polyrec.kernels.graphs.rng import purpose, words_of
from polyrec.models.embedding.training import Training
from polyrec.models.embedding.words import Word2Vec
from polyrec.types import Progress, Ragged

# one pass: the walks themselves repeat every node
WALKS = Training(window=10, epochs=1, min_count=1)
MB = 2**20


class NodeVectors(nn.Module):
    """Nodes that walks bring together lie together.

    Which walks, and how their nodes are told apart, makes DeepWalk, node2vec, metapath2vec or
    LINE-2 of it; the functions of this file name them. An isolated node keeps its start and is
    cold.
    """

    def __init__(self, words: Word2Vec, walks: Walks | Edges, typed: str = "alike") -> None:
        super().__init__()
        self.words, self.walks, self.typed = words, walks, typed

    def solve(self, graph: Graph, progress: Progress) -> None:
        """Walks, then learns from the walks.

        Raises:
            ValueError: the graph has another number of nodes, or cannot be walked so.
        """
        nodes = sum(graph.sizes.values())
        if nodes != len(self.words.seen) - 1:
            raise ValueError(
                f"the graph has {nodes:,} nodes, the model {len(self.words.seen) - 1:,}: a table "
                "of ids cannot meet new nodes; make a new model, or use cold_start"
            )
        walked = self.walks(graph, progress.seed_of("walks"))
        corpus = Ragged(walked.values + 1, walked.start)
        sizes = np.array(list(graph.sizes.values())) if self.typed == "apart" else None
        self.words.solve(corpus, progress, sizes)

    @property
    def vectors(self) -> Tensor:
        """[n, d], in the order of nodes."""
        return self.words.input[1:]


@dataclass(frozen=True)
class Edges:
    """Edges drawn in proportion to their weight, each a sentence of two: LINE-2's samples."""

    count: int = 100  # samples an edge of the graph
    budget_mb: int = 4_000

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count={self.count}: need at least 1 sample an edge")

    def __call__(self, graph: Graph, seed: int) -> Ragged:
        """[count x E] pairs of source and target, ids from 0."""
        relation = graph.only
        size = self.count * relation.edges
        if 40 * size > self.budget_mb * MB:
            raise ValueError(
                f"{size:,} drawn edges take {40 * size / MB:,.0f} MB, the budget is "
                f"{self.budget_mb:,} MB; lower count or raise budget_mb"
            )
        words = words_of(seed, purpose("edges"), np.arange(size), 2)
        edge = ((words[:, 0] >> np.uint64(32)) * np.uint64(relation.edges)) >> np.uint64(32)
        edge = edge.astype(np.int64)
        if relation.weight is not None:
            chance, alias = alias_table(relation.weight.astype(np.float64))
            stays = (words[:, 1] >> np.uint64(11)) * 2.0**-53 < chance[edge]
            edge = np.where(stays, edge, alias[edge])
        pairs = np.stack([relation.row[edge], relation.indices[edge]], 1).astype(np.int32)
        return Ragged(torch.from_numpy(pairs.ravel()), torch.arange(size + 1) * 2)


def deepwalk(
    nodes: int, dim: int = 128, walks: DeepWalks = DeepWalks(), how: Training | None = None
) -> NodeVectors:
    """DeepWalk as published: uniform walks (or by weight), skip-gram, a Huffman tree.

    Source: Perozzi et al. 2014; the tree, not negatives, is the original.
    """
    how = replace(WALKS, output="tree") if how is None else how
    return NodeVectors(Word2Vec(nodes, dim, how), walks)


def node2vec(
    nodes: int,
    dim: int = 128,
    walks: Node2VecWalks = Node2VecWalks(),
    how: Training = WALKS,
) -> NodeVectors:
    """node2vec (and node2vec+, by `ties="strong"`): walks with a memory of one step, negatives.

    Source: Grover and Leskovec 2016. It does not beat DeepWalk in general: compare at equal
    budget.
    """
    return NodeVectors(Word2Vec(nodes, dim, how), walks)


def metapath2vec(
    nodes: int,
    path: tuple[str, ...],
    dim: int = 128,
    walks: MetapathWalks | None = None,
    how: Training = replace(WALKS, window=7),
) -> NodeVectors:
    """metapath2vec: walks along named relations in turn; `nodes` of all types together.

    Source: Dong et al. 2017, section 3.2.
    """
    return NodeVectors(Word2Vec(nodes, dim, how), walks or MetapathWalks(path))


def metapath2vec_apart(
    nodes: int,
    path: tuple[str, ...],
    dim: int = 128,
    walks: MetapathWalks | None = None,
    how: Training = replace(WALKS, window=7),
) -> NodeVectors:
    """metapath2vec++: as metapath2vec, but a node is told from others of its own type alone."""
    return NodeVectors(Word2Vec(nodes, dim, how), walks or MetapathWalks(path), "apart")


def line2(nodes: int, dim: int = 128, edges: Edges = Edges(), negatives: int = 5) -> NodeVectors:
    """LINE's second order: nodes with the same neighbours lie together; a baseline.

    Skip-gram on drawn edges, negatives in proportion to degree ** 0.75. Source: Tang et al. 2015.
    """
    how = replace(WALKS, reading="pair", negatives=negatives)
    return NodeVectors(Word2Vec(nodes, dim, how), edges)
