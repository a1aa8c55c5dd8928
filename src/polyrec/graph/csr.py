"""Typed graphs as plain arrays: for every kind of edge, each node's neighbours side by side.

Letters: n nodes of a type, E edges of a relation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
I16 = NDArray[np.int16]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Key = tuple[str, str, str]  # type of the source, name, type of the target
REVERSED = "rev_"  # before the name of the same edges, read from the other end


@dataclass(frozen=True)
class Relation:
    """Edges of one kind. Row i lists where the edges of source node i lead, ascending.

    Node ids are 0-based within their type, so id 0 of a vocabulary ("nothing") is no node: the
    builder takes 1 away, once.
    """

    key: Key
    indptr: I64  # [n of the source type + 1]
    indices: I32  # [E], target nodes
    targets: int  # nodes of the target type
    weight: F32 | None = None  # [E]; None = every edge weighs 1
    time: I64 | None = None  # [E], milliseconds
    kind: I16 | None = None  # [E]

    @property
    def sources(self) -> int:
        """Nodes of the source type."""
        return len(self.indptr) - 1

    @property
    def edges(self) -> int:
        """E."""
        return len(self.indices)

    @property
    def degree(self) -> I64:
        """[sources]: edges of each row."""
        return np.diff(self.indptr)

    @property
    def row(self) -> I64:
        """[E]: the source node of each edge."""
        return np.repeat(np.arange(self.sources), self.degree)

    @property
    def weights(self) -> F32:
        """[E]: what each edge weighs; ones where no weights are kept."""
        return np.ones(self.edges, np.float32) if self.weight is None else self.weight

    @cached_property
    def by_time(self) -> I64:
        """[E]: the places of each row's edges from the earliest to the latest; ties by id.

        Raises:
            ValueError: the relation has no times.
        """
        if self.time is None:
            raise ValueError(f"relation {self.key} has no times to order by; build it with times")
        return np.lexsort((self.time, self.row))

    def matrix(self) -> csr_matrix:
        """[sources, targets], float32, for scipy; shares the index arrays."""
        shape = (self.sources, self.targets)
        return csr_matrix((self.weights, self.indices, self.indptr), shape)

    def reverse(self) -> Relation:
        """The same edges from their other end: the transpose, with the same extras."""
        order = np.argsort(self.indices, kind="stable")  # rows ascend, so targets will too
        source, name, target = self.key
        undone = name.removeprefix(REVERSED) if name.startswith(REVERSED) else REVERSED + name
        counts = np.bincount(self.indices, minlength=self.targets)
        return replace(
            self,
            key=(target, undone, source),
            indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            indices=self.row[order].astype(np.int32),
            targets=self.sources,
            weight=None if self.weight is None else self.weight[order],
            time=None if self.time is None else self.time[order],
            kind=None if self.kind is None else self.kind[order],
        )


@dataclass(frozen=True)
class Graph:
    """Nodes of some types and the relations between them; none is changed once made.

    Heterogeneous = more than one node type or more than one relation.
    """

    sizes: Mapping[str, int]  # node type -> nodes
    relations: tuple[Relation, ...]

    def __post_init__(self) -> None:
        names = [relation.key[1] for relation in self.relations]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(
                f"{names.count(twice[0])} relations are named {twice[0]!r}: relations are asked "
                "for by name, give each its own"
            )
        for relation in self.relations:
            source, _, target = relation.key
            for kind, count in ((source, relation.sources), (target, relation.targets)):
                if self.sizes.get(kind) != count:
                    raise ValueError(
                        f"relation {relation.key} has {count:,} nodes of type {kind!r}, the graph "
                        f"{self.sizes.get(kind, 0):,}: build both from the same vocabularies"
                    )

    @property
    def heterogeneous(self) -> bool:
        """More than one node type or more than one relation."""
        return len(self.sizes) > 1 or len(self.relations) > 1

    @property
    def only(self) -> Relation:
        """The relation of a graph that has one.

        Raises:
            ValueError: it has another number of relations.
        """
        if len(self.relations) != 1:
            names = ", ".join(relation.key[1] for relation in self.relations) or "none"
            raise ValueError(f"a graph with one relation is needed, this has: {names}")
        return self.relations[0]

    def symmetric(self) -> Graph:
        """Every relation within one type made undirected: see `change.symmetric`."""
        from polyrec.graph.change import symmetric  # built on this file

        made = (r if _crosses(r) else symmetric(r) for r in self.relations)
        return replace(self, relations=tuple(made))

    def before(self, time: int) -> Graph:
        """The graph as it was: only edges before `time` (milliseconds), see `change.before`.

        Raises:
            ValueError: a relation has no times.
        """
        from polyrec.graph.change import before

        return replace(self, relations=tuple(before(r, time) for r in self.relations))

    def rewire(self, seed: int) -> Graph:
        """A random graph of the same degrees, the control for "structure helps"."""
        from polyrec.graph.ops.rewire import rewire

        made: dict[Key, Relation] = {}
        for relation in sorted(self.relations, key=lambda r: r.key[1].startswith(REVERSED)):
            source, name, target = relation.key
            forth = made.get((target, name.removeprefix(REVERSED), source))
            again = forth is not None and forth.key != relation.key
            made[relation.key] = forth.reverse() if forth and again else rewire(relation, seed)
        return replace(self, relations=tuple(made[r.key] for r in self.relations))

    def __getitem__(self, name: str) -> Relation:
        """The relation of that name.

        Raises:
            KeyError: no such relation; the message names the nearest.
        """
        for relation in self.relations:
            if relation.key[1] == name:
                return relation
        names = [relation.key[1] for relation in self.relations]
        near = get_close_matches(name, names, 3, 0) or names
        raise KeyError(f"no relation {name!r}; there are: {', '.join(near)}")

    def with_reverses(self) -> Graph:
        """Every relation between two types, and its reverse where it is not there yet."""
        have = {relation.key for relation in self.relations}
        more = (relation.reverse() for relation in self.relations if _crosses(relation))
        return replace(self, relations=(*self.relations, *(r for r in more if r.key not in have)))


def _crosses(relation: Relation) -> bool:
    return relation.key[0] != relation.key[2]
