"""A node beside a summary of its neighbours: GraphSAGE's aggregators, and PinSAGE's.

Letters: n rows, m columns, E edges, D width.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from polyrec.graph import Relation
from polyrec.nn.convs.adjacency import Adjacency
from polyrec.nn.convs.along import Features, largest, mixed, project

Aggregate = Literal["mean", "pool", "gcn", "lstm", "gru_time"]
AGGREGATES: dict[str, str] = {
    "mean": "W h_v + W' mean of the neighbours",
    "pool": "W h_v + W' max over act(P h_u + p)",
    "gcn": "one W on the mean over the node and its neighbours",
    "lstm": "W h_v + W' last state over a random permutation of the neighbours",
    "gru_time": "W h_v + W' last state over the neighbours from the earliest edge to the latest",
}


class SAGE(nn.Module):
    """W [h_v ; h_N], where h_N sums up the sampled neighbours; optionally of length 1.

    `lstm` reads the neighbours in an order drawn anew at every training step, and in one that
    means nothing when judged: it does not see the order of purchases. Weights of the adjacency are
    the sample's shares: norm `row`; `pool` and `lstm` look at the edges alone. `gru_time` is ours:
    it does see order, and its adjacency's weights are the edges' places in time (`in_time`).
    Source: Hamilton et al. 2017, algorithm 1 and section 3.3.

    Raises:
        ValueError: an unknown aggregator.
    """

    def __init__(
        self, dim_in: int, dim: int, aggregate: Aggregate = "mean", inner: int | None = None
    ) -> None:
        super().__init__()
        if aggregate not in AGGREGATES:
            raise ValueError(f"no aggregate {aggregate!r}; there are: {', '.join(AGGREGATES)}")
        self.aggregate = aggregate
        inner = inner or dim
        told = inner if aggregate in ("pool", "lstm", "gru_time") else dim_in
        self.bias = nn.Parameter(torch.zeros(dim))
        self.of_neighbours = nn.Parameter(torch.empty(dim, told))
        self.of_self = None if aggregate == "gcn" else nn.Parameter(torch.empty(dim, dim_in))
        if aggregate == "pool":
            self.pool = nn.Linear(dim_in, inner)
        elif aggregate == "lstm":
            self.lstm = Permuted(dim_in, inner)
        elif aggregate == "gru_time":
            self.gru = InTime(dim_in, inner)
        for weight in (self.of_self, self.of_neighbours):
            if weight is not None:
                nn.init.xavier_uniform_(weight)

    def forward(self, adjacency: Adjacency, x: Features) -> Tensor:
        """[m, D_in] -> [n, D]."""
        if self.of_self is None:
            z = project(x, self.of_neighbours)
            degree = adjacency.degree[:, None].to(z.dtype)
            total = mixed(adjacency, z) * degree + z[: adjacency.rows]
            return total / (degree + 1) + self.bias
        own = project(x, self.of_self, self.bias)[: adjacency.rows]
        if self.aggregate == "mean":  # the mean of the images is the image of the mean
            return own + mixed(adjacency, project(x, self.of_neighbours))
        if self.aggregate == "pool":
            seen = F.relu(project(x, self.pool.weight, self.pool.bias))
            return own + F.linear(largest(adjacency, seen), self.of_neighbours)
        read = self.lstm if self.aggregate == "lstm" else self.gru
        return own + F.linear(read(adjacency, x), self.of_neighbours)


class Permuted(nn.Module):
    """An LSTM over each row's neighbours in a random order; its last state, 0 without neighbours.

    What enters is mapped once a node, not once an edge. As many steps as the longest row: meant
    for sampled rows. The order comes from torch's default generator in training (the loop seeds
    it), and from a fixed seed otherwise, so that judging draws nothing.
    """

    def __init__(self, dim_in: int, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.enter = nn.Parameter(torch.empty(4 * dim, dim_in))
        self.again = nn.Parameter(torch.empty(4 * dim, dim))
        self.bias = nn.Parameter(torch.zeros(4 * dim))
        nn.init.xavier_uniform_(self.enter)
        for gate in self.again.chunk(4):
            nn.init.orthogonal_(gate)
        with torch.no_grad():
            self.bias[dim : 2 * dim] = 1.0  # remembers to begin with

    def forward(self, adjacency: Adjacency, x: Features) -> Tensor:
        """[m, D_in] -> [n, dim]."""
        told = project(x, self.enter, self.bias)
        columns, counts, order = _permuted(adjacency, self._draws(adjacency.edges))
        state = memory = told.new_zeros(adjacency.rows, self.dim)
        ended: list[Tensor] = []
        for at in torch.split(columns, counts):
            ended.append(state[len(at) :])
            state, memory = self._step(told.index_select(0, at), state, memory)
        ended.append(state)
        back = torch.empty_like(order)
        back[order] = torch.arange(len(order), device=order.device)
        return torch.cat(ended[::-1]).index_select(0, back)

    def _draws(self, edges: int) -> Tensor:
        if self.training:
            return torch.rand(edges)
        return torch.rand(edges, generator=Generator().manual_seed(0))

    def _step(self, told: Tensor, state: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        gates = torch.addmm(told, state[: len(told)], self.again.t())
        enter, keep, new, show = gates.chunk(4, 1)
        memory = keep.sigmoid() * memory[: len(told)] + enter.sigmoid() * new.tanh()
        return show.sigmoid() * memory.tanh(), memory


class InTime(nn.Module):
    """A GRU over each row's neighbours from the earliest edge to the latest; 0 without neighbours.

    The adjacency's weights say when (`in_time`): only their order counts, equals by node. As many
    steps as the longest row: meant for rows that were sampled, or cut to the latest.
    """

    def __init__(self, dim_in: int, dim: int) -> None:
        super().__init__()
        self.cell = nn.GRUCell(dim_in, dim)

    def forward(self, adjacency: Adjacency, x: Features) -> Tensor:
        """[m, D_in] -> [n, dim]."""
        told = project(x, self.cell.weight_ih, self.cell.bias_ih)
        columns, counts, order = _permuted(adjacency, adjacency.weight.cpu())
        state = told.new_zeros(adjacency.rows, self.cell.hidden_size)
        ended: list[Tensor] = []
        for at in torch.split(columns, counts):
            ended.append(state[len(at) :])
            state = self._step(told.index_select(0, at), state[: len(at)])
        ended.append(state)
        back = torch.empty_like(order)
        back[order] = torch.arange(len(order), device=order.device)
        return torch.cat(ended[::-1]).index_select(0, back)

    def _step(self, told: Tensor, state: Tensor) -> Tensor:
        held = F.linear(state, self.cell.weight_hh, self.cell.bias_hh)
        (reset, keep, new), (again, kept, before) = told.chunk(3, 1), held.chunk(3, 1)
        keep = (keep + kept).sigmoid()
        new = (new + (reset + again).sigmoid() * before).tanh()
        return keep * state + (1 - keep) * new


def in_time(relation: Relation) -> Adjacency:
    """Who reads whom, each edge weighing its place in time: what `gru_time` wants.

    Raises:
        ValueError: the relation has no times.
    """
    place = np.empty(relation.edges, np.float32)
    order = relation.by_time
    place[order] = np.arange(relation.edges) - relation.indptr[relation.row[order]]
    return Adjacency.of(replace(relation, weight=None)).weighed(torch.from_numpy(place))


def _permuted(adjacency: Adjacency, draws: Tensor) -> tuple[Tensor, list[int], Tensor]:
    """Columns step by step (first neighbours of all rows, then second ones, ...), rows by length.

    Returns the columns [E], how many there are a step, and the rows, longest first.
    """
    row, degree = adjacency.row.cpu().long(), adjacency.degree.cpu()
    shuffled = np.lexsort((draws.numpy(), row.numpy()))  # rows in order, their edges shuffled
    step = torch.arange(len(row)) - adjacency.start.cpu()[row]
    order = degree.argsort(descending=True, stable=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order))
    place = (step * len(order) + rank[row]).argsort()
    columns = adjacency.other.cpu()[torch.from_numpy(shuffled)][place]
    device = adjacency.other.device
    return columns.to(device), torch.bincount(step).tolist(), order.to(device)


class PinSAGE(nn.Module):
    """Neighbours weighed by how often short walks visit them, then a node beside them, length 1.

    n = sum of weight x act(Q h_u + q); h' = act(W [h_v ; n] + w) / its length. The adjacency's
    weights are visit counts that sum to 1 in each row ("importance pooling").
    Source: Ying et al. 2018, algorithm 1.
    """

    def __init__(self, dim_in: int, dim: int, inner: int | None = None) -> None:
        super().__init__()
        inner = inner or dim
        self.told = nn.Linear(dim_in, inner)
        self.out = nn.Linear(dim_in + inner, dim)

    def forward(self, adjacency: Adjacency, x: Tensor) -> Tensor:
        """[m, D_in] -> [n, D], each row of length 1."""
        seen = mixed(adjacency, F.relu(self.told(x)))
        both = torch.cat([x[: adjacency.rows], seen], 1)
        return F.normalize(F.relu(self.out(both)))
