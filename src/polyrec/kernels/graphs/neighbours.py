"""Neighbours by chance: some edges of each asked row, whatever the number of threads.

A row draws from its own stream, keyed by the node (and by the root it is asked for, where edges
have times), so the same seed gives the same edges in any order of work. Edges are named by their
place in the relation's arrays. `order` lists the places of each row by time where only the first
ones may be seen; it is empty where all may.

Letters: R rows asked, E edges of the relation, S edges found, F the fan-out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from polyrec.kernels.graphs.rng import below, stream_key, unit_float, word
from polyrec.kernels.shuffle import mix

I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

How = Literal["uniform", "uniform_again", "weighted", "weighted_again", "latest", "topk"]
HOWS: Mapping[How, int] = {
    "uniform": 0, "uniform_again": 1, "weighted": 2, "weighted_again": 3, "latest": 4, "topk": 5,
}  # fmt: skip
AGAIN = ("uniform_again", "weighted_again")  # with replacement
NONE = np.empty(0, np.int64)


@dataclass(frozen=True)
class Rows:
    """Which rows are asked, and how far each may see.

    `seen` [R]: how many of the row's edges, in `order`, may be drawn. `root` [R]: what the row is
    asked for; 0 where that does not matter.
    """

    node: I64
    seen: I64
    root: I64


@dataclass(frozen=True)
class Edges:
    """A relation's arrays as the sampler reads them."""

    start: I64  # [n + 1]
    weight: F32  # [E], or empty: all 1
    order: I64  # [E] places, each row by time; or empty: as they lie


@dataclass(frozen=True)
class Stream:
    """Where chance comes from: everything but the row."""

    seed: np.uint64
    purpose: np.uint64
    epoch: np.uint64


def seen_before(edges: Edges, time: I64, node: I64, cut: I64) -> I64:
    """[R]: how many of each row's edges, by time, lie strictly before its cut."""
    out = np.empty(len(node), np.int64)
    _seen_before(edges.start, edges.order, time, node, cut, out)
    return out


def sampled(edges: Edges, rows: Rows, fanout: int, how: How, stream: Stream) -> tuple[I64, I64]:
    """Starts [R + 1] and places [S] of the edges found.

    Without replacement a row gives at most what it has; fewer is fewer, nothing is repeated or
    filled up. `weighted` keeps the largest of u^(1 / w) (exponential keys; Efraimidis and
    Spirakis 2006); edges of weight 0 are never drawn. `latest`: the last by `order`. `topk`: the
    heaviest, earlier places first among equals. With replacement a row with any edge gives F.
    """
    weight = edges.weight if len(edges.weight) else np.ones(0, np.float32)
    counts = np.minimum(rows.seen, fanout)
    if how in AGAIN:
        counts = np.where(rows.seen > 0, fanout, 0)
    if how in ("weighted", "weighted_again") and len(weight):
        heavy = np.empty(len(counts), np.int64)
        _heavy(edges.start, edges.order, weight, rows.node, rows.seen, heavy)
        counts = np.minimum(counts, heavy) if how == "weighted" else counts * (heavy > 0)
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    places = np.empty(start[-1], np.int64)
    keys = stream.seed, stream.purpose, stream.epoch
    asked = rows.node, rows.seen, rows.root
    _sampled((edges.start, edges.order, weight), asked, HOWS[how], keys, (start, places))
    return start, places


def numbered(known: I64, found: I64, size: int) -> tuple[I32, I64]:
    """Local numbers [S] of what was found, and all nodes in order of first appearance.

    `known` come first, in their order; each new node takes the next number. `size`: ids are
    below it.
    """
    stamp = np.zeros(size, np.int32)
    nodes = np.empty(len(known) + len(found), np.int64)
    local = np.empty(len(found), np.int32)
    count = _numbered(known, found, stamp, nodes, local)
    return local, nodes[:count].copy()


def numbered_pairs(known: I64, found: I64) -> tuple[I32, I64]:
    """As `numbered`, for keys of any size, such as a node and its root in one number."""
    slots = 1 << max(4, int(2 * (len(known) + len(found))).bit_length())
    table = np.full(slots, -1, np.int32)
    nodes = np.empty(len(known) + len(found), np.int64)
    local = np.empty(len(found), np.int32)
    count = _numbered_pairs(known, found, table, nodes, local)
    return local, nodes[:count].copy()


@njit(cache=True, parallel=True)
def _seen_before(start: I64, order: I64, time: I64, node: I64, cut: I64, out: I64) -> None:
    for r in prange(len(node)):
        first, low, high = start[node[r]], start[node[r]], start[node[r] + 1]
        while low < high:
            middle = (low + high) // 2
            if time[order[middle]] < cut[r]:
                low = middle + 1
            else:
                high = middle
        out[r] = low - first


@njit(cache=True, parallel=True)
def _heavy(start: I64, order: I64, weight: F32, node: I64, seen: I64, out: I64) -> None:
    for r in prange(len(node)):
        count = 0
        for t in range(start[node[r]], start[node[r]] + seen[r]):
            count += weight[order[t] if len(order) else t] > 0
        out[r] = count


