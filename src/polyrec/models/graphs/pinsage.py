"""PinSAGE: items by the company they keep, from features, with negatives that grow harder.

Neighbours are found before training by short walks that start over; a step then reads only what its
items need. Items that came later have a vector as soon as they have features and holders.

Letters: n items (ids 1..n, 0 = nothing), R requests, B rows, D width, T neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self, cast

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from polyrec.graph import Relation
from polyrec.kernels.graphs.visits import Bipartite, ranked_window, visited
from polyrec.models.graphs.nodes import Inductive
from polyrec.nn import Dot, known
from polyrec.nn.convs import Adjacency, PinSAGE
from polyrec.types import Draw, Encoded, Negatives, PairBatch, Progress, Requests, Similarity

NEIGHBOURS, STEPS, RESTART = 50, 1_000, 0.15
RANKS, LEAST = (2_000, 5_000), 1e-6
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


class PinSAGERetriever(nn.Module):
    """z = G2 ReLU(G1 h + g) over `layers` of importance pooling; a query is an item's vector.

    `ask`: the last known item of the history, as published (related items), or the mean over it.
    Features [n + 1, D_in] make the model inductive (`on`); without any, items have ids.
    Source: Ying et al. 2018, algorithms 1 and 2.

    Raises:
        ValueError: features of another number of items than the graph's.
    """

    similarity: Similarity

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
        self.adjacency, self.features, self.ask = adjacency, features, ask
        width = dim if features is None else features.shape[1]
        self.table = nn.Embedding(adjacency.rows, dim) if features is None else None
        self.layers = nn.ModuleList(
            PinSAGE(width if place == 0 else dim, dim) for place in range(layers)
        )
        self.out = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim, bias=False))
        self.add_module("similarity", Dot() if similarity is None else similarity)

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
        newer.load_state_dict(self.state_dict())
        return newer.train(self.training)

    def prepare(self) -> Retrieved | Self:
        """In eval mode every item's vector once, layer by layer; in training nothing."""
        if self.training:
            return self
        return Retrieved(self, self.vectors(torch.arange(self.adjacency.rows)))

    def vectors(self, ids: Tensor) -> Tensor:
        """[M] distinct -> [M, D]; reads what these items need and no more."""
        blocks, nodes = around(self.adjacency, ids, len(self.layers))
        x = self.table(nodes) if self.table is not None else cast(Tensor, self.features)[nodes]
        for layer, block in zip(self.layers, blocks, strict=True):
            x = layer(block, x)
        found: Tensor = self.out(x)
        return found * (ids > 0)[:, None]

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
    start = known(requests).start
    some = (start.diff() > 0)[:, None]
    if ask == "mean":
        padded = vectors if len(vectors) else vectors.new_zeros(1, vectors.shape[1])
        places = torch.arange(len(vectors))
        return F.embedding_bag(places, padded, start[:-1], mode="mean")[:, None]
    last = (start[1:] - 1).clamp(min=0)
    held = vectors if len(vectors) else vectors.new_zeros(1, vectors.shape[1])
    return (held[last] * some)[:, None]


def around(adjacency: Adjacency, ids: Tensor, layers: int) -> tuple[list[Adjacency], Tensor]:
    """Blocks of whole rows around distinct nodes, the first layer first, and the nodes they name.

    No draw: rows are short already. Nodes keep their number from their first appearance on.
    """
    stamp = torch.full((adjacency.columns,), -1)
    stamp[ids] = torch.arange(len(ids))
    nodes, blocks = ids, list[Adjacency]()
    for _ in range(layers):
        block = adjacency.rows_at(nodes)
        new = torch.unique(block.other)
        new = new[stamp[new] < 0].long()
        stamp[new] = torch.arange(len(nodes), len(nodes) + len(new))
        nodes = torch.cat([nodes, new])
        other = stamp[block.other].to(torch.int32)
        blocks.append(Adjacency(block.start, other, block.weight, len(nodes)))
    return blocks[::-1], nodes


def hard_window(
    held: Relation, ranks: tuple[int, int] = RANKS, kept: int = 100, seed: int = 0
) -> Tensor:
    """[n + 1, kept]: items drawn from these ranks of each item's PageRank, 0 = none there.

    Too far to be related, near enough to be mistaken. Source: Ying et al. 2018, section 3.3.

    Raises:
        ValueError: ranks that no item of the catalogue has.
    """
    first, last = ranks
    if not 1 <= first <= last or first >= held.targets:
        raise ValueError(
            f"ranks {ranks} among {held.targets:,} items: need 1 <= first <= last and first below "
            f"the number of items; a share of the catalogue such as ({held.targets // 20}, "
            f"{held.targets // 8}) is usual for small ones"
        )
    found = ranked_window(both_ways(held), ranks, kept, (RESTART, LEAST), seed)
    return F.pad(torch.from_numpy(found).long() + 1, (0, 0, 1, 0))


@dataclass(frozen=True, eq=False)
class HarderEachEpoch:
    """Shared uniform negatives, and e - 1 hard ones a row in epoch e (the first is 1).

    Hard ones come from the query item's window, drawn anew each step; rows whose item has none
    meet the shared ones alone. log_q of a hard draw is 0: a curriculum has no one distribution, so
    it goes with losses that need none (`margin`). Source: Ying et al. 2018, section 3.3.

    Raises:
        ValueError: no shared negative, or a window of another number of items.
    """

    items: int
    window: Tensor  # [n + 1, kept], 0 = none
    shared: int = 500
    most: int = 100

    def __post_init__(self) -> None:
        if self.shared < 1:
            raise ValueError(f"shared={self.shared}: need at least 1 negative")
        if len(self.window) != self.items + 1:
            raise ValueError(f"a window of {len(self.window) - 1:,} items for {self.items:,}")

    def hard(self, progress: Progress) -> int:
        """e - 1, counted from 0 in `progress`; at most `most` and what the window keeps."""
        return min(progress.epoch, self.most, self.window.shape[1])

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives:
        """Pure in the seed, the stage and the step of `progress`."""
        generator, rows = progress.generator("negatives"), len(batch.positives)
        easy = torch.randint(1, self.items + 1, (1, self.shared), generator=generator)
        flat, zero = torch.zeros(1, 1), torch.zeros(rows, dtype=torch.int64)
        draws = [Draw(easy, zero, flat, easy != batch.positives[:, None])]
        if count := self.hard(progress):
            history = known(batch.requests)
            last = (history.start[1:] - 1).clamp(min=0)
            ids = history.values[last] if len(history.values) else zero
            ids = torch.where(history.start.diff() > 0, ids, 0)
            chosen = torch.rand(rows, self.window.shape[1], generator=generator).argsort(1)
            hard = self.window[ids].gather(1, chosen[:, :count])
            valid = (hard > 0) & (hard != batch.positives[:, None])
            draws.append(Draw(hard, torch.arange(rows), flat, valid))
        return Negatives(tuple(draws), torch.zeros(1))
