"""Random walks over compressed rows: each walk owns its stream, so threads never show.

Letters: n nodes, E edges, C walks. A node without out-edges ends the walk.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from polyrec.kernels.draws import alias_row
from polyrec.kernels.graphs.rng import drawn, lower, purpose, stream_key, upper, word

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
WALKS = purpose("walks")
SIDE = 32  # walks that one thread takes together
FEW = 16  # neighbours that are found by halving as soon as by a bit
BACK, AGAIN = -1, -2  # in place of an edge: straight back, or nothing this time
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


class Bias(NamedTuple):
    """What a step asks of the step before: weight of going back and of going away."""

    back: float  # 1/p
    away: float  # 1/q
    order: int  # FIRST, SECOND or STRONG


def rows_of(indptr: I64, indices: I32, weight: F32 | None, order: int = FIRST) -> Rows:
    """Rows ready to walk on: weighted ones get an alias table a node, O(E) together.

    A table an edge of the step before, as in the first public code, would take the sum of
    squared degrees. Where only the presence of an edge is asked for, the busiest nodes, where
    walks are most of the time, get a bit for every other node, as many as 4 bytes an edge allow.
    Bits change no walk.
    """
    none, nowhere = np.empty(0, np.float32), np.empty(0, np.int32)
    asked = order == SECOND or (order == STRONG and weight is None)  # else weights are looked up
    bits = _hubs(indptr, indices) if asked else (nowhere, np.empty((0, 0), np.uint64))
    if weight is None:
        return Rows(indptr, indices, none, none, nowhere, none, none, *bits)
    chance, alias = np.empty(len(indices), np.float32), np.empty(len(indices), np.int32)
    nodes = np.zeros((2, len(indptr) - 1), np.float32)
    rows = Rows(indptr, indices, weight, chance, alias, nodes[0], nodes[1], *bits)
    _fill_tables(rows)
    return rows


def _hubs(indptr: I64, indices: I32) -> tuple[I32, U64]:
    """`hub` and `seen`: the largest rows as bits, at most 4 bytes an edge."""
    degree = np.diff(indptr)
    words = (len(degree) + 63) // 64
    most = min(len(indices) // (2 * max(words, 1)), int((degree > FEW).sum()))
    largest = np.argsort(-degree, kind="stable")[:most].astype(np.int32)
    hub, seen = np.full(len(degree), -1, np.int32), np.zeros((most, words), np.uint64)
    hub[largest] = np.arange(most)
    _mark(indptr, indices, largest, seen)
    return hub, seen


@njit(cache=True, parallel=True)
def _mark(indptr: I64, indices: I32, nodes: I32, seen: U64) -> None:
    for row in prange(len(nodes)):
        for place in range(indptr[nodes[row]], indptr[nodes[row] + 1]):
            target = indices[place]
            seen[row, target >> 6] |= np.uint64(1) << np.uint64(target & 63)


def walk(
    rows: Rows, starts: I32, length: int, bias: Bias, seed: int, first: int = 0
) -> tuple[I32, I64]:
    """Walks of at most `length` nodes from each of `starts` [C].

    `first` numbers the first walk, so that a part of the walks is that part of all of them.

    Returns:
        nodes, walk after walk, and where each begins [C + 1].
    """
    out = np.empty((len(starts), length), np.int32)
    lengths = np.empty(len(starts), np.int64)
    _walk_all(rows, bias, starts, (np.uint64(seed % 2**64), first), out, lengths)
    return packed(out, lengths)


def packed(out: I32, lengths: I64) -> tuple[I32, I64]:
    """Drops what lies behind each row's end; copies nothing where every row is full."""
    start = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=start[1:])
    if start[-1] == out.size:
        return out.reshape(-1), start
    values = np.empty(start[-1], np.int32)
    _pack(out, start, values)
    return values, start


@njit(cache=True, parallel=True)
def _pack(out: I32, start: I64, values: I32) -> None:
    for row in prange(len(out)):
        values[start[row] : start[row + 1]] = out[row, : start[row + 1] - start[row]]


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
def _neighbour(rows, node, bits):  # type: ignore[no-untyped-def]
    """The place of an edge of `node`, in proportion to its weight."""
    first = rows.indptr[node]
    place = drawn(bits, rows.indptr[node + 1] - first)
    if len(rows.chance) and lower(bits) >= rows.chance[first + place]:
        place = rows.alias[first + place]
    return first + place


@njit(cache=True, inline="always")
def _edge(rows, source, target):  # type: ignore[no-untyped-def]
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
def _tied(rows, source, target):  # type: ignore[no-untyped-def]
    """Whether there is an edge; one look where the source's neighbours are bits."""
    hub = rows.hub[source] if len(rows.hub) else -1
    if hub < 0:
        return _edge(rows, source, target) >= 0
    bits = rows.seen[hub, target >> 6] >> np.uint64(target & 63)
    return (bits & np.uint64(1)) != 0


