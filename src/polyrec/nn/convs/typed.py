"""Graphs of several kinds: who reads whom, relation by relation, and all that a node reads at once.

Each relation is an adjacency whose rows are nodes of its source type and whose columns are those of
its target type; the first rows of a type's columns are its rows, so sampled graphs fit too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from polyrec.graph import Graph, Key
from polyrec.nn.convs.adjacency import Adjacency, Norm

Vectors = Mapping[str, Tensor]  # node type -> [m, D]


@dataclass(frozen=True)
class Typed:
    """An adjacency for each relation."""

    relations: Mapping[Key, Adjacency]

    @classmethod
    def of(cls, graph: Graph, norm: Norm = "row") -> Typed:
        """All relations of a graph under one norm; call `with_reverses` first to read both ways."""
        return cls({r.key: Adjacency.of(r, norm) for r in graph.relations})

    @cached_property
    def readers(self) -> Mapping[str, tuple[Key, ...]]:
        """node type -> the relations by which it reads."""
        kinds = dict.fromkeys(key[0] for key in self.relations)
        return {kind: tuple(k for k in self.relations if k[0] == kind) for kind in kinds}

    @cached_property
    def together(self) -> Mapping[str, Adjacency]:
        """node type -> everything it reads in one adjacency, columns relation after relation."""
        return {
            kind: together([self.relations[key] for key in keys])
            for kind, keys in self.readers.items()
        }

    @cached_property
    def with_self(self) -> Mapping[str, Adjacency]:
        """As `together`, behind the node itself: the first columns are the rows, as layers ask."""
        found = {}
        for kind, keys in self.readers.items():
            parts = [self.relations[key] for key in keys]
            found[kind] = together([itself(parts[0].rows, parts[0].weight), *parts])
        return found

    def which(self, kind: str) -> Tensor:
        """int64 [E]: for each edge of `with_self` the number of its part; 0 = itself."""
        sizes = [self.with_self[kind].rows]
        sizes += [self.relations[key].columns for key in self.readers[kind]]
        return torch.bucketize(
            self.with_self[kind].other, torch.tensor(sizes).cumsum(0), right=True
        )

    def read(self, kind: str, x: Vectors) -> Tensor:
        """What the columns of `with_self` hold: itself, then relation after relation."""
        own = x[kind][: self.with_self[kind].rows]
        return torch.cat([own, *(x[key[2]] for key in self.readers[kind])])


def itself(rows: int, like: Tensor) -> Adjacency:
    """Every row reads itself, with weight 1."""
    start = torch.arange(rows + 1, device=like.device)
    return Adjacency(start, start[:-1].to(torch.int32), like.new_ones(rows), rows)


def together(parts: list[Adjacency]) -> Adjacency:
    """Adjacencies with the same rows side by side: columns of the first, then of the second ..."""
    rows = torch.cat([part.row for part in parts])
    order = rows.argsort(stable=True)
    first, others = 0, []
    for part in parts:
        others.append(part.other + first)
        first += part.columns
    start = torch.stack([part.start for part in parts]).sum(0)
    weight = torch.cat([part.weight for part in parts])
    return Adjacency(start, torch.cat(others)[order], weight[order], first)
