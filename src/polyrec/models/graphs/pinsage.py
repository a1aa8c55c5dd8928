"""PinSAGE: items by the company they keep, from features, with negatives that grow harder.

Neighbours are found before training by short walks that start over; a step then reads only what its
items need. Items that came later have a vector as soon as they have features and holders.

Letters: n items (ids 1..n, 0 = nothing), R requests, B rows, D width, T neighbours.
"""

from __future__ import annotations

from typing import Literal, Self, cast

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from polyrec.graph import Relation
from polyrec.kernels.graphs.visits import Bipartite, visited
from polyrec.models.graphs.nodes import Inductive
from polyrec.nn import Dot, known
from polyrec.nn.convs import Adjacency, PinSAGE
from polyrec.types import Encoded, Requests, Similarity

NEIGHBOURS, STEPS, RESTART = 50, 1_000, 0.15
Ask = Literal["last", "mean"]


def both_ways(held: Relation) -> Bipartite:
    """Items to holders and back, from a relation whose sources are holders, targets items."""
    back = held.reverse()
    return Bipartite(back.indptr, back.indices, held.indptr, held.indices)


def important(
    held: Relation, count: int = NEIGHBOURS, steps: int = STEPS, restart: float = RESTART,
    seed: int = 0,
) -> Adjacency:  # fmt: skip
    """[n + 1, n + 1]: each item's `count` most visited others, visits as shares that sum to 1.

    Row 0, and an item that nobody holds, reads nothing. Source: Ying et al. 2018, section 3.2;
    steps and restart are ours, the paper names neither.

    Raises:
        ValueError: no neighbour, no step, or a restart outside [0, 1).
    """
    if count < 1 or steps < 1 or not 0 <= restart < 1:
        raise ValueError(
            f"count={count}, steps={steps}, restart={restart}: need at least 1, 1, and 0 to below 1"
        )
    found, times = visited(both_ways(held), count, steps, restart, seed)
    row, place = np.nonzero(times)
    share = times[row, place] / np.maximum(times.sum(1), 1)[row]
    n = held.targets
    matrix = csr_matrix((share, (row + 1, found[row, place] + 1)), (n + 1, n + 1))
    matrix.sort_indices()
    return Adjacency.of_matrix(matrix)


def roomy(adjacency: Adjacency | None, items: int, count: int) -> Adjacency:
    """Room for `count` neighbours an item, whatever there are (or none are known yet).

    A model's buffers then have the same sizes before its weights are read from disk.
    """
    room = items * count
    if adjacency is None:
        nothing = torch.zeros(room, dtype=torch.int32)
        start = torch.zeros(items + 2, dtype=torch.int64)
        return Adjacency(start, nothing, torch.zeros(room), items + 1)
    more = room - len(adjacency.other)
    other, weight = (F.pad(part, (0, more)) for part in (adjacency.other, adjacency.weight))
    return Adjacency(adjacency.start, other, weight, adjacency.columns)


