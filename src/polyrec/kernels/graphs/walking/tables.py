"""A graph to walk on: alias tables where edges weigh, and bits where neighbours are asked for.

Letters: n nodes, E edges.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from polyrec.kernels.draws import alias_row
from polyrec.kernels.graphs.rng import drawn, lower

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
FEW = 16  # neighbours that are found by halving as soon as by a bit
BITS = 2**21  # words of bits that any graph may have, 16 MB
FIRST, SECOND, STRONG = 0, 1, 2  # orders: no memory; node2vec; node2vec with strong edges alone


class Rows(NamedTuple):
    """A graph to walk on; `weight` to `peak` are empty where every edge weighs 1."""

    indptr: I64  # [n + 1]
    indices: I32  # [E], ascending in each row
    weight: F32  # [E]
    chance: F32  # [E], alias tables, one a row
    alias: I32  # [E], places within the row
    mean: F32  # [n], mean weight of a row
    peak: F32  # [n], largest weight of a row
    hub: I32  # [n], row of `seen`, -1 where a node has none; empty: nobody has
    seen: U64  # [hubs, words of n bits], the neighbours of the busiest nodes, a bit each


def rows_of(indptr: I64, indices: I32, weight: F32 | None, order: int = FIRST) -> Rows:
    """Rows ready to walk on: weighted ones get an alias table a node, O(E) together.

    A table an edge of the step before, as in the first public code, would take the sum of
    squared degrees. Where only the presence of an edge is asked for, the busiest nodes, where
    walks are most of the time, get a bit for every other node, as many as 16 MB or 4 bytes an
    edge allow, whatever is more. Bits change no walk.
    """
    none, nowhere = np.empty(0, np.float32), np.empty(0, np.int32)
    most, words = hubs(np.diff(indptr), len(indices), order, weight is not None)
    bits = _bits(indptr, indices, most, words)
    if weight is None:
        return Rows(indptr, indices, none, none, nowhere, none, none, *bits)
    chance, alias = np.empty(len(indices), np.float32), np.empty(len(indices), np.int32)
    nodes = np.zeros((2, len(indptr) - 1), np.float32)
    rows = Rows(indptr, indices, weight, chance, alias, nodes[0], nodes[1], *bits)
    _fill_tables(rows)
    return rows


def hubs(degree: I64, edges: int, order: int, weighted: bool) -> tuple[int, int]:
    """How many nodes get bits, and how many words of 64 each: the size of `seen`.

    None where nobody asks whether an edge is there: steps without memory, and strong ties of
    weighted edges, whose weights are looked up.
    """
    if order == FIRST or (order == STRONG and weighted):
        return 0, 0
    words = max((len(degree) + 63) // 64, 1)
    return min(max(edges // 2, BITS) // words, int((degree > FEW).sum())), words


def _bits(indptr: I64, indices: I32, most: int, words: int) -> tuple[I32, U64]:
    """`hub` and `seen`: the largest rows as bits."""
    seen = np.zeros((most, words), np.uint64)
    if most == 0:
        return np.empty(0, np.int32), seen
    degree = np.diff(indptr)
    largest = np.argsort(-degree, kind="stable")[:most].astype(np.int32)
    hub = np.full(len(degree), -1, np.int32)
    hub[largest] = np.arange(most)
    _mark(indptr, indices, largest, seen)
    return hub, seen


@njit(cache=True, parallel=True)
def _mark(indptr: I64, indices: I32, nodes: I32, seen: U64) -> None:
    for row in prange(len(nodes)):
        for place in range(indptr[nodes[row]], indptr[nodes[row] + 1]):
            target = indices[place]
            seen[row, target >> 6] |= np.uint64(1) << np.uint64(target & 63)


@njit(cache=True, parallel=True, error_model="numpy")
def _fill_tables(rows: Rows) -> None:
    mean, peak = rows.mean, rows.peak
    for node in prange(len(rows.indptr) - 1):
        first, stop = rows.indptr[node], rows.indptr[node + 1]
        if stop > first:
            weight = rows.weight[first:stop]
            total = weight.astype(np.float64).sum()
            mean[node], peak[node] = total / (stop - first), weight.max()
            alias_row(weight, total, rows.chance[first:stop], rows.alias[first:stop])


@njit(cache=True, inline="always")
def neighbour(rows, node, bits):  # type: ignore[no-untyped-def]
    """The place of an edge of `node`, in proportion to its weight."""
    first = rows.indptr[node]
    place = drawn(bits, rows.indptr[node + 1] - first)
    if len(rows.chance) and lower(bits) >= rows.chance[first + place]:
        place = rows.alias[first + place]
    return first + place


@njit(cache=True, inline="always")
def place_of(rows, source, target):  # type: ignore[no-untyped-def]
    """The place of an edge, -1 where there is none; halves without a branch to guess wrong."""
    low, size = rows.indptr[source], rows.indptr[source + 1] - rows.indptr[source]
    if size == 0:
        return -1
    while size > 1:
        half = size >> 1
        low += half * np.int64(rows.indices[low + half] <= target)
        size -= half
    return low if rows.indices[low] == target else -1


@njit(cache=True, inline="always")
def tied(rows, source, target):  # type: ignore[no-untyped-def]
    """Whether there is an edge; one look where the source's neighbours are bits."""
    hub = rows.hub[source] if len(rows.hub) else -1
    if hub < 0:
        return place_of(rows, source, target) >= 0
    bits = rows.seen[hub, target >> 6] >> np.uint64(target & 63)
    return (bits & np.uint64(1)) != 0
