"""A graph of communities whose members share words, small enough to train on in a test."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix

from polyrec.graph import Relation
from polyrec.models.graphs.batches import NodeTask
from polyrec.nn.convs import Adjacency

CLASSES, WORDS = 3, 60


def communities(n: int = 240, noise: float = 0.75, seed: int = 0) -> NodeTask:
    """Three classes; nodes link mostly within their own, and use its words now and then."""
    draw = np.random.default_rng(seed)
    label = np.arange(n) % CLASSES
    same = label[:, None] == label
    linked = np.triu(draw.random((n, n)) < np.where(same, 12, 1) / n, 1)
    linked |= linked.T
    chance = np.where(np.arange(WORDS) % CLASSES == label[:, None], 1 - noise, noise * 0.06)
    x = draw.random((n, WORDS)) < np.minimum(chance, 1)
    order = torch.from_numpy(draw.permutation(n))
    parts = {"train": order[:30], "valid": order[30:90], "test": order[90:]}
    features = Adjacency.of_matrix(csr_matrix(x.astype(np.float32)))
    return NodeTask(as_relation(linked), features, torch.from_numpy(label), parts)


def as_relation(linked: np.ndarray) -> Relation:
    matrix = csr_matrix(linked.astype(np.float32))
    return Relation(
        ("node", "knows", "node"), matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int32), len(linked),
    )  # fmt: skip
