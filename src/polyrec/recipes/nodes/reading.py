"""A citation graph as a task: papers, what they cite, their words, and the standard split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from scipy.sparse import csr_matrix

from polyrec.data.readers.graphs.planetoid import read_planetoid
from polyrec.graph import Graph, Relation
from polyrec.graph.reading import planetoid_network
from polyrec.models.graphs.batches import NodeTask
from polyrec.models.graphs.typed import TypedTask
from polyrec.nn.convs import Adjacency

KEY = ("paper", "cites", "paper")


def planetoid(path: Path, features: Literal["rows", "raw"] = "rows") -> tuple[NodeTask, int]:
    """A task of a Planetoid archive, and how many nodes of its split have no class.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, or names a node that is not there.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: give the .npz of a graph with --data")
    held = read_planetoid(path)
    relation = replace(planetoid_network(held).graph.only, key=KEY, weight=None)
    parts = {"train": held.train, "valid": held.valid, "test": held.test}
    x = Adjacency.of_matrix(_features(held.features, features))
    label = torch.from_numpy(held.label)
    ids = {name: torch.from_numpy(part) for name, part in parts.items()}
    return NodeTask(relation, x, label, ids), held.excluded


def undirected(edges: Any, n: int) -> Relation:
    """Each edge both ways, once; edges from a node to itself are left out."""
    edges = edges[edges[:, 0] != edges[:, 1]]
    row, column = (np.concatenate([edges[:, a], edges[:, b]]) for a, b in ((0, 1), (1, 0)))
    matrix = csr_matrix((np.ones(len(row), np.float32), (row, column)), (n, n))
    matrix.sum_duplicates()
    matrix.sort_indices()
    return Relation(KEY, matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), n)


def _features(x: csr_matrix, features: Literal["rows", "raw"]) -> csr_matrix:
    if features == "raw":
        return x
    total = np.asarray(x.sum(1, dtype=np.float64)).ravel()
    rows = x.astype(np.float64)
    rows.data /= np.repeat(np.where(total > 0, total, 1), np.diff(x.indptr))
    return rows


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
