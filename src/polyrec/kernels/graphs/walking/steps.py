"""Steps of walks that remember the step before, by proposal and refusal, many walks abreast.

Nothing is kept for a pair of edges: an edge is proposed by its weight, and walked by what node2vec
multiplies the weight with. Letters: n nodes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from polyrec.kernels.graphs.rng import drawn, lower, upper, word
from polyrec.kernels.graphs.walking.tables import SECOND, place_of, tied

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
SIDE = 64  # walks that one thread takes together
BACK, AGAIN = -1, -2  # what a dart says: straight back, or nothing this time
WALKED, REFUSED = -1.0, 2.0  # in place of a dice


class Bias(NamedTuple):
    """What a step asks of the step before: weight of going back and of going away."""

    back: float  # 1/p
    away: float  # 1/q
    order: int  # FIRST, SECOND or STRONG


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


@njit(cache=True, error_model="numpy")
def _own_outlier(rows, bias, node, before):  # type: ignore[no-untyped-def]
    """The same by the weight of the edge back itself; 0 where there is none."""
    edge = place_of(rows, node, before)
    if edge < 0 or len(rows.weight) == 0:  # where all weigh 1 a dart misses only what is not there
        return 0.0
    top, degree = max(1.0, bias.away), rows.indptr[node + 1] - rows.indptr[node]
    mass = rows.weight[edge] * (bias.back - top)
    return mass / (mass + top * float(rows.mean[node]) * degree)


@njit(cache=True, inline="always")
def _factor(rows, bias, before, edge, node):  # type: ignore[no-untyped-def]
    """What multiplies the weight of an edge that does not go back."""
    target = rows.indices[edge]
    if bias.order == SECOND or len(rows.weight) == 0:
        return 1.0 if tied(rows, before, target) else bias.away
    tie = place_of(rows, before, target)
    if tie >= 0 and rows.weight[tie] >= rows.mean[target]:
        return 1.0
    if rows.weight[edge] < rows.mean[node]:
        return min(1.0, bias.away)
    part = 0.0 if tie < 0 else rows.weight[tie] / rows.mean[target]
    return bias.away + (1.0 - bias.away) * part


class Side(NamedTuple):
    """What one thread knows of the walks that it takes together; a place each in every array."""

    keys: U64  # of its stream
    places: I64  # how much of the stream is used
    before: I32
    node: I32
    after: I32
    first: I64  # where the node's edges begin
    size: I64
    outlier: F64  # chance of the dart; negative where it never misses
    edge: I64  # proposed; until then what the dart says
    dice: F64  # WALKED or REFUSED once it is decided
    going: I64  # the walks that have not ended
    waiting: I64  # those that have no next node yet
    asked: I64  # which of the waiting ask whether before and after are tied


@njit(cache=True)
def room():  # type: ignore[no-untyped-def]
    """Room for SIDE walks."""
    whole = np.empty((6, SIDE), np.int64)
    nodes = np.empty((3, SIDE), np.int32)
    return Side(
        np.empty(SIDE, np.uint64), np.zeros(SIDE, np.int64), nodes[0], nodes[1], nodes[2],
        whole[0], whole[1], np.empty(SIDE), whole[2], np.empty(SIDE), whole[3], whole[4], whole[5],
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def step_all(rows, bias, side, count):  # type: ignore[no-untyped-def]
    """The next node of walks that remember the one before: all propose, all decide, until done.

    Side by side, so that what one waits for from memory is on its way while others ask. Each walk
    draws from its own stream as if alone.
    """
    side.waiting[:count] = side.going[:count]
    _arrive(rows, bias, side, count)
    while count > 0:
        if bias.back > max(1.0, bias.away):
            _throw(rows, bias, side, count)
        _ask(rows, bias, side, _propose(rows, bias, side, count))
        count = _keep(side, count)


@njit(cache=True, error_model="numpy")
def _arrive(rows, bias, side, count):  # type: ignore[no-untyped-def]
    """What all proposals of a step share."""
    for a in range(count):
        one = side.waiting[a]
        node = side.node[one]
        side.first[one], side.edge[one] = rows.indptr[node], 0
        side.size[one] = rows.indptr[node + 1] - rows.indptr[node]
        side.outlier[one] = _outlier(rows, bias, node)


@njit(cache=True)
def _throw(rows, bias, side, count):  # type: ignore[no-untyped-def]
    """A dart at the outlier for each who waits.

    Once one misses, the edge back is known, and later darts of the step go by its own weight, never
    missing; without an edge back there are none. So darts are few, however large 1/p.
    """
    missed = 0
    for a in range(count):
        one = side.waiting[a]
        bits = word(side.keys[one], side.places[one])
        side.places[one] += 1
        side.edge[one] = 0
        if upper(bits) < abs(side.outlier[one]):
            edge = place_of(rows, side.node[one], side.before[one])
            hit = edge >= 0
            if hit and len(rows.weight) and side.outlier[one] > 0:
                hit = lower(bits) * rows.peak[side.node[one]] < rows.weight[edge]
            side.edge[one] = BACK if hit else AGAIN
            missed += not hit
    if missed > 0:
        for a in range(count):
            one = side.waiting[a]
            if side.edge[one] == AGAIN:
                side.outlier[one] = -_own_outlier(rows, bias, side.node[one], side.before[one])


@njit(cache=True, error_model="numpy")
def _propose(rows, bias, side, count):  # type: ignore[no-untyped-def]
    """An edge by weight for each who waits; returns how many must ask whether it is walked.

    A dice below the least factor, or an edge straight back, decides without asking.
    """
    waiting, keys, places, before, after, edges, dice = (
        side.waiting, side.keys, side.places, side.before, side.after, side.edge, side.dice,
    )  # fmt: skip
    top = max(1.0, bias.away)
    sure, back = min(1.0, bias.away) / top, min(bias.back, top) / top
    asked = 0
    for a in range(count):
        one = waiting[a]
        dart, key, place = edges[one], keys[one], places[one]
        bits, thrown = word(key, place), lower(word(key, place + 1))
        edge = drawn(bits, side.size[one])
        if len(rows.chance) and lower(bits) >= rows.chance[side.first[one] + edge]:
            edge = rows.alias[side.first[one] + edge]
        edge += side.first[one]
        target = rows.indices[edge]
        returns = target == before[one]
        walked = thrown < (back if returns else sure)
        if dart < 0:
            target, walked, returns = before[one], dart == BACK, True
        else:
            places[one] = place + 2
        after[one], edges[one] = target, edge
        dice[one] = WALKED if walked else REFUSED if returns else thrown
        side.asked[asked] = one
        asked += (not walked) & (not returns)
    return asked


@njit(cache=True, error_model="numpy")
def _ask(rows, bias, side, asked):  # type: ignore[no-untyped-def]
    """Whether proposed edges that go on are walked, by their factor."""
    top = max(1.0, bias.away)
    for a in range(asked):
        one = side.asked[a]
        factor = _factor(rows, bias, side.before[one], side.edge[one], side.node[one])
        side.dice[one] = WALKED if side.dice[one] < factor / top else REFUSED


@njit(cache=True)
def _keep(side, count):  # type: ignore[no-untyped-def]
    """Those who wait on; returns how many."""
    kept = 0
    for a in range(count):
        one = side.waiting[a]
        side.waiting[kept] = one
        kept += side.dice[one] == REFUSED
    return kept
