"""Graph models that do not propagate: the graph stands in the loss, or in the history's mean.

Letters: U people, n items, R requests, M distinct items, D width, K neighbours of an item.
"""

from __future__ import annotations

from typing import Literal, Self, get_args

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from polyrec.graph import Relation
from polyrec.models.closed_form.neighbours import Neighbours
from polyrec.models.closed_form.parts import Matrix, distinct
from polyrec.models.graphs.collaborative.bipartite import Sizes
from polyrec.models.graphs.collaborative.spectrum import spectral_start
from polyrec.nn import Cosine, Dot, ItemTable, known
from polyrec.types import Encoded, Ragged, Requests, Similarity

Begin = Literal["tiny", "spectral"]


class Free(nn.Module):
    """A vector a person and a vector an item, each moved alone; no layer between them.

    Gradients touch only the rows of a batch. A person whom the model does not know is the mean of
    the items of his history.
    """

    similarity: Similarity
    asks = ("actor",)

    def __init__(self, sizes: Sizes, dim: int, spread: float, similarity: nn.Module) -> None:
        super().__init__()
        self.sizes = sizes
        self.people, self.table = ItemTable(sizes.people, dim), ItemTable(sizes.items, dim)
        with torch.no_grad():
            for part in (self.people, self.table):
                part.weight.normal_(0, spread)
                part.weight[0] = 0
        self.add_module("similarity", similarity)

    def prepare(self) -> Self:
        """Nothing to do once: the tables are the vectors."""
        return self

    def items(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D]."""
        vectors: Tensor = self.table(ids)
        return vectors

    def forward(self, requests: Requests, ids: Tensor) -> Encoded:
        """Both sides at once, for training; ids [M], distinct."""
        queries, items = self.queries(requests), self.items(ids)
        return Encoded(queries, items, meet=(queries, items))

    def queries(self, requests: Requests) -> Tensor:
        """[R, 1, D]; zero without a history."""
        history = distinct(known(requests), self.sizes.items).to(self.table.weight.device)
        found = self.asked(self.people_nodes(requests), history)
        return found.masked_fill((history.lengths == 0)[:, None], 0)[:, None]

    def asked(self, actor: Tensor, history: Ragged) -> Tensor:
        """[R, D]: the query of each row; a subclass says how."""
        raise NotImplementedError

    def own(self, nodes: Tensor) -> Tensor:
        """[B] -> [B, D]: the vectors that are trained, people 0..U first and then items."""
        person = nodes <= self.sizes.people
        people: Tensor = self.people(torch.where(person, nodes, 0))
        items: Tensor = self.table(torch.where(person, 0, nodes - self.sizes.people - 1))
        return people + items  # id 0 is zero

    def item_nodes(self, ids: Tensor) -> Tensor:
        """[*S]: the nodes of items."""
        return ids.to(self.table.weight.device) + self.sizes.people + 1

    def people_nodes(self, requests: Requests) -> Tensor:
        """[R]: the node of who asks, 0 = unknown to this model."""
        actor = requests.actor
        if requests.asked is not None:
            start = requests.history.start
            actor = actor[torch.searchsorted(start, requests.asked + 1, side="left") - 1]
        return torch.where(actor <= self.sizes.people, actor, 0).to(self.table.weight.device)

    def _mean(self, history: Ragged) -> Tensor:
        """[R, D]: the mean of each row's items."""
        told: Tensor = self.table(history.values)
        summed = told.new_zeros(len(history), told.shape[1]).index_add(0, history.row, told)
        return summed / history.lengths.clamp(min=1)[:, None]


class Factors(Free):
    """Matrix factorisation: a person is his own vector, an item its own.

    By BPR the plain baseline of every graph model; by a softmax over many negatives hard to beat.
    Source: Rendle et al. 2009 (BPR); Wu et al. 2022 (sampled softmax).

    Arguments:
        lean: how much the mean of a person's history weighs beside his own vector when he is
            asked; nothing in training. What he has just chosen then counts at once.

    Raises:
        ValueError: a negative lean.
    """

    def __init__(self, sizes: Sizes, dim: int = 64, spread: float = 0.1, lean: float = 0.0) -> None:
        super().__init__(sizes, dim, spread, Dot())
        if not 0 <= lean < float("inf"):
            raise ValueError(f"lean={lean}: need 0, which leaves the history out, or above")
        self.lean = lean

    def asked(self, actor: Tensor, history: Ragged) -> Tensor:
        """His own vector, leaning to his items; of somebody unknown the mean of his items."""
        own: Tensor = self.people(actor)
        if self.lean == 0 and bool((actor > 0).all()):
            return own
        mean = self._mean(history)
        return torch.where((actor > 0)[:, None], own + self.lean * mean, mean)

    def queries(self, requests: Requests) -> Tensor:
        """[R, 1, D]; somebody unknown and without history is zero."""
        actor = self.people_nodes(requests)
        if self.lean == 0 and bool((actor > 0).all()):
            return self._owned(actor)
        history = distinct(known(requests), self.sizes.items).to(self.table.weight.device)
        nobody = (actor == 0) & (history.lengths == 0)
        return self.asked(actor, history).masked_fill(nobody[:, None], 0)[:, None]

    def forward(self, requests: Requests, ids: Tensor) -> Encoded:
        """Both sides at once, for training: a person of the graph is his own vector."""
        actor = self.people_nodes(requests)
        if not bool((actor > 0).all()):
            return super().forward(requests, ids)
        queries, items = self._owned(actor), self.items(ids)
        return Encoded(queries, items, meet=(queries, items))

    def _owned(self, actor: Tensor) -> Tensor:
        own: Tensor = self.people(actor)
        return own[:, None]

    def connect(self, chose: Relation) -> None:
        """Needs no graph."""


