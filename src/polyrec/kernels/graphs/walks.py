"""Random walks over compressed rows: each walk owns its stream, so threads never show.

Letters: n nodes, E edges, C walks. A node without out-edges ends the walk.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from polyrec.kernels.graphs.rng import purpose, stream_key, word

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
WALKS = purpose("walks")
FIRST, SECOND, STRONG = 0, 1, 2  # orders: no memory; node2vec; node2vec with strong edges alone


class Rows(NamedTuple):
    """A graph to walk on; the last five are empty where every edge weighs 1."""

    indptr: I64  # [n + 1]
    indices: I32  # [E], ascending in each row
    weight: F32  # [E]
    chance: F32  # [E], alias tables, one a row
    alias: I32  # [E], places within the row
    mean: F32  # [n], mean weight of a row
    peak: F32  # [n], largest weight of a row


class Bias(NamedTuple):
    """What a step asks of the step before: weight of going back and of going away."""

    back: float  # 1/p
    away: float  # 1/q
    order: int  # FIRST, SECOND or STRONG


def rows_of(indptr: I64, indices: I32, weight: F32 | None) -> Rows:
    """Rows ready to walk on: weighted ones get an alias table a node, O(E) together.

    A table an edge of the step before, as in the first public code, would take the sum of
    squared degrees.
    """
    none, nowhere = np.empty(0, np.float32), np.empty(0, np.int32)
    if weight is None:
        return Rows(indptr, indices, none, none, nowhere, none, none)
    chance, alias = np.empty(len(indices), np.float32), np.empty(len(indices), np.int32)
    nodes = np.zeros((2, len(indptr) - 1), np.float32)
    rows = Rows(indptr, indices, weight, chance, alias, nodes[0], nodes[1])
    _fill_tables(rows)
    return rows


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


@njit(cache=True, error_model="numpy")
def alias_row(weight: F32, total: float, chance: F32, alias: I32) -> None:
    """Walker's table of one row, by Vose's two stacks; a weight of 0 is never drawn."""
    size = len(weight)
    share = weight.astype(np.float64) * (size / total)
    order = np.empty(size, np.int32)  # poor ones from the left, rich ones from the right
    low, high = 0, size
    for place in range(size):
        alias[place] = place
        if share[place] < 1:
            order[low] = place
            low += 1
        else:
            high -= 1
            order[high] = place
    richest = np.argmax(weight)
    while low > 0 and high < size:
        low -= 1
        poor, rich = order[low], order[high]
        chance[poor], alias[poor] = share[poor], rich
        share[rich] -= 1 - share[poor]
        if share[rich] < 1:
            high += 1
            order[low] = rich
            low += 1
    for at in range(size):  # rounding left these a hair from 1; weight 0 needs an alias
        if at < low or at >= high:
            place = order[at]
            chance[place] = 1 if weight[place] > 0 else 0
            alias[place] = place if weight[place] > 0 else richest


@njit(cache=True, inline="always")
def drawn(bits: np.uint64, size: int) -> np.int64:
    """A place of 0..size - 1 from the upper half of a word."""
    return np.int64(((bits >> np.uint64(32)) * np.uint64(size)) >> np.uint64(32))


@njit(cache=True, inline="always")
def lower(bits: np.uint64) -> np.float32:
    """A number in [0, 1) from the lowest 24 bits: apart from those that choose the place."""
    return np.float32(bits & np.uint64(0xFFFFFF)) * np.float32(2.0**-24)


@njit(cache=True, inline="always")
def upper(bits: np.uint64) -> np.float32:
    """A number in [0, 1) from the highest 24 bits."""
    return np.float32(bits >> np.uint64(40)) * np.float32(2.0**-24)


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
    """The place of an edge, -1 where there is none."""
    low, high = rows.indptr[source], rows.indptr[source + 1]
    stop = high
    while low < high:
        middle = (low + high) >> 1
        if rows.indices[middle] < target:
            low = middle + 1
        else:
            high = middle
    return low if low < stop and rows.indices[low] == target else -1


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
    tie = _edge(rows, before, target)
    if bias.order == SECOND or len(rows.weight) == 0:
        return 1.0 if tie >= 0 else bias.away
    if tie >= 0 and rows.weight[tie] >= rows.mean[target]:
        return 1.0
    if rows.weight[edge] < rows.mean[node]:
        return min(1.0, bias.away)
    part = 0.0 if tie < 0 else rows.weight[tie] / rows.mean[target]
    return bias.away + (1.0 - bias.away) * part


@njit(cache=True, error_model="numpy")
def _second_step(rows, bias, before, node, key, place):  # type: ignore[no-untyped-def]
    """Proposes by weight, accepts by bias. Returns the next node and the next place to draw."""
    top = max(1.0, bias.away)
    sure = min(1.0, bias.away) / top
    outlier = _outlier(rows, bias, node)
    while True:
        if outlier > 0.0:
            bits = word(key, place)
            place += 1
            if upper(bits) < outlier:
                if _goes_back(rows, node, before, lower(bits)):
                    return before, place
                continue
        edge = _neighbour(rows, node, word(key, place))
        dice = lower(word(key, place + 1))
        place += 2
        if rows.indices[edge] == before:
            if dice < min(bias.back, top) / top:
                return before, place
        elif dice < sure or dice < _factor(rows, bias, before, edge, node) / top:
            return rows.indices[edge], place


@njit(cache=True, parallel=True, error_model="numpy")
def _walk_all(rows, bias, starts, stream, out, lengths):  # type: ignore[no-untyped-def]
    seed, first = stream
    for number in prange(len(starts)):
        key = stream_key(seed, WALKS, 0, first + number)
        node, before, place = starts[number], np.int32(-1), 0
        out[number, 0] = node
        step = 1
        while step < out.shape[1] and rows.indptr[node] < rows.indptr[node + 1]:
            if bias.order == FIRST or before < 0:
                after = rows.indices[_neighbour(rows, node, word(key, place))]
                place += 1
            else:
                after, place = _second_step(rows, bias, before, node, key, place)
            out[number, step] = after
            before, node = node, np.int32(after)
            step += 1
        lengths[number] = step
