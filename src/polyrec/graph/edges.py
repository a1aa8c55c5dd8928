"""From a list of edges to a relation: checked, merged, counted.

Letters: E rows of the list. Ids are 0-based within their node type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from polyrec.graph.account import BuildReport, account
from polyrec.graph.csr import I64, Key, Relation

_FITTING = "finite weights of 0 or more that float32 holds"
Duplicates = Literal["sum", "last"]
Loops = Literal["drop", "keep"]
HEAVIEST = float(np.finfo(np.float32).max)
KINDS = np.iinfo(np.int16)
MOST_NODES = 2**31 - 1  # ids are int32
REBUILD = "rebuild with the builder from one set of vocabularies, or drop the row"


@dataclass(frozen=True)
class Edges:
    """A list of edges in any order, repeats allowed."""

    source: NDArray[np.integer]  # [E]
    target: NDArray[np.integer]  # [E]
    weight: NDArray[np.floating] | NDArray[np.integer] | None = None  # [E]; None = all weigh 1
    time: I64 | None = None  # [E], milliseconds
    kind: NDArray[np.integer] | None = None  # [E]

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Edges:
        """The named rows, or those that are True."""
        return Edges(
            self.source[rows],
            self.target[rows],
            None if self.weight is None else self.weight[rows],
            None if self.time is None else self.time[rows],
            None if self.kind is None else self.kind[rows],
        )


def relation_of(
    key: Key,
    edges: Edges,
    sizes: tuple[int, int],
    duplicates: Duplicates = "sum",
    loops: Loops = "drop",
) -> tuple[Relation, BuildReport]:
    """A relation from a list of edges, and the account of what was merged and dropped.

    Args:
        sizes: nodes of the source and of the target type.
        duplicates: equal edges become one; `sum` adds their weights, `last` keeps the weight of
            the latest (without times: of the last row). Time and kind are the latest's in both.
            Edges without weights stay without.
        loops: edges from a node to itself are dropped and counted, unless kept; only asked
            where both ends are of one type.

    Raises:
        ValueError: an id out of range, a weight that is negative, not finite or beyond float32
            (once merged, too), a kind beyond int16, a node whose edges all weigh 0, columns of
            different lengths, more nodes than int32 can name; the first row is named.
    """
    _check(key, edges, sizes)
    own = edges.source == edges.target if key[0] == key[2] else np.zeros(len(edges), bool)
    kept = edges.take(~own) if loops == "drop" and own.any() else edges
    order, first = _runs(kept, sizes[1])
    relation = _merged(key, kept.take(order), first, sizes, duplicates)
    refuse_weightless(relation)
    dropped = {"loops from a node to itself": len(edges) - len(kept)}
    return relation, account(relation, len(kept) - relation.edges, dropped)


def from_sorted(key: Key, edges: Edges, sizes: tuple[int, int]) -> Relation:
    """A relation from distinct edges that already stand by (source, target)."""
    counts = np.bincount(edges.source, minlength=sizes[0])
    return Relation(
        key,
        indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        indices=edges.target.astype(np.int32),
        targets=sizes[1],
        weight=None if edges.weight is None else edges.weight.astype(np.float32),
        time=edges.time,
        kind=None if edges.kind is None else edges.kind.astype(np.int16),
    )


def refuse_weightless(relation: Relation) -> None:
    """A node with edges must be able to go somewhere.

    Raises:
        ValueError: all edges of a node weigh 0; the first such node is named.
    """
    if relation.weight is None or relation.weight.all():
        return
    total = np.zeros(relation.sources)
    np.add.at(total, relation.row, relation.weight)
    bad = np.flatnonzero((relation.degree > 0) & (total == 0))
    if len(bad):
        raise ValueError(
            f"relation {relation.key}: all {relation.degree[bad[0]]:,} edges of node {bad[0]:,} "
            f"weigh 0 ({len(bad):,} such nodes); at least one must weigh more; drop them, or leave "
            "the weights out (weight=None)"
        )


def _runs(edges: Edges, targets: int) -> tuple[I64, I64]:
    """[E] the order by (source, target, time), and [distinct] where each edge begins in it."""
    code = edges.source.astype(np.int64) * max(targets, 1) + edges.target.astype(np.int64)
    if edges.time is None:
        order = np.argsort(code, kind="stable")
    else:
        order = np.lexsort((edges.time, code))
    first = np.flatnonzero(np.diff(code[order], prepend=-1))
    return order, first


def _merged(
    key: Key, edges: Edges, first: I64, sizes: tuple[int, int], duplicates: Duplicates
) -> Relation:
    last = np.append(first[1:], len(edges)) - 1 if len(first) else first
    one = edges.take(last)
    weight = one.weight
    if edges.weight is not None and len(first) and duplicates == "sum":
        weight = np.add.reduceat(edges.weight.astype(np.float64), first)
        _refuse(key, "summed weight", weight, weight > HEAVIEST, _FITTING)
    return from_sorted(key, Edges(one.source, one.target, weight, one.time, one.kind), sizes)


def _check(key: Key, edges: Edges, sizes: tuple[int, int]) -> None:
    columns = {"target": edges.target, "weight": edges.weight, "time": edges.time}
    for name, column in {**columns, "kind": edges.kind}.items():
        if column is not None and len(column) != len(edges):
            raise ValueError(
                f"relation {key}: {len(column):,} rows of {name}, {len(edges):,} of source; "
                "one of each for every edge"
            )
    if max(sizes) > MOST_NODES:
        raise ValueError(
            f"relation {key}: types of {sizes[0]:,} and {sizes[1]:,} nodes; at most "
            f"{MOST_NODES:,} of a type can be named; split the type, or drop nodes without edges"
        )
    for name, ids, size in (
        ("source", edges.source, sizes[0]),
        ("target", edges.target, sizes[1]),
    ):
        if ids.dtype.kind not in "iu":
            raise ValueError(f"relation {key}: {name} ids are {ids.dtype}; integers are needed")
        _refuse(key, name, ids, (ids < 0) | (ids >= size), f"ids 0..{size - 1:,}")
    if edges.weight is not None:
        bad = ~((edges.weight >= 0) & (edges.weight <= HEAVIEST))  # NaN too
        _refuse(key, "weight", edges.weight, bad, _FITTING)
    if edges.kind is not None:
        bad = (edges.kind < KINDS.min) | (edges.kind > KINDS.max)
        _refuse(key, "kind", edges.kind, bad, "kinds of -32,768..32,767")


def _refuse(
    key: Key,
    name: str,
    column: NDArray[np.integer] | NDArray[np.floating],
    bad: NDArray[np.bool_],
    allowed: str,
) -> None:
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(
            f"relation {key}, row {row:,}: {name} {column[row]} ({int(bad.sum()):,} such rows); "
            f"allowed are {allowed}; {REBUILD}"
        )
