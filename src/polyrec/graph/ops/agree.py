"""Do linked nodes agree: homophily, beside what chance would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyrec.data.readers.graphs import NodeLabels
from polyrec.graph.csr import Relation

BLOCK = 1 << 18  # edges looked at together


@dataclass(frozen=True)
class Homophily:
    """Shares of linked pairs that share a label. Edges with an unlabelled end are left out."""

    edge: float  # of all edges
    node: float  # the mean over nodes of the share among their edges
    chance: float  # what `edge` is when ends meet at random: degrees kept, labels as they are
    edges: int  # edges with both ends labelled
    unlabelled: int  # nodes


def homophily(relation: Relation, labels: NodeLabels) -> Homophily:
    """How often an edge joins nodes that share a label (at least one, where nodes have several).

    A high value alone says little: with one class nearly everywhere chance gives as much. On
    low homophily the linked have different labels (heterophily), which is not the same as having
    several node types.

    Raises:
        ValueError: the labels are of another number of nodes.
    """
    if not relation.sources == relation.targets == labels.nodes:
        raise ValueError(
            f"labels of {labels.nodes:,} nodes for relation {relation.key} with "
            f"{relation.sources:,}; give the labels of this graph's nodes"
        )
    known = np.diff(labels.start) > 0
    row, column = relation.row, relation.indices
    kept = known[row] & known[column] & (row != column)
    row, column = row[kept], column[kept]
    if not len(row):
        return Homophily(np.nan, np.nan, np.nan, 0, labels.unlabelled)
    matrix = labels.matrix()
    alike = (
        np.concatenate(
            [
                np.asarray(
                    matrix[row[a : a + BLOCK]].multiply(matrix[column[a : a + BLOCK]]).sum(1)
                )
                for a in range(0, len(row), BLOCK)
            ]
        ).ravel()
        > 0
    )
    degree = np.bincount(row, minlength=labels.nodes)
    share = np.bincount(row, alike, labels.nodes)[degree > 0] / degree[degree > 0]
    return Homophily(
        edge=float(alike.mean()),
        node=float(share.mean()),
        chance=_chance(degree, labels),
        edges=len(row),
        unlabelled=labels.unlabelled,
    )


def _chance(degree: np.ndarray, labels: NodeLabels) -> float:
    """Sum over classes of the squared share of edge ends; nan where nodes have several labels."""
    if (np.diff(labels.start) > 1).any():
        return float("nan")
    ends = np.bincount(labels.values, degree[np.diff(labels.start) > 0], labels.classes)
    return float(((ends / max(ends.sum(), 1)) ** 2).sum())
