"""Vectors of nodes from who meets whom on short walks, and classes read off them afterwards.

No class is seen while vectors are learnt. On features the weights serve later nodes and other
graphs: such a node's vector follows from its features and edges.

Letters: n nodes (as items: ids 1..n, 0 = nothing), B rows, D width, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.data.batches import Pairs
from polyrec.graph import Graph, Relation
from polyrec.graph.walks import DeepWalks
from polyrec.kernels.shuffle import shuffled
from polyrec.models.graphs.batches import TASK, Nodes, NodeTask
from polyrec.models.graphs.nodes import Inductive, NodeClassifier
from polyrec.nn import Dot, known
from polyrec.types import Answers, Encoded, Ragged, Requests, Similarity, derived_seed


class NodeVectors(nn.Module):
    """A graph encoder asked as a retriever: a node's vector, of length 1, is query and item.

    Goes with `linked` and negatives drawn by degree^.75. The encoder's last layer gives D numbers
    instead of logits. Source: Hamilton et al. 2017, section 3.2 and algorithm 1, line 7.
    """

    similarity: Similarity

    def __init__(self, encoder: NodeClassifier, whole: Nodes) -> None:
        super().__init__()
        self.encoder, self.whole = encoder, whole
        self.add_module("similarity", Dot())

    def prepare(self) -> Self:
        """Nothing to do once."""
        return self

    def on(self, graph: Nodes) -> Tensor:
        """[n, D]: the vectors of all nodes of a graph, this one or another."""
        return F.normalize(self.encoder.states(graph.x, graph.layers)[-1])

    def table(self) -> Tensor:
        """[n + 1, D]: row 0 is nothing."""
        return F.pad(self.on(self.whole), (0, 0, 1, 0))

    def queries(self, requests: Requests) -> Tensor:
        """[R, 1, D]: the one node of each request."""
        return self.table()[known(requests).values][:, None]

    def items(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D]."""
        return self.table()[ids]

    def forward(self, requests: Requests, ids: Tensor) -> Encoded:
        """Both sides from one pass over the graph, and the price of long weights."""
        table = self.table()
        queries, items = table[known(requests).values][:, None], table[ids]
        price = {"decay": self.encoder.price()} if self.encoder.decay else {}
        return Encoded(queries=queries, items=items, meet=(queries, items), extra=price)


class Walked(nn.Module):
    """Vectors learnt without classes, and lines that read classes off them (filled by a solve)."""

    weight: Tensor
    bias: Tensor

    def __init__(self, vectors: NodeVectors, dim: int, classes: int) -> None:
        super().__init__()
        self.vectors = vectors
        self.register_buffer("weight", torch.zeros(dim, classes))
        self.register_buffer("bias", torch.zeros(classes))

    @property
    def inductive(self) -> Inductive:
        """What new nodes need."""
        return self.vectors.encoder.inductive

    def prepare(self) -> NodeVectors:
        """What training asks: the vectors."""
        return self.vectors

    def logits(self, batch: Nodes) -> Answers:
        """[B, C]: log odds of each class against the rest."""
        return Answers({TASK: self.vectors.on(batch)[batch.at] @ self.weight + self.bias})


@dataclass(frozen=True)
class WalkPairs:
    """Who is met on a short walk from each node, every pair once an epoch; new walks each epoch.

    A node without edges meets nobody. Source: Hamilton et al. 2017, section 3.2.

    Raises:
        ValueError: no pair a batch, or no step.
    """

    task: NodeTask
    length: int = 5  # steps
    batch_size: int = 512

    def __post_init__(self) -> None:
        if self.length < 1 or self.batch_size < 1:
            raise ValueError(
                f"walk={self.length}, batch={self.batch_size}: need at least 1 step and 1 pair"
            )

    @property
    def steps(self) -> int:
        """Batches in an epoch, by the most pairs there can be."""
        able = int((self.task.relation.degree > 0).sum())
        return max(-(-able * self.length // self.batch_size), 1)

    def batch(self, seed: int, epoch: int, step: int, part: tuple[int, int] = (0, 1)) -> Pairs:
        """The pairs of `part` = (rank, size) of this batch; nodes are ids from 1."""
        starts, met = self._pairs(derived_seed(seed, epoch, "walks"))
        low, high = (len(starts) * at // self.steps for at in (step, step + 1))
        places = np.arange(low, high)[part[0] :: part[1]]
        at = torch.from_numpy(shuffled(places, len(starts), derived_seed(seed, epoch, "pairs")))
        history = Ragged(starts[at] + 1, torch.arange(len(at) + 1))
        asked = Requests(actor=torch.zeros(len(at), dtype=torch.int64), history=history)
        return Pairs(asked, met[at] + 1, torch.ones(len(at)))

    @cached_property
    def _last(self) -> dict[int, tuple[Tensor, Tensor]]:
        return {}

    def _pairs(self, seed: int) -> tuple[Tensor, Tensor]:
        """Those of an epoch, walked once."""
        if seed not in self._last:
            self._last.clear()
            self._last[seed] = _met(self.task.relation, self.length, seed)
        return self._last[seed]


def _met(relation: Relation, length: int, seed: int) -> tuple[Tensor, Tensor]:
    """[P] each: where a walk begins, and whom it meets; a node does not meet itself."""
    plan = DeepWalks(count=1, length=length + 1, weights="uniform")
    found = plan(Graph({relation.key[0]: relation.sources}, (relation,)), seed)
    first = found.values[found.start[:-1]].long()
    starts, met = first.repeat_interleave(found.lengths), found.values.long()
    other = starts != met
    return starts[other], met[other]


def by_degree(task: NodeTask) -> Tensor:
    """[n + 1]: how often each node ends an edge: what negatives are drawn by."""
    return F.pad(torch.from_numpy(np.asarray(task.relation.degree)).long(), (1, 0))
