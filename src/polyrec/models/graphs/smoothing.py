"""Whether layers still tell nodes apart, or have averaged them into one.

Every averaging layer takes high frequencies away; after many, linked and unlinked nodes look alike
and no reader of the vectors can part them.

Letters: n nodes, D width, L layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from polyrec.models.graphs.batches import NodeTask
from polyrec.models.graphs.nodes import NodeClassifier
from polyrec.nn.convs import Adjacency
from polyrec.nn.convs.along import mixed

PAIRS = 10_000
ALIKE, LEAST_RANK, LEAST_SHARE = 0.9, 2.0, 0.05


@dataclass(frozen=True)
class Smoothness:
    """What one layer's vectors look like.

    `energy`: tr(X' L_sym X) / |X|^2, in 0..2; 0 = every node equals its neighbours, up to degree.
    `linked`, `random`: mean cosine of linked and of random pairs. `rank`: exp of the entropy of
    the squared singular values' shares; 1 = a line. `accuracy`: of the vectors read as logits by
    the nearest class mean of train; NaN without labels.
    """

    energy: float
    linked: float
    random: float
    rank: float
    width: int
    accuracy: float = float("nan")

    @property
    def gap(self) -> float:
        """How much closer linked pairs are than random ones."""
        return self.linked - self.random

    @property
    def too_smooth(self) -> bool:
        """Random pairs look alike, or the vectors fill hardly any direction."""
        return self.random > ALIKE or self.rank < max(LEAST_RANK, LEAST_SHARE * self.width)


def smoothness(x: Tensor, adjacency: Adjacency, generator: Generator) -> Smoothness:
    """Of vectors [n, D] on a graph under norm `sym`.

    Raises:
        ValueError: no edge.
    """
    if not adjacency.edges:
        raise ValueError("smoothing compares linked nodes: the graph has no edge")
    x = x.detach().double()
    total = float(x.square().sum())
    apart = float((x * (x - mixed(adjacency, x))).sum()) / total if total else 0.0
    edges = torch.randint(adjacency.edges, (PAIRS,), generator=generator)
    linked = _cosine(x, adjacency.row[edges], adjacency.other[edges])
    a, b = torch.randint(len(x), (2, PAIRS), generator=generator)
    return Smoothness(apart, linked, _cosine(x, a, b), effective_rank(x), x.shape[1])


def smoothing(model: NodeClassifier, task: NodeTask, seed: int = 0) -> tuple[Smoothness, ...]:
    """Layer by layer, of a classifier in eval mode on a whole graph."""
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    found = []
    with torch.no_grad():
        layers = (task.adjacency(model.norm),) * model.depth
        for x in model.states(task.x, layers):
            told = smoothness(x, task.adjacency("sym"), generator)
            found.append(Smoothness(**{**vars(told), "accuracy": nearest_mean(x, task)}))
    return tuple(found)


def effective_rank(x: Tensor) -> float:
    """exp of the entropy of the shares of the squared singular values: 1..D.

    Source: Roy and Vetterli 2007, with squared singular values.
    """
    power = torch.linalg.eigvalsh(x.double().t() @ x.double()).clamp(min=0)
    if float(power.sum()) == 0:
        return 1.0
    share = power / power.sum()
    return float(torch.special.entr(share).sum().exp())


def nearest_mean(x: Tensor, task: NodeTask) -> float:
    """Share of validation nodes that lie nearest to their class's mean, by cosine."""
    train, valid = task.parts["train"], task.parts["valid"]
    classes = F.one_hot(task.label[train], task.classes).to(x.dtype)
    means = F.normalize(classes.t() @ F.normalize(x[train]))
    found = (F.normalize(x[valid]) @ means.t()).argmax(1)
    return float((found == task.label[valid]).double().mean())


def _cosine(x: Tensor, a: Tensor, b: Tensor) -> float:
    return float(F.cosine_similarity(x[a], x[b]).mean())


def depths(found: Sequence[Smoothness]) -> str:
    """A line a layer: energy, cosines, rank, accuracy."""
    lines = ["layer  energy  linked  random    rank  accuracy"]
    lines += [
        f"{place:>5}  {s.energy:6.3f}  {s.linked:6.3f}  {s.random:6.3f}  {s.rank:6.2f}"
        f"  {s.accuracy:8.3f}{'  too smooth' if s.too_smooth else ''}"
        for place, s in enumerate(found, 1)
    ]
    return "\n".join(lines)
