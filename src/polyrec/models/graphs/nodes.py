"""Classes of nodes: layers on top of each other, and nothing that ties them to one graph.

A classifier holds weights only; the graph comes with the batch. So the same weights serve another
graph, later nodes, or a sample: what a model may not meet is a node that its table of ids lacks.

Letters: n nodes, D width, C classes, L layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.models.graphs.batches import TASK, Nodes
from polyrec.nn.convs import (
    GAT,
    GCN,
    SAGE,
    Adjacency,
    Aggregate,
    Chebyshev,
    Features,
    GATv2,
    Norm,
    project,
)
from polyrec.nn.dropout import Dropout
from polyrec.types import Answers

Inductive = Literal["features", "none"]
Decayed = Literal["first", "all"]


@dataclass(frozen=True)
class Shape:
    """What a classifier is made for: width of the features and number of classes."""

    width: int
    classes: int
    nodes: int = 0  # of a table of ids; 0 = features


@dataclass(frozen=True)
class Settings:
    """How a classifier is built."""

    hidden: int = 16  # of a head, where there are heads
    depth: int = 2
    heads: int = 8
    terms: int = 3  # Kipf and Welling's K = 2
    dropout: float = 0.5
    decay: float = 5e-4


@dataclass(frozen=True)
class Habits:
    """What happens between the layers."""

    norm: Norm
    between: Callable[[Tensor], Tensor]
    decayed: Decayed  # whose weights pay for their length


class NodeClassifier(nn.Module):
    """Layers with dropout before and an activation between; the last one's rows are logits.

    `decay` costs decay / 2 x the squared length of the first layer's weights or of all, as the
    authors' code of each model does; it is the model's own term, so the optimiser has none.
    """

    def __init__(
        self, shape: Shape, settings: Settings, layers: Sequence[nn.Module], habits: Habits
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.table = nn.Embedding(shape.nodes, shape.width) if shape.nodes else None
        self.norm, self.between = habits.norm, habits.between
        self.decay, self.decayed = settings.decay, habits.decayed
        self.drop = Dropout(settings.dropout)

    @property
    def inductive(self) -> Inductive:
        """What new nodes need: features (and edges); "none" = a table of ids, nothing helps."""
        return "none" if self.table is not None else "features"

    @property
    def depth(self) -> int:
        """L."""
        return len(self.layers)

    def prepare(self) -> Self:
        """Nothing to do once: the graph comes with the batch."""
        return self

    def states(self, x: Features, layers: Sequence[Adjacency]) -> list[Tensor]:
        """After each layer, [n, D] and at the end [n, C], before any activation.

        Raises:
            ValueError: another number of layers than the model's, or ids that its table lacks.
        """
        if len(layers) != self.depth:
            raise ValueError(f"{len(layers)} adjacencies for {self.depth} layers: one a layer")
        x, found = self._entered(x), list[Tensor]()
        for place, (layer, adjacency) in enumerate(zip(self.layers, layers, strict=True)):
            h = x if place == 0 else self.between(found[-1])
            found.append(layer(adjacency, self._dropped(h)))
        return found

    def logits(self, batch: Nodes) -> Answers:
        """[B, C], and the price of the weights' length in training."""
        out = self.states(batch.x, batch.layers)[-1][batch.at]
        extra = {"decay": self.price()} if self.training and self.decay else {}
        return Answers({TASK: out}, extra=extra)

    def price(self) -> Tensor:
        """Of the weights' length."""
        paying = self.layers[0] if self.decayed == "first" else self.layers
        length = sum(w.square().sum() for w in paying.parameters() if w.ndim > 1)
        return self.decay / 2 * cast(Tensor, length)

    def _dropped(self, x: Features) -> Features:
        if isinstance(x, Adjacency):
            if self.training:
                _ = x.by_column  # found once: the copies of all steps share it
            return x.weighed(self.drop(x.weight))
        return cast(Tensor, self.drop(x))

    def _entered(self, x: Features) -> Features:
        if self.table is None:
            return x
        ids = cast(Tensor, x)
        if int(ids.max()) >= self.table.num_embeddings:
            raise ValueError(
                f"node {int(ids.max()):,} is new: this model knows nodes by id and has "
                f"{self.table.num_embeddings:,}; use features, give the node a vector "
                "(cold_start), or fit again"
            )
        return cast(Tensor, self.table(ids))


