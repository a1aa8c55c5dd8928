"""Classes of nodes where nodes and links are of several kinds; and the control that ignores kinds.

Each model says what it reads: messages along typed edges, metapaths as plain graphs, or what
metapaths carried before training. That is made once from the task and comes with every batch.

Letters: n nodes of the target type, B rows asked, D width, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.models.graphs.batches import TASK
from polyrec.models.graphs.nodes import Inductive, Settings
from polyrec.models.graphs.typed import Asked, Messages, Paths, TypedTask
from polyrec.nn.convs import (
    GAT,
    HAN,
    HGT,
    RGCN,
    Adjacency,
    Blind,
    Carried,
    Features,
    SeHGNN,
    SimpleHGN,
    Typed,
    carried,
    carried_labels,
    metapaths,
    project,
    reached,
    width_of,
)
from polyrec.nn.convs.metapaths import Path, chained
from polyrec.types import Answers

HOPS = 2  # of metapaths, where none are named


class Entrance(nn.Module):
    """Every type's features, or a vector a node, mapped to one width."""

    def __init__(self, task: TypedTask, dim: int) -> None:
        super().__init__()
        self.maps = nn.ModuleDict(
            {
                kind: nn.Linear(width_of(x), dim)
                for kind, x in task.x.items()
                if kind not in task.ids
            }
        )
        self.tables = nn.ModuleDict(
            {kind: nn.Embedding(task.graph.sizes[kind], dim) for kind in sorted(task.ids)}
        )

    def forward(self, x: Mapping[str, Features]) -> dict[str, Tensor]:
        """Features [m, D_in] or ids [m] a type -> [m, D].

        Raises:
            ValueError: a node that a table lacks.
        """
        found = {}
        for kind, part in x.items():
            if kind in self.tables:
                found[kind] = self._looked_up(kind, cast(Tensor, part))
            else:
                through = cast(nn.Linear, self.maps[kind])
                found[kind] = project(part, through.weight, through.bias)
        return found

    def _looked_up(self, kind: str, ids: Tensor) -> Tensor:
        table = cast(nn.Embedding, self.tables[kind])
        if len(ids) and int(ids.max()) >= table.num_embeddings:
            raise ValueError(
                f"{kind} {int(ids.max()):,} is new: this model knows that type by id and has "
                f"{table.num_embeddings:,}; use features, cold_start, or fit again"
            )
        return cast(Tensor, table(ids))


