"""A citation graph from one file of plain arrays; nothing in it is unpickled.

Arrays: x_data, x_indices, x_indptr, x_shape (sparse features), y [n] (-1 = no class), edges [E, 2]
(each once, undirected), train, val, test (node ids).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from scipy.sparse import csr_matrix

from polyrec.graph import Graph, Relation
from polyrec.models.graphs.batches import NodeTask, judged
from polyrec.models.graphs.typed import TypedTask
from polyrec.nn.convs import Adjacency

NEEDED = (
    "x_data", "x_indices", "x_indptr", "x_shape", "y", "edges", "train", "val", "test",
)  # fmt: skip
PARTS = {"train": "train", "valid": "val", "test": "test"}
KEY = ("paper", "cites", "paper")


def planetoid(path: Path, features: Literal["rows", "raw"] = "rows") -> tuple[NodeTask, int]:
    """A task, and how many nodes of the test part have no class and are left out.

    Raises:
        FileNotFoundError: no such file.
        ValueError: an array is missing, or an edge or a part names a node that is not there.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: give the .npz of a graph with --data")
    with np.load(path, allow_pickle=False) as stored:
        missing = [name for name in NEEDED if name not in stored]
        if missing:
            raise ValueError(f"{path}: lacks {', '.join(missing)}; needed are {', '.join(NEEDED)}")
        arrays = {name: stored[name] for name in NEEDED}
    return made(arrays, features)


def made(arrays: Mapping[str, Any], features: Literal["rows", "raw"]) -> tuple[NodeTask, int]:
    """As `planetoid`, from arrays at hand."""
    label = torch.from_numpy(arrays["y"].astype(np.int64))
    n = len(label)
    for name in ("edges", "train", "val", "test"):
        ids = arrays[name]
        if len(ids) and not (ids.min() >= 0 and ids.max() < n):
            raise ValueError(f"{name}: node {ids.max()} or {ids.min()} is outside 0..{n - 1}")
    found = {name: judged(label, torch.from_numpy(arrays[of].astype(np.int64)))
             for name, of in PARTS.items()}  # fmt: skip
    parts = {name: kept for name, (kept, _) in found.items()}
    x = Adjacency.of_matrix(_features(arrays, features))
    return NodeTask(undirected(arrays["edges"], n), x, label, parts), found["test"][1]


def undirected(edges: Any, n: int) -> Relation:
    """Each edge both ways, once; edges from a node to itself are left out."""
    edges = edges[edges[:, 0] != edges[:, 1]]
    row, column = (np.concatenate([edges[:, a], edges[:, b]]) for a, b in ((0, 1), (1, 0)))
    matrix = csr_matrix((np.ones(len(row), np.float32), (row, column)), (n, n))
    matrix.sum_duplicates()
    matrix.sort_indices()
    return Relation(KEY, matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), n)


def _features(arrays: Mapping[str, Any], features: Literal["rows", "raw"]) -> csr_matrix:
    parts = arrays["x_data"].astype(np.float64), arrays["x_indices"], arrays["x_indptr"]
    x = csr_matrix(parts, tuple(arrays["x_shape"]))
    if features == "rows":
        total = np.asarray(x.sum(1)).ravel()
        x.data /= np.repeat(np.where(total > 0, total, 1), np.diff(x.indptr))
    return x


def with_words(task: NodeTask) -> TypedTask:
    """The same papers in a typed graph: papers cite papers and use words; words have ids.

    Raises:
        ValueError: the papers have no sparse features, so there are no words.
    """
    if not isinstance(task.x, Adjacency):
        raise ValueError("typed models read words as nodes: features=ids leaves them out")
    uses = Relation(
        ("paper", "uses", "word"), task.x.start.numpy(), task.x.other.numpy(), task.x.columns
    )
    sizes = {"paper": task.x.rows, "word": task.x.columns}
    graph = Graph(sizes, (task.relation, uses)).with_reverses()
    known = frozenset({"word"})
    return TypedTask(graph, {"paper": task.x}, "paper", task.label, task.parts, known)