@njit(cache=True, parallel=True)
def _sampled(edges, rows, how, keys, out):  # type: ignore[no-untyped-def]
    start, order, weight = edges
    node, seen, root = rows
    begins, places = out
    for r in prange(len(node)):
        found = places[begins[r] : begins[r + 1]]
        count = len(found)
        if count == 0:
            continue
        unit = np.uint64(node[r]) + mix(np.uint64(root[r]) * np.uint64(0x9E3779B97F4A7C15))
        key = stream_key(keys[0], keys[1], keys[2], unit)
        first = start[node[r]]
        row_order = order[first : first + seen[r]] if len(order) else order
        if how == 1 or (how == 3 and len(weight) == 0):
            for k in range(count):
                found[k] = below(key, k, seen[r])
        elif how == 0 or (how == 2 and len(weight) == 0):
            _distinct(key, seen[r], found)
        elif how == 2:
            _by_keys(key, weight, first, row_order, seen[r], found)
        elif how == 3:
            _heavier_again(key, weight, first, row_order, seen[r], found)
        elif how == 4:
            for k in range(count):
                found[k] = seen[r] - count + k
        else:
            _heaviest(weight, first, row_order, seen[r], found)
        for k in range(count):
            found[k] = row_order[found[k]] if len(order) else first + found[k]


@njit(cache=True)
def _distinct(key: np.uint64, size: int, found: I64) -> None:
    """`len(found)` of 0..size - 1, every set equally likely, ascending or in Floyd's order."""
    count = len(found)
    if count == size:
        for k in range(count):
            found[k] = k
    elif count * count <= 8 * size:  # Floyd: few of many, count^2 / 2 comparisons
        for k in range(count):
            top = size - count + k
            drawn = below(key, k, top + 1)
            again = False
            for j in range(k):
                again = again or found[j] == drawn
            found[k] = top if again else drawn
    else:  # one pass: each is taken with chance wanted / left
        taken = 0
        for place in range(size):
            if below(key, place, size - place) < count - taken:
                found[taken] = place
                taken += 1
                if taken == count:
                    break


@njit(cache=True)
def _by_keys(key: np.uint64, weight: F32, first: int, order: I64, size: int, found: I64) -> None:
    """The `len(found)` smallest of -ln u / w: weighted draws without replacement."""
    count, held = len(found), 0
    least = np.empty(count, np.float64)
    for place in range(size):
        w = weight[order[place] if len(order) else first + place]
        if w <= 0:
            continue
        u = (np.float64(word(key, place) >> np.uint64(11)) + 0.5) * 2.0**-53
        mark = -np.log(u) / w
        if held == count and mark >= least[count - 1]:
            continue
        at = held if held < count else count - 1
        held = min(held + 1, count)
        while at > 0 and least[at - 1] > mark:
            least[at], found[at] = least[at - 1], found[at - 1]
            at -= 1
        least[at], found[at] = mark, place


@njit(cache=True)
def _heaviest(weight: F32, first: int, order: I64, size: int, found: I64) -> None:
    """The `len(found)` heaviest; among equals the earlier ones."""
    count, held = len(found), 0
    most = np.empty(count, np.float32)
    for place in range(size):
        at_edge = order[place] if len(order) else first + place
        w = weight[at_edge] if len(weight) else np.float32(1)
        if held == count and w <= most[count - 1]:
            continue
        at = held if held < count else count - 1
        held = min(held + 1, count)
        while at > 0 and most[at - 1] < w:
            most[at], found[at] = most[at - 1], found[at - 1]
            at -= 1
        most[at], found[at] = w, place


@njit(cache=True)
def _heavier_again(
    key: np.uint64, weight: F32, first: int, order: I64, size: int, found: I64
) -> None:
    """Draws with replacement in proportion to weight: a running sum, then a search a draw."""
    total = np.empty(size, np.float64)
    run = 0.0
    for place in range(size):
        run += weight[order[place] if len(order) else first + place]
        total[place] = run
    for k in range(len(found)):
        aim = np.float64(unit_float(key, k)) * run
        low, high = 0, size - 1
        while low < high:
            middle = (low + high) // 2
            if total[middle] <= aim:
                low = middle + 1
            else:
                high = middle
        found[k] = low


@njit(cache=True)
def _numbered(known: I64, found: I64, stamp: I32, nodes: I64, local: I32) -> int:
    for k in range(len(known)):
        nodes[k] = known[k]
        stamp[known[k]] = k + 1
    count = len(known)
    for s in range(len(found)):
        node = found[s]
        if stamp[node] == 0:
            nodes[count] = node
            count += 1
            stamp[node] = count
        local[s] = stamp[node] - 1
    return count


@njit(cache=True)
def _numbered_pairs(known: I64, found: I64, table: I32, nodes: I64, local: I32) -> int:
    mask, count = np.uint64(len(table) - 1), 0
    for s in range(len(known) + len(found)):
        value = known[s] if s < len(known) else found[s - len(known)]
        slot = mix(np.uint64(value) + np.uint64(0x9E3779B97F4A7C15)) & mask
        while table[slot] >= 0 and nodes[table[slot]] != value:
            slot = (slot + np.uint64(1)) & mask
        if table[slot] < 0:
            table[slot] = count
            nodes[count] = value
            count += 1
        if s >= len(known):
            local[s - len(known)] = table[slot]
    return count
