"""Nodes with classes, and the batches a node classifier learns from: the whole graph, or samples.

Letters: n nodes, B rows asked, D width, C classes, L layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec.graph import Relation
from polyrec.nn.convs import Adjacency, Features, Norm

TASK = "class"
UNKNOWN = -1  # the class of a node that has none: never trained on, never judged


@dataclass(frozen=True)
class Nodes:
    """What a classifier sees of a graph, and the rows it is asked about, with their classes."""

    x: Features  # of the first layer's columns: [m, D], sparse, or ids [m] for a table
    layers: tuple[Adjacency, ...]  # who reads whom, the first layer first
    at: Tensor  # [B], rows of the last layer
    labels: Mapping[str, Tensor]  # TASK -> [B, C]
    weight: Mapping[str, Tensor]  # TASK -> [B]


@dataclass(frozen=True)
class NodeTask:
    """A graph whose nodes have features and, some of them, a class; and who is used for what.

    Raises:
        ValueError: sizes that do not meet, or a part that names a node without a class.
    """

    relation: Relation
    x: Features  # [n, D] or sparse, or ids [n]
    label: Tensor  # int64 [n], UNKNOWN = none
    parts: Mapping[str, Tensor]  # "train", "valid", "test" -> node ids

    def __post_init__(self) -> None:
        held = self.x.rows if isinstance(self.x, Adjacency) else len(self.x)
        if not held == len(self.label) == self.relation.sources:
            raise ValueError(
                f"{self.relation.sources:,} nodes in the graph, {held:,} rows of features and "
                f"{len(self.label):,} labels: they must be the same nodes"
            )
        for name, part in self.parts.items():
            bare = part[self.label[part] == UNKNOWN]
            if len(bare):
                raise ValueError(
                    f"part {name!r} holds {len(bare):,} nodes without a class, the first is node "
                    f"{int(bare[0])}: leave them out (`judged`)"
                )

    @property
    def classes(self) -> int:
        """C."""
        return int(self.label.max()) + 1

    @property
    def width(self) -> int:
        """D; 0 where nodes have ids alone."""
        if isinstance(self.x, Adjacency):
            return self.x.columns
        return self.x.shape[1] if self.x.ndim == 2 else 0

    @cached_property
    def adjacencies(self) -> dict[Norm, Adjacency]:
        """Those made so far, by norm."""
        return {}

    def adjacency(self, norm: Norm) -> Adjacency:
        """The graph under a norm, made once."""
        if norm not in self.adjacencies:
            self.adjacencies[norm] = Adjacency.of(self.relation, norm)
        return self.adjacencies[norm]

    def on(self, relation: Relation) -> NodeTask:
        """The same nodes on other edges."""
        return replace(self, relation=relation)

    def by_ids(self) -> NodeTask:
        """The same nodes known by their ids alone."""
        return replace(self, x=torch.arange(len(self.label)))

    def asked(self, at: Tensor, norm: Norm, layers: int) -> Nodes:
        """The whole graph, asked about some nodes."""
        labels = F.one_hot(self.label[at].clamp(min=0), self.classes).float()
        weight = (self.label[at] != UNKNOWN).float()
        edges = (self.adjacency(norm),) * layers
        return Nodes(self.x, edges, at, {TASK: labels}, {TASK: weight})


def judged(label: Tensor, part: Tensor) -> tuple[Tensor, int]:
    """The nodes of a part that have a class, and how many had none."""
    kept = part[label[part] != UNKNOWN]
    return kept, len(part) - len(kept)


@dataclass(frozen=True)
class WholeGraph:
    """One batch an epoch: the whole graph, asked about every train node."""

    task: NodeTask
    norm: Norm
    layers: int
    part: str = "train"

    @property
    def steps(self) -> int:
        """1."""
        return 1

    @cached_property
    def _nodes(self) -> Nodes:
        return self.task.asked(self.task.parts[self.part], self.norm, self.layers)

    def batch(self, seed: int, epoch: int, step: int, part: tuple[int, int] = (0, 1)) -> Nodes:
        """The same every time; `part` = (rank, size) asks about its share of the nodes."""
        rank, size = part
        if size == 1:
            return self._nodes
        return self.task.asked(self.task.parts[self.part][rank::size], self.norm, self.layers)