class Majority(nn.Module):
    """The classes by how often train has them, whatever the node: what anybody must beat."""

    counts: Tensor
    inductive: Inductive = "features"

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("counts", torch.zeros(classes))

    def prepare(self) -> Self:
        """Nothing to do once."""
        return self

    def logits(self, batch: Nodes) -> Answers:
        """[B, C]: log shares, one of each class added."""
        share = torch.log((self.counts + 1) / (self.counts + 1).sum())
        return Answers({TASK: share.expand(len(batch.at), -1)})


class Alone(nn.Module):
    """A plain map that reads no neighbour: what a graph model must beat."""

    def __init__(self, dim_in: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Linear(dim_in, dim)
        nn.init.xavier_uniform_(self.weight.weight)

    def forward(self, adjacency: Adjacency, x: Features) -> Tensor:
        """[m, D_in] -> [n, D]."""
        return project(x, self.weight.weight, self.weight.bias)[: adjacency.rows]


def _widths(shape: Shape, settings: Settings) -> list[tuple[int, int]]:
    inner = [settings.hidden] * (settings.depth - 1)
    return list(pairwise([shape.width, *inner, shape.classes]))


def mlp(shape: Shape, settings: Settings) -> NodeClassifier:
    """Features alone, no edge is read."""
    layers = [Alone(a, b) for a, b in _widths(shape, settings)]
    return NodeClassifier(shape, settings, layers, Habits("none", F.relu, "first"))


def gcn(shape: Shape, settings: Settings) -> NodeClassifier:
    """Kipf and Welling 2017: renormalised means."""
    layers = [GCN(a, b) for a, b in _widths(shape, settings)]
    return NodeClassifier(shape, settings, layers, Habits("gcn", F.relu, "first"))


def chebnet(shape: Shape, settings: Settings) -> NodeClassifier:
    """Defferrard et al. 2016: a polynomial of the Laplacian a layer."""
    layers = [Chebyshev(a, b, settings.terms) for a, b in _widths(shape, settings)]
    return NodeClassifier(shape, settings, layers, Habits("sym", F.relu, "first"))


def sage(aggregate: Aggregate) -> Callable[[Shape, Settings], NodeClassifier]:
    """Hamilton et al. 2017 with one of the aggregators."""

    def build(shape: Shape, settings: Settings) -> NodeClassifier:
        inner = settings.hidden
        layers = [SAGE(a, b, aggregate, inner) for a, b in _widths(shape, settings)]
        return NodeClassifier(shape, settings, layers, Habits("row", F.relu, "first"))

    return build


def gat(shape: Shape, settings: Settings) -> NodeClassifier:
    """Velickovic et al. 2018: heads side by side, and one at the end."""
    return _attentive(GAT, shape, settings)


def gatv2(shape: Shape, settings: Settings) -> NodeClassifier:
    """Brody et al. 2022: as GAT, with shares that depend on who asks."""
    return _attentive(GATv2, shape, settings)


def _attentive(kind: type[GAT] | type[GATv2], shape: Shape, settings: Settings) -> NodeClassifier:
    heads, drop = settings.heads, settings.dropout
    widths = [shape.width] + [settings.hidden * heads] * (settings.depth - 1)
    layers = [kind(a, settings.hidden, heads, attend=drop) for a in widths[:-1]]
    layers.append(kind(widths[-1], shape.classes, 1, "mean", attend=drop))
    return NodeClassifier(shape, settings, layers, Habits("self", F.elu, "all"))


NODE_MODELS: Mapping[str, Callable[[Shape, Settings], NodeClassifier]] = {
    "mlp": mlp,
    "gcn": gcn,
    "chebnet": chebnet,
    "sage_mean": sage("mean"),
    "sage_gcn": sage("gcn"),
    "sage_pool": sage("pool"),
    "sage_lstm": sage("lstm"),
    "gat": gat,
    "gatv2": gatv2,
}