@njit(cache=True, inline="always")
def _outlier(rows, bias, node):  # type: ignore[no-untyped-def]
    """The chance to try going straight back, for the part of 1/p above every other weight.

    Without it proposals would be refused in proportion to 1/p (KnightKing's outlier). The edge
    back is taken as the heaviest of the row here and looked up only when the dart hits.
    """
    top = max(1.0, bias.away)
    if bias.back <= top:
        return 0.0
    degree = rows.indptr[node + 1] - rows.indptr[node]
    if len(rows.weight) == 0:
        return (bias.back - top) / (bias.back - top + top * degree)
    mass = rows.peak[node] * (bias.back - top)
    return mass / (mass + top * float(rows.mean[node]) * degree)


@njit(cache=True, inline="always")
def _goes_back(rows, node, before, dice):  # type: ignore[no-untyped-def]
    """Whether the dart thrown at the outlier hits the edge back, by weight."""
    edge = _edge(rows, node, before)
    if edge < 0 or len(rows.weight) == 0:
        return edge >= 0
    return dice * rows.peak[node] < rows.weight[edge]


@njit(cache=True, inline="always")
def _factor(rows, bias, before, edge, node):  # type: ignore[no-untyped-def]
    """What multiplies the weight of an edge that does not go back."""
    target = rows.indices[edge]
    if bias.order == SECOND or len(rows.weight) == 0:
        return 1.0 if _tied(rows, before, target) else bias.away
    tie = _edge(rows, before, target)
    if tie >= 0 and rows.weight[tie] >= rows.mean[target]:
        return 1.0
    if rows.weight[edge] < rows.mean[node]:
        return min(1.0, bias.away)
    part = 0.0 if tie < 0 else rows.weight[tie] / rows.mean[target]
    return bias.away + (1.0 - bias.away) * part


@njit(cache=True, inline="always")
def _proposed(rows, bias, before, node, key, place):  # type: ignore[no-untyped-def]
    """An edge by weight, and the next place to draw; or BACK or AGAIN, by the outlier's dart."""
    outlier = _outlier(rows, bias, node)
    if outlier > 0.0:
        bits = word(key, place)
        place += 1
        if upper(bits) < outlier:
            return BACK if _goes_back(rows, node, before, lower(bits)) else AGAIN, place
    return _neighbour(rows, node, word(key, place)), place + 1


@njit(cache=True, inline="always")
def _accepted(bias, back, factor, dice):  # type: ignore[no-untyped-def]
    """Whether a proposed edge is walked: one that goes back, or one of that factor."""
    top = max(1.0, bias.away)
    if back:
        return dice < min(bias.back, top) / top
    return dice < factor / top


@njit(cache=True, error_model="numpy")
def _step_all(rows, bias, out, step, walks, state):  # type: ignore[no-untyped-def]
    """The next node of walks that remember the one before: all propose, all decide, until done.

    Side by side, so that what one waits for from memory is on its way while others ask. Each walk
    draws from its own stream as if alone.
    """
    keys, places, low = state
    count = len(walks)
    edges, targets = np.empty(count, np.int64), np.empty(count, np.int32)
    factors = np.empty(count)
    while count > 0:
        for a in range(count):
            one = walks[a]
            before, node = out[low + one, step - 2], out[low + one, step - 1]
            edges[a], places[one] = _proposed(rows, bias, before, node, keys[one], places[one])
        for a in range(count):
            targets[a] = rows.indices[max(edges[a], 0)]
        for a in range(count):
            walk = low + walks[a]
            before, node = out[walk, step - 2], out[walk, step - 1]
            factors[a] = _factor(rows, bias, before, max(edges[a], 0), node)
        kept = 0
        for a in range(count):
            one, edge, walk = walks[a], edges[a], low + walks[a]
            before = out[walk, step - 2]
            if edge == BACK:
                out[walk, step] = before
                continue
            if edge != AGAIN:
                dice = lower(word(keys[one], places[one]))
                places[one] += 1
                if _accepted(bias, targets[a] == before, factors[a], dice):
                    out[walk, step] = targets[a]
                    continue
            walks[kept] = one
            kept += 1
        count = kept


@njit(cache=True, parallel=True, error_model="numpy")
def _walk_all(rows, bias, starts, stream, out, lengths):  # type: ignore[no-untyped-def]
    """Walks side by side: while one waits for memory, the next steps."""
    seed, first = stream
    for block in prange((len(starts) + SIDE - 1) // SIDE):
        low = block * SIDE
        size = min(SIDE, len(starts) - low)
        keys, places = np.empty(SIDE, np.uint64), np.zeros(SIDE, np.int64)
        going = np.empty(SIDE, np.int64)
        for one in range(size):
            keys[one] = stream_key(seed, WALKS, 0, first + low + one)
            out[low + one, 0] = starts[low + one]
            lengths[low + one] = 1
        for step in range(1, out.shape[1]):
            count = 0
            for one in range(size):
                walk = low + one
                node = out[walk, step - 1]
                if lengths[walk] < step or rows.indptr[node] == rows.indptr[node + 1]:
                    continue
                lengths[walk] = step + 1
                if bias.order == FIRST or step == 1:
                    edge = _neighbour(rows, node, word(keys[one], places[one]))
                    out[walk, step] = rows.indices[edge]
                    places[one] += 1
                else:
                    going[count] = one
                    count += 1
            if count > 0:
                _step_all(rows, bias, out, step, going[:count], (keys, places, low))
