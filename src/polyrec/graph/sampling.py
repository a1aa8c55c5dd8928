"""A graph around some nodes, by chance: a few neighbours of each, hop by hop.

Each hop is a set of bipartite blocks, a relation each: rows are the nodes known so far, columns the
nodes known after. A node keeps its number from its first appearance on, so the first columns of a
type are its rows. What is asked for with a time sees earlier edges only, and so does everything
that is reached from it.

Letters: R rows of a block, S its edges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from polyrec.graph.csr import Graph, Key, Relation
from polyrec.kernels.graphs.neighbours import (
    HOWS,
    NONE,
    Edges,
    How,
    Rows,
    Stream,
    numbered,
    numbered_pairs,
    sampled,
    seen_before,
)
from polyrec.kernels.graphs.rng import purpose
from polyrec.types import derived_seed

I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
PURPOSE = "neighbours"


@dataclass(frozen=True)
class Block:
    """One relation's sampled edges of one hop."""

    key: Key
    start: I64  # [R + 1]
    other: I32  # [S], numbers of the target type after this hop
    place: I64  # [S], the edge in the relation, for its weight, time or kind
    columns: int


@dataclass(frozen=True)
class Sample:
    """Blocks of every hop, the seeds' own hop first, and the nodes they number.

    `nodes[type]` in order of first appearance, seeds first; `sizes[h][type]` of them are known
    after h hops. Where edges have times, a node counts once for every root that reaches it, and
    `root[type]` says for which seed; else it is empty.
    """

    hops: tuple[tuple[Block, ...], ...]
    nodes: Mapping[str, I64]
    sizes: tuple[Mapping[str, int], ...]
    root: Mapping[str, I64]

    @property
    def edges(self) -> int:
        """All edges of all blocks."""
        return sum(len(block.other) for hop in self.hops for block in hop)


@dataclass(frozen=True)
class Seeds:
    """Where a sample starts: distinct nodes of one type, and until when each may look."""

    kind: str
    ids: I64
    time: I64 | None = None  # milliseconds; edges strictly before it are seen


@dataclass(frozen=True)
class NeighbourSampler:
    """Draws `fanouts[h]` neighbours a node and relation in hop h.

    `how`: `uniform`, `weighted`, `latest` (by time), `topk` (by weight); with `_again` the first
    two draw with replacement. A relation may have its own fan-outs in `of_relation`, 0 to leave
    it out. Pure in (seed, epoch, step): chance is keyed by hop, relation and node.

    Raises:
        ValueError: no hop, a fan-out below 1, or fan-outs of a relation for other hops.
        KeyError: fan-outs for a relation that the graph lacks.
    """

    graph: Graph
    fanouts: tuple[int, ...]
    how: How = "uniform"
    of_relation: Mapping[str, tuple[int, ...]] | None = None

    def __post_init__(self) -> None:
        if not self.fanouts or min(self.fanouts) < 1:
            raise ValueError(f"fanouts={self.fanouts}: need one a hop, each at least 1")
        if self.how not in HOWS:
            raise ValueError(f"how={self.how!r}: there are {', '.join(HOWS)}")
        for name, own in (self.of_relation or {}).items():
            self.graph[name]
            if len(own) != len(self.fanouts) or min(own) < 0:
                raise ValueError(
                    f"fan-outs {own} of relation {name!r}: need {len(self.fanouts)}, each >= 0"
                )
        for relation in self.graph.relations:
            _check(relation, self.how)

    @cached_property
    def _edges(self) -> tuple[Edges, ...]:
        return tuple(_edges(relation) for relation in self.graph.relations)

    def sample(self, seeds: Seeds, seed: int, epoch: int = 0, step: int = 0) -> Sample:
        """The graph around the seeds.

        Raises:
            ValueError: seeds that repeat or lie outside their type, ids or times that are no
                integers, another number of times, or times where a relation has none.
        """
        self._check_seeds(seeds)
        state = _State.of(self.graph, seeds)
        hops, sizes = [], [state.counts()]
        for hop in range(len(self.fanouts)):
            rows = {kind: (state.nodes[kind], state.root[kind]) for kind in state.nodes}
            blocks = []
            for relation, edges in zip(self.graph.relations, self._edges, strict=True):
                fanout = self._fanout(relation.key[1], hop)
                asked, root = rows[relation.key[0]]
                if fanout:  # a type that nobody met yet gives an empty block: layers read it too
                    key = derived_seed(seed, step, hop, *relation.key)
                    stream = Stream(np.uint64(key), purpose(PURPOSE), np.uint64(epoch))
                    seen = state.seen(relation, edges, asked, root)
                    unit = root + 1 if seeds.time is not None else np.zeros_like(asked)
                    start, place = sampled(edges, Rows(asked, seen, unit), fanout, self.how, stream)
                    blocks.append((relation, start, place, state.added(relation, start, place)))
            sizes.append(state.counts())
            hops.append(tuple(
                Block(r.key, start, other, place, sizes[-1][r.key[2]])
                for r, start, place, other in blocks
            ))  # fmt: skip
        return Sample(tuple(hops), state.nodes, tuple(sizes), state.root if state.timed else {})

    def _fanout(self, name: str, hop: int) -> int:
        return (self.of_relation or {}).get(name, self.fanouts)[hop]

    def _check_seeds(self, seeds: Seeds) -> None:
        size = self.graph.sizes.get(seeds.kind)
        if size is None:
            have = ", ".join(self.graph.sizes)
            raise ValueError(f"no node type {seeds.kind!r}; there are: {have}")
        _check_columns(seeds)
        if len(seeds.ids) and not (seeds.ids.min() >= 0 and seeds.ids.max() < size):
            raise ValueError(
                f"seeds lie in {seeds.ids.min()}..{seeds.ids.max()}, nodes of type "
                f"{seeds.kind!r} in 0..{size - 1}"
            )
        if seeds.time is None:
            if len(np.unique(seeds.ids)) < len(seeds.ids):
                raise ValueError("a node is asked for twice: ask for distinct nodes")
            return
        untimed = [r.key[1] for r in self.graph.relations if r.time is None]
        if untimed:
            raise ValueError(f"seeds have times, relations {untimed} have none: leave them out")