class TypedClassifier(nn.Module):
    """One map a type, layers that read typed edges, one map to the classes of the target type.

    `extra` as for classifiers of one type: decay / 2 x the squared length of all matrices.
    """

    def __init__(self, task: TypedTask, settings: Settings, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        width = settings.hidden * settings.heads
        self.enter = Entrance(task, width)
        self.layers = nn.ModuleList(layers)
        self.out = nn.Linear(width, task.classes)
        self.target, self.decay = task.target, settings.decay
        self.drop = nn.Dropout(settings.dropout)

    @property
    def inductive(self) -> Inductive:
        """ "none" where a type is known by ids."""
        return "none" if len(self.enter.tables) else "features"

    def prepare(self) -> Self:
        """Nothing to do once: the graph comes with the batch."""
        return self

    def logits(self, batch: Asked[Messages]) -> Answers:
        """[B, C]."""
        x, shares = self.enter(batch.given.x), None
        for layer, graph in zip(self.layers, batch.given.layers, strict=True):
            x = {kind: self.drop(part) for kind, part in x.items()}
            if isinstance(layer, SimpleHGN):
                heads, shares = layer(graph, x, shares)
                x = {kind: F.elu(part.flatten(1)) for kind, part in heads.items()}
            else:
                x = {kind: F.elu(part) for kind, part in layer(graph, x).items()}
        out = self.out(self.drop(x[self.target]))[batch.at]
        return Answers({TASK: out}, extra=_price(self, self.decay))


class PathClassifier(nn.Module):
    """Attention along metapaths and over them, and one map to the classes."""

    inductive: Inductive = "features"

    def __init__(self, task: TypedTask, settings: Settings, paths: int) -> None:
        super().__init__()
        width, drop = width_of(task.x[task.target]), settings.dropout
        self.layer = HAN(width, settings.hidden, paths, settings.heads, drop)
        self.out = nn.Linear(settings.hidden * settings.heads, task.classes)
        self.decay, self.drop = settings.decay, nn.Dropout(drop)

    def prepare(self) -> Self:
        """Nothing to do once."""
        return self

    def logits(self, batch: Asked[Paths]) -> Answers:
        """[B, C]."""
        z = self.layer(batch.given.adjacencies, batch.given.x)
        return Answers({TASK: self.out(self.drop(z))[batch.at]}, extra=_price(self, self.decay))


class CarriedClassifier(nn.Module):
    """What metapaths carried, and no message afterwards: a step costs what its rows cost."""

    inductive: Inductive = "features"

    def __init__(self, task: TypedTask, settings: Settings, given: Carried) -> None:
        super().__init__()
        widths = [width_of(part) for part in given.parts]
        dim = settings.hidden * settings.heads
        self.layer = SeHGNN(widths, dim, task.classes, settings.dropout)
        self.decay = settings.decay

    def prepare(self) -> Self:
        """Nothing to do once."""
        return self

    def logits(self, batch: Asked[Carried]) -> Answers:
        """[B, C]."""
        out = self.layer(batch.given.rows(batch.at))
        return Answers({TASK: out}, extra=_price(self, self.decay))


def _price(model: nn.Module, decay: float) -> dict[str, Tensor]:
    if not (model.training and decay):
        return {}
    length = sum(weight.square().sum() for weight in model.parameters() if weight.ndim > 1)
    return {"decay": decay / 2 * cast(Tensor, length)}


@dataclass(frozen=True)
class Kind:
    """A way to read a typed graph: what is made of it once, and the model that reads that."""

    reads: Callable[[TypedTask, Settings], Any]  # -> Messages, Paths or Carried
    build: Callable[[TypedTask, Settings, Any], nn.Module]


def rgcn(task: TypedTask, settings: Settings, given: Messages) -> nn.Module:
    """Schlichtkrull et al. 2018: a matrix a relation."""
    width, keys = settings.hidden * settings.heads, task.keys
    bases = min(len(keys), 4)
    return _layered(task, settings, lambda: RGCN(width, width, keys, bases))


def hgt(task: TypedTask, settings: Settings, given: Messages) -> nn.Module:
    """Hu et al. 2020: attention in which kinds meet."""
    width, kinds = settings.hidden * settings.heads, list(task.graph.sizes)
    return _layered(task, settings, lambda: HGT(width, kinds, task.keys, settings.heads))


def simple_hgn(task: TypedTask, settings: Settings, given: Messages) -> nn.Module:
    """Lv et al. 2021: GAT with the kind of the edge."""
    width, hidden = settings.hidden * settings.heads, settings.hidden
    return _layered(task, settings, lambda: SimpleHGN(width, hidden, task.keys, settings.heads))


def blind(task: TypedTask, settings: Settings, given: Messages) -> nn.Module:
    """GAT with types ignored: what a model of types has to beat."""
    width, drop = settings.hidden * settings.heads, settings.dropout
    gat = (width, settings.hidden, settings.heads)
    return _layered(task, settings, lambda: Blind(GAT(*gat, attend=drop)))


def han(task: TypedTask, settings: Settings, given: Paths) -> nn.Module:
    """Wang et al. 2019: attention along metapaths, then over them."""
    return PathClassifier(task, settings, len(given.adjacencies))


def messages(task: TypedTask, settings: Settings) -> Messages:
    """Every type's features or ids, and the same typed graph for each layer."""
    x = {kind: torch.arange(n) if kind in task.ids else task.x[kind]
         for kind, n in task.graph.sizes.items()}  # fmt: skip
    return Messages(x, (Typed.of(task.graph),) * settings.depth)


def paths(task: TypedTask, settings: Settings, named: Sequence[Path] = ()) -> Paths:
    """Where the named metapaths lead, or all of two hops that lead back.

    Raises:
        ValueError: the target type has no features.
    """
    kind = task.target
    known = [*named] or [
        path for path in metapaths(task.graph, kind, HOPS)
        if chained(task.graph, kind, path)[-1].key[2] == kind
    ]  # fmt: skip
    if kind not in task.x:
        raise ValueError(f"type {kind!r} is known by ids alone: HAN reads features")
    return Paths(task.x[kind], tuple(reached(task.graph, kind, path) for path in known))


def everything(task: TypedTask, settings: Settings, hops: int = HOPS) -> Carried:
    """What is within `hops`, carried before training; train labels too, none to its own node.

    Raises:
        ValueError: the target type has no features.
    """
    kind, dense = task.target, {k: _dense(x) for k, x in task.x.items() if k not in task.ids}
    if kind not in dense:
        raise ValueError(f"type {kind!r} is known by ids alone: SeHGNN reads features")
    names, parts = [kind], [dense[kind]]
    for path in metapaths(task.graph, kind, hops):
        end = chained(task.graph, kind, path)[-1].key[2]
        if end in dense:
            names.append(" ".join(path))
            parts.append(carried(task.graph, kind, path, dense))
        if end == kind:
            names.append(" ".join(path) + ": labels")
            parts.append(carried_labels(task.graph, kind, path, task.seen_labels()))
    return Carried(tuple(names), tuple(parts))


def _layered(task: TypedTask, settings: Settings, layer: Callable[[], nn.Module]) -> nn.Module:
    return TypedClassifier(task, settings, [layer() for _ in range(settings.depth)])


def _dense(x: Features) -> Tensor:
    return x.dense() if isinstance(x, Adjacency) else x


HETERO_MODELS: Mapping[str, Kind] = {
    "rgcn": Kind(messages, rgcn),
    "han": Kind(paths, han),
    "hgt": Kind(messages, hgt),
    "sehgnn": Kind(everything, CarriedClassifier),  # Yang et al. 2023
    "simple_hgn": Kind(messages, simple_hgn),
    "blind": Kind(messages, blind),
}
