"""Who matters to an item: counted by short walks that start over, and by PageRank that does.

A bipartite graph in two directions: items to holders and back. Each item is the work of one thread
and draws from its own stream.

Letters: n items, u holders, T neighbours kept, W window kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from polyrec.kernels.graphs.rng import below, purpose, stream_key, unit_float
from polyrec.kernels.graphs.structure import Push, Rows, forget, room, spread

I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
F64 = NDArray[np.float64]
CHUNKS = 64  # of items that share one set of scratch arrays


@dataclass(frozen=True)
class Bipartite:
    """Both directions as rows: of items [n + 1] to holders, of holders [u + 1] to items."""

    item_start: I64
    item_to: I32
    holder_start: I64
    holder_to: I32


def visited(graph: Bipartite, count: int, steps: int, restart: float, seed: int) -> tuple[I32, I32]:
    """[n, T] items and how often walks from each item saw them, most often first; 0 times = none.

    A step goes to a holder and on to one of its items, both uniformly; before each step the walk
    starts over with chance `restart`. The item itself is not counted. Equals: smaller id first.
    """
    n = len(graph.item_start) - 1
    found, times = np.zeros((n, count), np.int32), np.zeros((n, count), np.int32)
    parts = graph.item_start, graph.item_to, graph.holder_start, graph.holder_to
    chance = purpose("visits"), np.uint64(seed % 2**64)
    _visited(parts, steps, restart, chance, (found, times))
    return found, times


def ranked_window(
    graph: Bipartite, ranks: tuple[int, int], kept: int, settings: tuple[float, float], seed: int
) -> I32:
    """[n, W]: items drawn from ranks first..last of each item's personalised PageRank; -1 = none.

    `settings`: those of `Push`; an item that no mass settles on has no rank and is never drawn.
    Rank 1 is the best other item.
    """
    n = len(graph.item_start) - 1
    out = np.full((n, kept), -1, np.int32)
    chance = purpose("ranked window"), np.uint64(seed % 2**64)
    _window(_rows(graph), n, ranks, Push(*map(float, settings)), chance, out)
    return out


def pagerank(graph: Bipartite, item: int, settings: tuple[float, float]) -> F64:
    """[n + u]: pushed mass from one item, items first, then holders; for tests and looks."""
    rows = _rows(graph)
    work = room(len(rows.indptr) - 1)
    spread(rows, item, Push(*map(float, settings)), work)
    return work.rank


def _rows(graph: Bipartite) -> Rows:
    """Both directions as one graph: items first, then holders."""
    n = len(graph.item_start) - 1
    indptr = np.concatenate([graph.item_start, graph.holder_start[1:] + graph.item_start[-1]])
    indices = np.concatenate([graph.item_to + n, graph.holder_to]).astype(np.int32)
    degree = np.diff(indptr)
    return Rows(indptr, indices, np.repeat(1 / np.maximum(degree, 1), degree))


@njit(cache=True, parallel=True)
def _visited(parts, steps, restart, chance, out):  # type: ignore[no-untyped-def]
    item_start, item_to, holder_start, holder_to = parts
    found, times = out
    for i in prange(len(item_start) - 1):
        own = np.int64(i)
        if item_start[own] == item_start[own + 1]:
            continue
        key = stream_key(chance[1], chance[0], 0, own)
        seen = np.empty(steps, np.int32)
        at = own
        for s in range(steps):
            if unit_float(key, 3 * s) < restart:
                at = own
            first = item_start[at]
            holder = item_to[first + below(key, 3 * s + 1, item_start[at + 1] - first)]
            first = holder_start[holder]
            at = np.int64(
                holder_to[first + below(key, 3 * s + 2, holder_start[holder + 1] - first)]
            )
            seen[s] = at
        seen.sort()
        _most(seen, own, found[own], times[own])


@njit(cache=True)
def _most(seen: I32, own: np.int64, found: I32, times: I32) -> None:
    """The most frequent of a sorted list, without one of them; ties by id."""
    held, s = 0, 0
    while s < len(seen):
        value, first = seen[s], s
        while s < len(seen) and seen[s] == value:
            s += 1
        count = s - first
        if value == own or (held == len(found) and count <= times[held - 1]):
            continue
        at = held if held < len(found) else held - 1
        held = min(held + 1, len(found))
        while at > 0 and times[at - 1] < count:
            times[at], found[at] = times[at - 1], found[at - 1]
            at -= 1
        times[at], found[at] = count, value


@njit(cache=True, parallel=True)
def _window(rows, n, ranks, how, chance, out):  # type: ignore[no-untyped-def]
    nodes = len(rows.indptr) - 1
    per = (n + CHUNKS - 1) // CHUNKS
    for chunk in prange(CHUNKS):
        work = room(nodes)
        for item in range(chunk * per, min((chunk + 1) * per, n)):
            count = spread(rows, item, how, work)
            scored = np.empty(count, np.int64)
            held = 0
            work.met[:count].sort()
            for t in range(count):
                node = work.met[t]
                if node < n and node != item and work.rank[node] > 0:
                    scored[held] = node
                    held += 1
            _draw(scored[:held], work.rank, ranks, (chance, item), out[item])
            forget(work, count)


@njit(cache=True)
def _draw(scored, mass, ranks, chance, out):  # type: ignore[no-untyped-def]
    first, last = ranks[0] - 1, min(ranks[1], len(scored))
    if last <= first:
        return
    weights = np.empty(len(scored))
    for k in range(len(scored)):
        weights[k] = -mass[scored[k]]
    window = scored[np.argsort(weights, kind="mergesort")][first:last]
    key = stream_key(chance[0][1], chance[0][0], 0, chance[1])
    for k in range(min(len(out), len(window))):  # a shuffle's first places: distinct, in any order
        other = k + below(key, k, len(window) - k)
        window[k], window[other] = window[other], window[k]
        out[k] = window[k]
