"""Classes of nodes from drawn neighbours: the batches, and what their weights must be.

Letters: B rows asked, L hops.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec.graph import Graph
from polyrec.graph.sampling import Block, NeighbourSampler, Seeds
from polyrec.kernels.shuffle import shuffled
from polyrec.models.graphs.batches import TASK, Nodes, NodeTask
from polyrec.models.graphs.typed import Asked, Messages, TypedTask
from polyrec.nn.convs import Adjacency, Features, Norm, Typed
from polyrec.nn.convs.typed import itself, together
from polyrec.types import derived_seed


@dataclass(frozen=True)
class SampledNodes:
    """Some train nodes a batch, each once an epoch, with neighbours drawn hop by hop.

    Weights keep the sums right on average: under `row` the drawn ones' mean; under `gcn`
    1 / sqrt(d~_i d~_j) times degree / drawn, and the self loop as it is.

    Raises:
        ValueError: a norm whose weights a sample cannot keep, or no node a batch.
    """

    task: NodeTask
    norm: Norm
    fanouts: tuple[int, ...]  # of the seeds' hop first
    batch_size: int
    part: str = "train"

    def __post_init__(self) -> None:
        if self.norm == "sym":
            raise ValueError("norm 'sym' reads whole neighbourhoods: train on the whole graph")
        if self.batch_size < 1:
            raise ValueError(f"batch={self.batch_size}: need at least 1 node")

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.task.parts[self.part]) // self.batch_size)

    @cached_property
    def _sampler(self) -> NeighbourSampler:
        relation = self.task.relation
        return NeighbourSampler(
            Graph({relation.key[0]: relation.sources}, (relation,)), self.fanouts
        )

    def batch(self, seed: int, epoch: int, step: int, part: tuple[int, int] = (0, 1)) -> Nodes:
        """The nodes of `part` = (rank, size) of this batch, and the graph around them."""
        held = self.task.parts[self.part]
        places = np.arange(step * self.batch_size, min((step + 1) * self.batch_size, len(held)))
        order = shuffled(places[part[0] :: part[1]], len(held), derived_seed(seed, epoch, "nodes"))
        ids = held[torch.from_numpy(order)]
        seeds = Seeds(self.task.relation.key[0], ids.numpy())
        sample = self._sampler.sample(seeds, seed, epoch, step)
        nodes = torch.from_numpy(sample.nodes[seeds.kind])
        blocks = [hop[0] for hop in reversed(sample.hops)]  # the first layer reads the farthest
        labels = F.one_hot(self.task.label[ids], self.task.classes).float()
        return Nodes(
            _rows(self.task.x, nodes),
            tuple(self._weighed(block, nodes) for block in blocks),
            torch.arange(len(ids)),
            {TASK: labels},
            {TASK: torch.ones(len(ids))},
        )

    def _weighed(self, block: Block, nodes: Tensor) -> Adjacency:
        start, other = torch.from_numpy(block.start), torch.from_numpy(block.other)
        rows, drawn = len(start) - 1, start.diff()
        bare = Adjacency(start, other, torch.ones(len(other)), block.columns)
        if self.norm == "none":
            return bare
        if self.norm == "self":
            return _with_self(bare, torch.ones(rows))
        share = 1 / drawn.clamp(min=1)
        if self.norm == "row":
            return bare.weighed(share[bare.row].float())
        degree = torch.from_numpy(self.task.relation.degree)[nodes].double()
        root = (degree + 1).rsqrt()
        weight = (degree[:rows] * share * root[:rows])[bare.row] * root[other]
        return _with_self(bare.weighed(weight.float()), root[:rows].square().float())


def _with_self(block: Adjacency, weight: Tensor) -> Adjacency:
    """Each row reads itself too; a row is the same column, so numbers fold back."""
    rows = block.rows
    both = together([itself(rows, weight).weighed(weight), block])
    other = torch.where(both.other < rows, both.other, both.other - rows)
    return Adjacency(both.start, other, both.weight, block.columns)


def _rows(x: Features, at: Tensor) -> Features:
    return x.rows_at(at) if isinstance(x, Adjacency) else x[at]


@dataclass(frozen=True)
class SampledTyped:
    """As `SampledNodes`, of a typed graph: fan-outs a relation and hop, means of what was drawn.

    For layers that read messages: R-GCN, HGT and the control. Simple-HGN keeps shares from layer
    to layer, so its layers must read the same edges: train it on the whole graph.
    """

    task: TypedTask
    fanouts: tuple[int, ...]  # of the seeds' hop first
    batch_size: int
    part: str = "train"

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.task.parts[self.part]) // self.batch_size)

    @cached_property
    def _sampler(self) -> NeighbourSampler:
        return NeighbourSampler(self.task.graph, self.fanouts)

    def batch(
        self, seed: int, epoch: int, step: int, part: tuple[int, int] = (0, 1)
    ) -> Asked[Messages]:
        """The nodes of `part` = (rank, size) of this batch, and the typed graph around them."""
        held = self.task.parts[self.part]
        places = np.arange(step * self.batch_size, min((step + 1) * self.batch_size, len(held)))
        order = shuffled(places[part[0] :: part[1]], len(held), derived_seed(seed, epoch, "nodes"))
        ids = held[torch.from_numpy(order)]
        sample = self._sampler.sample(Seeds(self.task.target, ids.numpy()), seed, epoch, step)
        x = {}
        for kind, nodes in sample.nodes.items():
            at = torch.from_numpy(nodes)
            x[kind] = at if kind in self.task.ids else _rows(self.task.x[kind], at)
        layers = tuple(Typed({b.key: _means(b) for b in hop}) for hop in reversed(sample.hops))
        labels = F.one_hot(self.task.label[ids], self.task.classes).float()
        asked = torch.arange(len(ids))
        return Asked(Messages(x, layers), asked, {TASK: labels}, {TASK: torch.ones(len(ids))})


def _means(block: Block) -> Adjacency:
    start, other = torch.from_numpy(block.start), torch.from_numpy(block.other)
    bare = Adjacency(start, other, torch.ones(len(other)), block.columns)
    return bare.weighed((1 / start.diff().clamp(min=1))[bare.row].float())
