"""A typed graph whose nodes of one type have classes, and the batches its models learn from.

Letters: n nodes of the target type, B rows asked, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec.graph import Graph, Key
from polyrec.models.graphs.batches import TASK, UNKNOWN
from polyrec.nn.convs import Adjacency, Features, Typed

G = TypeVar("G")


@dataclass(frozen=True)
class TypedTask:
    """A typed graph, features a type, classes of one type's nodes.

    A type in `ids` gets a trained vector a node: the model is then transductive.

    Raises:
        ValueError: a type with neither features nor ids, or one that reads nothing.
    """

    graph: Graph
    x: Mapping[str, Features]
    target: str
    label: Tensor  # int64 [n], UNKNOWN = none
    parts: Mapping[str, Tensor]
    ids: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        readers = {relation.key[0] for relation in self.graph.relations}
        for kind in self.graph.sizes:
            if kind not in self.x and kind not in self.ids:
                raise ValueError(f"type {kind!r} has no features: give some, or name it in ids")
            if kind not in readers:
                raise ValueError(f"type {kind!r} reads nothing: call graph.with_reverses()")

    @property
    def classes(self) -> int:
        """C."""
        return int(self.label.max()) + 1

    @property
    def keys(self) -> tuple[Key, ...]:
        """The relations' keys."""
        return tuple(relation.key for relation in self.graph.relations)

    def seen_labels(self) -> Tensor:
        """[n, C]: one-hot on train rows, 0 elsewhere."""
        train = self.parts["train"]
        found = torch.zeros(len(self.label), self.classes)
        found[train] = F.one_hot(self.label[train], self.classes).float()
        return found


@dataclass(frozen=True)
class Asked(Generic[G]):
    """What a model reads, and the rows it is asked about, with their classes."""

    given: G
    at: Tensor  # [B]
    labels: Mapping[str, Tensor]
    weight: Mapping[str, Tensor]


@dataclass(frozen=True)
class Messages:
    """Features a type (or node ids), and who reads whom, a graph a layer, the first layer first."""

    x: Mapping[str, Features]
    layers: tuple[Typed, ...]


@dataclass(frozen=True)
class Paths:
    """Features of the target type, and where each metapath leads."""

    x: Features
    adjacencies: tuple[Adjacency, ...]


@dataclass(frozen=True)
class Whole(Generic[G]):
    """One batch an epoch: everything, asked about every train node of the target type."""

    task: TypedTask
    given: G
    part: str = "train"
    steps: Literal[1] = 1

    def asked(self, at: Tensor) -> Asked[G]:
        """Everything, asked about some nodes."""
        labels = F.one_hot(self.task.label[at].clamp(min=0), self.task.classes).float()
        known = (self.task.label[at] != UNKNOWN).float()
        return Asked(self.given, at, {TASK: labels}, {TASK: known})

    def batch(self, seed: int, epoch: int, step: int, part: tuple[int, int] = (0, 1)) -> Asked[G]:
        """The same every time; `part` = (rank, size) asks about its share of the nodes."""
        return self.asked(self.task.parts[self.part][part[0] :: part[1]])