class UltraGCN(Factors):
    """What infinitely many layers would hold still for, written as weights of a loss.

    Edges weigh by their degrees in the loss (`train`'s `DegreeWeighted`), items are pulled to the
    `near` ones of what a person chose: w_ij = G_ij / g_i sqrt((g_i + 1) / (g_j + 1)), G = R'R
    without its diagonal, g its row sums, the largest `neighbours` kept (the authors' code keeps
    the item among its own neighbours; ours does not).

    Arguments:
        start: "tiny" (normal, 1e-4), as published, or "spectral" (`spectral_start`).
        lean: as of `Factors`; 0 as published.

    Source: Mao et al. 2021, eq. 6 to 14.

    Raises:
        ValueError: the start is unknown, or a negative lean.
    """

    def __init__(
        self,
        sizes: Sizes,
        dim: int = 64,
        neighbours: int = 10,
        start: Begin = "tiny",
        lean: float = 0.0,
    ) -> None:
        if start not in get_args(Begin):
            raise ValueError(f"ultragcn: start={start!r}, use tiny or spectral")
        super().__init__(sizes, dim, 1e-4, lean)
        self.near, self.start = Neighbours(sizes.items, neighbours, 4_000), start

    def connect(self, chose: Relation) -> None:
        """Finds the neighbours of every item, and where vectors begin, if the graph says it."""
        seen = seen_by(chose)
        if self.start == "spectral":
            with torch.no_grad():
                begin = spectral_start(seen, self.people.weight.shape[1])
                for part, rows in zip((self.people, self.table), begin, strict=True):
                    part.weight.copy_(rows)
        together = np.asarray(seen.T @ (seen @ np.ones(seen.shape[1]))).ravel()
        together -= np.asarray(seen.sum(0)).ravel()

        def omega(first: int, rows: Matrix) -> Matrix:
            both = (rows @ seen).tocoo()
            of, to = together[both.row + first], together[both.col]
            weight = both.data / np.maximum(of, 1) * np.sqrt((of + 1) / np.maximum(to + 1, 1))
            return csr_matrix((weight, (both.row, both.col)), both.shape)

        self.near.fill(seen, omega)

    def follow(self, first: UltraGCN) -> None:
        """Takes over what `connect` found for a model of the same settings."""
        self.near.load_state_dict(first.near.state_dict())
        if self.start == "spectral":
            with torch.no_grad():
                self.people.weight.copy_(first.people.weight)
                self.table.weight.copy_(first.table.weight)


class SimpleX(Free):
    """A cosine of items and what a person is: a share of his own vector, the rest his history.

    user = own e_u + (1 - own) V mean(items of the history); trained by `losses.ccl`. In training
    the history is that of the graph, the answer among it, as published; a live one is read as it
    is. Source: Mao et al. 2021 (SimpleX), eq. 2 to 5, mean pooling.

    Raises:
        ValueError: the share is outside 0..1.
    """

    begin: Tensor
    ends: Tensor

    def __init__(self, sizes: Sizes, dim: int = 64, own: float = 0.5) -> None:
        super().__init__(sizes, dim, 1e-2, Cosine(1.0))
        if not 0 <= own <= 1:
            raise ValueError(f"own={own}: a share, need 0 <= own <= 1")
        self.share = own
        self.mix = nn.Linear(dim, dim, bias=False)
        nn.init.eye_(self.mix.weight)
        self.register_buffer("begin", torch.zeros(sizes.people + 2, dtype=torch.int64))
        self.register_buffer("ends", torch.zeros(max(sizes.edges, 1), dtype=torch.int32))

    def connect(self, chose: Relation) -> None:
        """Takes over who chose what."""
        self.begin[1:].copy_(torch.from_numpy(chose.indptr))
        self.ends.zero_()[: chose.edges] = torch.from_numpy(chose.indices + 1)

    def asked(self, actor: Tensor, history: Ragged) -> Tensor:
        """A share of his own vector, and of what he chose."""
        own: Tensor = self.people(actor)
        mixed: Tensor = self.mix(self._mean(history))
        return self.share * own + (1 - self.share) * mixed

    def forward(self, requests: Requests, ids: Tensor) -> Encoded:
        """Both sides at once, for training: histories are those of the graph."""
        actor = self.people_nodes(requests)
        if not bool((actor > 0).all()):
            return super().forward(requests, ids)
        people, place = torch.unique(actor, return_inverse=True)
        history = Ragged(self.ends.long(), self.begin).select(people)
        queries = self.asked(people, history)[place][:, None]
        items = self.items(ids)
        return Encoded(queries, items, meet=(queries, items))


def seen_by(chose: Relation) -> Matrix:
    """[U + 1, n + 1], 0/1, with the rows and columns of nobody and nothing."""
    matrix = csr_matrix(
        (
            np.ones(chose.edges, np.float32),
            chose.indices + 1,
            np.concatenate([[0], chose.indptr]),
        ),
        (chose.sources + 1, chose.targets + 1),
    )
    return matrix
