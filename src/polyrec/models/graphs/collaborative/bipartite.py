"""People and items as the nodes of one graph: their own vectors, and who is whose neighbour.

Nodes stand in one table: nobody (0) and people in rows 1..U first, then nothing (U + 1) and items.
The two nothings have no edge and stay zero. Within their side, nodes with common neighbours stand
together (`place` says where), which halves the time of a product with the graph's matrix.
Letters: U people, n items, N = U + n + 2 nodes, D width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from polyrec.graph import Relation, renumbered
from polyrec.graph.ops import side_by_side
from polyrec.nn import Dot
from polyrec.nn.embed import looked_up
from polyrec.nn.propagate import Edges, inverse_power
from polyrec.types import Requests, Similarity


@dataclass(frozen=True)
class Sizes:
    """How much a graph of people and items holds; `edges` at most."""

    people: int
    items: int
    edges: int


Start = Literal["normal", "xavier"]
SPREAD = 0.1  # standard deviation of normal


class Bipartite(nn.Module):
    """A vector for each person and item, and the graph between them, kept with the weights.

    `connect` fills the graph; its buffers' sizes are known from the constructor, so that a state
    dict is the model. A node of degree 0 keeps its start and hears from nobody.

    Arguments:
        start: "normal" (.1, LightGCN), "xavier" (the contrastive models).
    """

    similarity: Similarity
    asks = ("actor",)  # a person's own vector beside the history
    begin: Tensor
    ends: Tensor
    place: Tensor

    def __init__(self, sizes: Sizes, dim: int = 64, start: Start = "normal") -> None:
        super().__init__()
        people, items, edges = sizes.people, sizes.items, sizes.edges
        if min(people, items, dim) < 1:
            raise ValueError(f"need people, items, dim >= 1, got {people}, {items} and {dim}")
        if start not in get_args(Start):
            raise ValueError(f"start={start!r}, use {', '.join(get_args(Start))}")
        self.sizes, self.nodes = sizes, people + items + 2
        self.offset = people + 1
        self.weight = nn.Parameter(torch.empty(self.nodes, dim))
        self.register_buffer("begin", torch.zeros(self.nodes + 1, dtype=torch.int32))
        self.register_buffer("ends", torch.zeros(2 * max(edges, 1), dtype=torch.int32))
        self.register_buffer("place", torch.arange(self.nodes))
        self.add_module("similarity", Dot())
        with torch.no_grad():
            if start == "xavier":
                for part in torch.split(self.weight, [people + 1, items + 1]):
                    nn.init.xavier_uniform_(part)
            else:
                self.weight.normal_(0, SPREAD)
            self.weight[[0, self.offset]] = 0

    @property
    def since(self) -> Mapping[str, Tensor]:
        """Buffers that checkpoints of before lack, as they stood then: nodes as they come."""
        return {"place": torch.arange(self.nodes)}

    @property
    def dim(self) -> int:
        """D."""
        return self.weight.shape[1]

    def connect(self, chose: Relation) -> None:
        """Takes over who chose what; people and items of the relation are 0-based nodes.

        Raises:
            ValueError: the relation is of other sizes.
        """
        if (chose.sources, chose.targets) != (self.sizes.people, self.sizes.items):
            raise ValueError(
                f"a graph of {chose.sources:,} people and {chose.targets:,} items for a model of "
                f"{self.sizes.people:,} and {self.sizes.items:,}: build both from the same "
                "vocabularies"
            )
        if 2 * chose.edges > len(self.ends):
            raise ValueError(
                f"{chose.edges:,} edges, the model was made for {len(self.ends) // 2:,}"
            )
        chose = self._placed(chose)
        back = chose.reverse()
        degree = np.concatenate([[0], chose.degree, [0], back.degree])
        self.begin.copy_(torch.from_numpy(np.concatenate([[0], np.cumsum(degree)])))
        both = np.concatenate([chose.indices + 1 + self.offset, back.indices + 1])
        self.ends.zero_()[: len(both)] = torch.from_numpy(both)

    def _placed(self, chose: Relation) -> Relation:
        """The relation between rows of the table, which is put in a new order: see `place`."""
        people, items = side_by_side(chose)
        place = torch.arange(self.nodes)
        place[1 + torch.from_numpy(people)] = torch.arange(1, self.offset)
        place[1 + self.offset + torch.from_numpy(items)] = torch.arange(self.offset + 1, self.nodes)
        with torch.no_grad():
            own = self.weight[self.place]
            self.weight[place.to(self.weight.device)] = own
        self.place.copy_(place)
        return renumbered(chose, people, items)

    def edges(self) -> Edges:
        """D^-1/2 A D^-1/2 over all nodes: symmetric, no self loops, rows of lonely nodes zero."""
        factor = inverse_power(self.begin.diff())
        return Edges(self.begin, self.ends[: int(self.begin[-1])], factor, factor)

    def own(self, nodes: Tensor) -> Tensor:
        """[*S] -> [*S, D]: the vectors that are trained; those of nobody and nothing are fixed."""
        return looked_up(self.weight, torch.where(nodes == self.offset, 0, nodes))

    def people_nodes(self, requests: Requests) -> Tensor:
        """[R]: the node of who asks, 0 = unknown to this model."""
        actor = requests.actor
        if requests.asked is not None:
            start = requests.history.start
            actor = actor[torch.searchsorted(start, requests.asked + 1, side="left") - 1]
        known = torch.where(actor <= self.sizes.people, actor, 0)
        return self.place[known.to(self.place.device)]

    def item_nodes(self, ids: Tensor) -> Tensor:
        """[*S]: the nodes of items."""
        return self.place[ids.to(self.place.device) + self.offset]