class PinSAGERetriever(nn.Module):
    """z = G2 ReLU(G1 h + g) over `layers` of importance pooling; a query is an item's vector.

    `ask`: the last known item of the history, as published (related items), or the mean over it.
    Features [n + 1, D_in] make the model inductive (`on`); without any, items have ids.
    Source: Ying et al. 2018, algorithms 1 and 2.

    Raises:
        ValueError: features of another number of items than the graph's.
    """

    similarity: Similarity
    start: Tensor
    other: Tensor
    share: Tensor

    def __init__(
        self,
        adjacency: Adjacency,
        features: Tensor | None,
        dim: int = 64,
        layers: int = 2,
        ask: Ask = "last",
        similarity: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if features is not None and len(features) != adjacency.rows:
            raise ValueError(
                f"features of {len(features) - 1:,} items, a graph of {adjacency.rows - 1:,}"
            )
        self.features, self.ask = features, ask
        held = {"start": adjacency.start, "other": adjacency.other, "share": adjacency.weight}
        for name, part in held.items():
            self.register_buffer(name, part.clone())  # so that weights on disk bring their graph
        width = dim if features is None else features.shape[1]
        self.table = nn.Embedding(adjacency.rows, dim) if features is None else None
        self.layers = nn.ModuleList(
            PinSAGE(width if place == 0 else dim, dim) for place in range(layers)
        )
        self.out = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim, bias=False))
        self.add_module("similarity", Dot() if similarity is None else similarity)

    @property
    def adjacency(self) -> Adjacency:
        """Who reads whom, with shares."""
        edges = int(self.start[-1])
        columns = len(self.start) - 1
        return Adjacency(self.start, self.other[:edges], self.share[:edges], columns)

    @property
    def inductive(self) -> Inductive:
        """What a new item needs."""
        return "none" if self.features is None else "features"

    def on(self, adjacency: Adjacency, features: Tensor) -> PinSAGERetriever:
        """The same weights on a newer graph, new items included.

        Raises:
            ValueError: the model knows items by id.
        """
        if self.table is not None:
            raise ValueError(
                "this model knows items by id, a new item has no vector: train on features, give "
                "it one (cold_start), or fit again"
            )
        dim = cast(nn.Linear, self.out[0]).in_features
        newer = PinSAGERetriever(adjacency, features, dim, len(self.layers), self.ask)
        newer.similarity = self.similarity
        graph = ("start", "other", "share")
        weights = {name: w for name, w in self.state_dict().items() if name not in graph}
        newer.load_state_dict(weights, strict=False)
        return newer.train(self.training)

    def prepare(self) -> Retrieved | Self:
        """In eval mode every item's vector once, layer by layer; in training nothing."""
        if self.training:
            return self
        return Retrieved(self, self.vectors(torch.arange(self.adjacency.rows)))

    def vectors(self, ids: Tensor) -> Tensor:
        """[M] distinct -> [M, D]; reads what these items need and no more."""
        ids = ids.to(self.start.device)
        blocks, nodes = around(self.adjacency, ids, len(self.layers))
        x = self._first(nodes)
        for layer, block in zip(self.layers, blocks, strict=True):
            x = layer(block, x)
        found: Tensor = self.out(x)
        return found * (ids > 0)[:, None]

    def _first(self, nodes: Tensor) -> Tensor:
        if self.table is not None:
            return cast(Tensor, self.table(nodes))
        features = cast(Tensor, self.features)
        return features[nodes.to(features.device)].to(nodes.device)

    def queries(self, requests: Requests) -> Tensor:
        """[R, 1, D]; zero for a history without a known item."""
        ids, back = _needed(requests)
        return asked(requests, self.vectors(ids)[back], self.ask)

    def items(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D]."""
        distinct, back = torch.unique(ids, return_inverse=True)
        return self.vectors(distinct)[back]

    def forward(self, requests: Requests, ids: Tensor) -> Encoded:
        """Both sides at once: items that are asked of and asked for are computed once."""
        held = known(requests).values
        distinct, back = torch.unique(torch.cat([held, ids]), return_inverse=True)
        vectors = self.vectors(distinct)
        queries = asked(requests, vectors[back[: len(held)]], self.ask)
        items = vectors[back[len(held) :]]
        return Encoded(queries=queries, items=items, meet=(queries, items))


class Retrieved:
    """A trained PinSAGE with every item's vector at hand."""

    def __init__(self, model: PinSAGERetriever, table: Tensor) -> None:
        self.similarity, self.ask, self.table = model.similarity, model.ask, table

    def prepare(self) -> Self:
        """Done."""
        return self

    def queries(self, requests: Requests) -> Tensor:
        """[R, 1, D]."""
        return asked(requests, self.table[known(requests).values], self.ask)

    def items(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D]."""
        return self.table[ids]

    def __call__(self, requests: Requests, ids: Tensor) -> Encoded:
        """Both sides at once."""
        return Encoded(queries=self.queries(requests), items=self.items(ids))


def _needed(requests: Requests) -> tuple[Tensor, Tensor]:
    distinct, back = torch.unique(known(requests).values, return_inverse=True)
    return distinct, back


def asked(requests: Requests, vectors: Tensor, ask: Ask) -> Tensor:
    """[R, 1, D] from the vectors of all known items: the last one's, or their mean."""
    start = known(requests).start.to(vectors.device)
    some = (start.diff() > 0)[:, None]
    if ask == "mean":
        padded = vectors if len(vectors) else vectors.new_zeros(1, vectors.shape[1])
        places = torch.arange(len(vectors), device=vectors.device)
        return F.embedding_bag(places, padded, start[:-1], mode="mean")[:, None]
    last = (start[1:] - 1).clamp(min=0)
    held = vectors if len(vectors) else vectors.new_zeros(1, vectors.shape[1])
    return (held[last] * some)[:, None]


def around(adjacency: Adjacency, ids: Tensor, layers: int) -> tuple[list[Adjacency], Tensor]:
    """Blocks of whole rows around distinct nodes, the first layer first, and the nodes they name.

    No draw: rows are short already. Nodes keep their number from their first appearance on.
    """
    stamp = torch.full((adjacency.columns,), -1, device=ids.device)
    stamp[ids] = torch.arange(len(ids), device=ids.device)
    nodes, blocks = ids, list[Adjacency]()
    for _ in range(layers):
        block = adjacency.rows_at(nodes)
        new = torch.unique(block.other)
        new = new[stamp[new] < 0].long()
        stamp[new] = torch.arange(len(nodes), len(nodes) + len(new), device=ids.device)
        nodes = torch.cat([nodes, new])
        other = stamp[block.other].to(torch.int32)
        blocks.append(Adjacency(block.start, other, block.weight, len(nodes)))
    return blocks[::-1], nodes
