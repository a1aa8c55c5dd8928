"""From files to graphs: an edge list, an adjacency list or a Planetoid archive, with labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from polyrec.data import Vocab
from polyrec.data.readers.faults import fault, shown
from polyrec.data.readers.graphs import (
    EdgeFile,
    NodeLabels,
    Planetoid,
    numbered,
    read_adjacency,
    read_edges,
    read_labels,
    read_planetoid,
)
from polyrec.graph.account import BuildReport
from polyrec.graph.csr import Graph, Key
from polyrec.graph.edges import Edges, Loops, relation_of

Form = Literal["edges", "adjacency"]
READ: dict[str, Callable[[Path], EdgeFile]] = {"edges": read_edges, "adjacency": read_adjacency}
LINKED: Key = ("node", "linked", "node")


@dataclass(frozen=True)
class Network:
    """A graph of one node type, the names of its nodes and what is known of them."""

    graph: Graph
    names: Vocab  # id v + 1 is node v
    report: BuildReport
    labels: NodeLabels | None = None
    notes: tuple[str, ...] = ()


def read_network(
    path: Path, form: Form = "edges", labels: Path | None = None, loops: Loops = "drop"
) -> Network:
    """A graph from a file, directed as it is written; `graph.symmetric()` makes it undirected.

    Nodes are those of both files, numbered by their keys (integers by value), so neither the
    order of lines nor of edges matters; a node that only has labels is isolated. Equal edges
    become one.

    Raises:
        ValueError: a bad line; file and line are named.
        KeyError: no such form.
        FileNotFoundError: there is no such file.
    """
    if form not in READ:
        raise KeyError(f"no form {form!r} of graph files; there are: {', '.join(READ)}")
    found = READ[form](path)
    _refuse_weightless(found, loops)
    told = None if labels is None else read_labels(labels)
    parts = [found.keys] if told is None else [found.keys, told.keys]
    names, nodes = numbered(*parts)
    edges = Edges(nodes[0][found.source], nodes[0][found.target], found.weight)
    relation, report = relation_of(LINKED, edges, (names.size, names.size), "sum", loops)
    return Network(
        graph=Graph({"node": names.size}, (relation,)),
        names=names,
        report=report,
        labels=None if told is None else told.over(nodes[1], names.size),
        notes=found.notes if told is None else (*found.notes, *told.notes),
    )


def _refuse_weightless(found: EdgeFile, loops: Loops) -> None:
    """As for any relation, but with the line and the key of the file."""
    if found.weight is None:
        return
    counted = (found.source != found.target) | (loops == "keep")
    total = np.bincount(found.source[counted], found.weight[counted], len(found.keys.at) - 1)
    bad = np.flatnonzero(counted & (total[found.source] == 0))
    if len(bad):
        key = found.keys.data[slice(*found.keys.at[found.source[bad[0]] :][:2])]
        raise fault(
            f"{found.name}:{found.line[bad[0]]}",
            f"all edges of node {shown(bytes(key))} weigh 0",
            "a node with edges must be able to go somewhere",
            "drop these lines, or the column of weights",
        )


def planetoid_network(archive: Planetoid) -> Network:
    """The graph of a Planetoid archive, undirected; features and split stay in the archive."""
    edges = Edges(archive.edges[:, 0], archive.edges[:, 1])
    relation, report = relation_of(LINKED, edges, (archive.nodes, archive.nodes))
    graph = Graph({"node": archive.nodes}, (relation,)).symmetric()
    notes = []
    if archive.unlabelled:
        notes.append(f"{archive.unlabelled} nodes are labelled -1: taken as without label")
    if archive.excluded:
        notes.append(f"{archive.excluded} of them left out of the split")
    names = Vocab.of([str(node) for node in range(archive.nodes)])
    labels = NodeLabels.of(archive.label)
    return Network(graph, names, report, labels, tuple(notes))


def read_planetoid_network(path: Path) -> Network:
    """`planetoid_network` of a file."""
    return planetoid_network(read_planetoid(path))