def _check_columns(seeds: Seeds) -> None:
    for name, column in (("ids", seeds.ids), ("times", seeds.time)):
        if column is None:
            continue
        if column.dtype.kind not in "iu":
            raise ValueError(f"seeds: {name} are {column.dtype}; integers are needed")
        if len(column) != len(seeds.ids):
            raise ValueError(
                f"{len(column):,} times for {len(seeds.ids):,} seeds: give each its own"
            )


@dataclass
class _State:
    """Nodes known so far, by type; where edges have times, once for every root."""

    sizes: Mapping[str, int]
    nodes: dict[str, I64]
    root: dict[str, I64]
    time: I64
    timed: bool

    @classmethod
    def of(cls, graph: Graph, seeds: Seeds) -> _State:
        nodes = dict.fromkeys(graph.sizes, NONE)
        ids = np.asarray(seeds.ids, np.int64)
        root = {**nodes, seeds.kind: np.arange(len(ids), dtype=np.int64)}
        timed = seeds.time is not None
        time = NONE if seeds.time is None else np.asarray(seeds.time, np.int64)
        return cls(graph.sizes, {**nodes, seeds.kind: ids}, root, time, timed)

    def counts(self) -> dict[str, int]:
        return {kind: len(ids) for kind, ids in self.nodes.items()}

    def seen(self, relation: Relation, edges: Edges, asked: I64, root: I64) -> I64:
        """How many edges of each asked row may be drawn."""
        if not self.timed:
            return edges.start[asked + 1] - edges.start[asked]
        assert relation.time is not None
        return seen_before(edges, relation.time, asked, self.time[root])

    def added(self, relation: Relation, start: I64, place: I64) -> I32:
        """Numbers of the nodes that edges lead to; new ones join their type."""
        kind, found = relation.key[2], relation.indices[place].astype(np.int64)
        if not self.timed:
            local, self.nodes[kind] = numbered(self.nodes[kind], found, self.sizes[kind])
            return local
        rows = np.repeat(self.root[relation.key[0]][: len(start) - 1], np.diff(start))
        size = self.sizes[kind]
        known = self.root[kind] * size + self.nodes[kind]
        local, both = numbered_pairs(known, rows * size + found)
        self.root[kind], self.nodes[kind] = both // size, both % size
        return local


def _edges(relation: Relation) -> Edges:
    order = NONE
    if relation.time is not None:
        order = np.lexsort((relation.time, relation.row)).astype(np.int64)
    weight = np.empty(0, np.float32) if relation.weight is None else relation.weight
    return Edges(relation.indptr, weight, order)


def _check(relation: Relation, how: How) -> None:
    name, weight = relation.key[1], relation.weight
    if how == "latest" and relation.time is None:
        raise ValueError(f"how='latest' needs times, relation {name!r} has none")
    if weight is not None and not (np.isfinite(weight) & (weight >= 0)).all():
        at = int(np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))[0])
        raise ValueError(
            f"relation {name!r}, edge {at:,}: weight {weight[at]}, need a finite number >= 0; "
            "rebuild the graph or drop the edge"
        )
    if how.startswith("weighted") and weight is not None:
        total = np.zeros(relation.sources)
        np.add.at(total, relation.row, weight)
        empty = np.flatnonzero((total == 0) & (relation.degree > 0))
        if len(empty):
            raise ValueError(
                f"relation {name!r}: all weights of node {int(empty[0])} are zero; "
                "draw with how='uniform'"
            )
