"""LightGCN: vectors smoothed over the graph of people and items, and nothing else.

Letters: R requests, B rows, M distinct items, L layers, N nodes, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec.models.closed_form.parts import distinct
from polyrec.models.graphs.collaborative.bipartite import Bipartite, Sizes, Start
from polyrec.nn import known
from polyrec.nn.propagate import Edges, inverse_power, propagate_rows, smoothed
from polyrec.types import Encoded, Requests, Retriever, Similarity

Zeroth = Literal["kept", "skipped"]


class LightGCN(Bipartite):
    """E^(k+1) = D^-1/2 A D^-1/2 E^k, and the mean over layers 0..L answers.

    No self loop, no weights, no nonlinearity, no attention: an edge weighs 1/sqrt(d_u d_i),
    fixed. Trained by BPR and the squares of E^0 alone. A person is answered from his own vector
    and his history as it is now: e_u = (e_u^0 + sum_i t_i / sqrt(|history|)) / (L + 1), with
    t_i = sum_{k<L} e_i^k / sqrt(d_i). On the history of training this is LightGCN's own vector;
    for somebody unknown e_u^0 is 0.

    Arguments:
        zeroth: "skipped" leaves layer 0 out of the mean (the contrastive models).

    Source: He et al. 2020, eq. 3 to 8 and 15.
    """

    def __init__(
        self,
        sizes: Sizes,
        dim: int = 64,
        layers: int = 3,
        start: Start = "normal",
        zeroth: Zeroth = "kept",
    ) -> None:
        super().__init__(sizes, dim, start)
        if layers < 1:
            raise ValueError(f"layers={layers}: need at least 1; 0 is matrix factorisation")
        self.layers, self.zeroth = layers, zeroth

    @property
    def averaged(self) -> int:
        """Layers in the mean."""
        return self.layers + (self.zeroth == "kept")

    def prepare(self) -> Retriever:
        """Propagates all layers but the last, which is read where it is asked for."""
        return self.smoothed(self.edges())

    def smoothed(self, edges: Edges) -> Smoothed:
        """The sum of layers 0..L - 1 over these edges."""
        return Smoothed(self, edges, smoothed(self.weight, edges, self.layers - 1))

    def queries(self, requests: Requests) -> Tensor:
        """[R, 1, D]."""
        return self.prepare().queries(requests)

    def items(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D]."""
        return self.prepare().items(ids)

    def forward(self, requests: Requests, ids: Tensor) -> Encoded:
        """Both sides at once, for training; ids [M], distinct."""
        return self.prepare()(requests, ids)


@dataclass(frozen=True, eq=False)
class Smoothed:
    """A propagated LightGCN: the sum of layers 0..L - 1 of every node; layer L on demand."""

    of: LightGCN
    edges: Edges
    below: Tensor  # [N, D]

    @property
    def similarity(self) -> Similarity:
        """The model's own."""
        return self.of.similarity

    def prepare(self) -> Smoothed:
        """Done already."""
        return self

    def queries(self, requests: Requests) -> Tensor:
        """[R, 1, D]: from the history as it is now; zero where there is none."""
        history = distinct(known(requests), self.of.sizes.items).to(self.below.device)
        nodes = self.of.item_nodes(history.values)
        said = heard(self.below, self.edges, nodes, history.start)
        found = self._mean(self.of.people_nodes(requests), said)
        return found.masked_fill((history.lengths == 0)[:, None], 0)[:, None]

    def items(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D]."""
        return self.rows(self.of.item_nodes(ids.flatten())).view(*ids.shape, -1)

    def rows(self, nodes: Tensor) -> Tensor:
        """[B] -> [B, D]: the answer of nodes of the graph."""
        return self._mean(nodes, propagate_rows(self.below, self.edges, nodes))

    def __call__(self, requests: Requests, ids: Tensor) -> Encoded:
        """Both sides at once; people of the graph by their edges, others by their history."""
        return both_sides(self, self.of, requests, ids)

    def _mean(self, nodes: Tensor, said: Tensor) -> Tensor:
        own = 0.0 if self.of.zeroth == "skipped" else self.of.own(nodes)
        return (said + own) / self.of.averaged


class View(Protocol):
    """What answers for nodes of the graph, for people by their history, and for items."""

    def queries(self, requests: Requests) -> Tensor: ...
    def items(self, ids: Tensor) -> Tensor: ...
    def rows(self, nodes: Tensor) -> Tensor: ...


def both_sides(view: View, of: Bipartite, requests: Requests, ids: Tensor) -> Encoded:
    """A training step's queries [R, 1, D] and items [M, D], each node asked once."""
    actor = of.people_nodes(requests)
    if bool((actor > 0).all()):
        people, place = torch.unique(actor, return_inverse=True)
        found = view.rows(torch.cat([people, of.item_nodes(ids)]))
        at, items = torch.split(found, [len(people), len(ids)])
        queries = F.embedding(place, at)[:, None]
    else:
        queries, items = view.queries(requests), view.items(ids)
    return Encoded(queries, items, meet=(queries, items))


def heard(below: Tensor, edges: Edges, nodes: Tensor, start: Tensor) -> Tensor:
    """[R, D]: what rows with these neighbours [sum] hear: each weighs 1/sqrt(own d x its d)."""
    told = below[nodes] * edges.out_of[nodes].to(below.dtype)[:, None]
    owner = torch.repeat_interleave(start.diff())
    summed = below.new_zeros(len(start) - 1, below.shape[1]).index_add(0, owner, told)
    return summed * inverse_power(start.diff()).to(below.dtype)[:, None]
