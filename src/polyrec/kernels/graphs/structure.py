"""Counts along edges: triangles, cores, how far a node reaches, where short walks end.

Plain compressed rows in; n nodes, E edges. Rows ascend.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from polyrec.kernels.graphs.rng import below, purpose, stream_key

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U64 = NDArray[np.uint64]
CHUNKS = 16


def triangles(indptr: I64, indices: I32) -> I64:
    """[n]: triangles through each node of a symmetric graph; loops are looked through."""
    out = np.zeros(len(indptr) - 1, np.int64)
    _triangles(indptr, indices, out)
    return out // 2


def cores(indptr: I64, indices: I32) -> I64:
    """[n]: the largest k such that the node is in a subgraph of degrees >= k.

    Source: Batagelj and Zaversnik 2003, O(E).
    """
    degree = np.diff(indptr)
    order = np.argsort(degree, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    counts = np.bincount(degree, minlength=1)
    begin = np.concatenate([[0], np.cumsum(counts)])
    _cores(indptr, indices, degree, order, place, begin)
    return degree


def reached(indptr: I64, indices: I32, seeds: I64, fanout: I64, seed: int = 0) -> NDArray[np.int64]:
    """[seeds, hops + 1]: distinct nodes within each hop; fanout 0 = all neighbours.

    A node is asked for neighbours once, in the hop after it is first met; more than `fanout[hop]`
    are sampled without repeats, from the stream of (seed, seed node, hop, node).
    """
    out = np.zeros((len(seeds), len(fanout) + 1), np.int64)
    what = np.array([seed % 2**64, int(purpose("receptive field"))], np.uint64)
    _reached(indptr, indices, seeds, fanout, what, out)
    return out


class Push(NamedTuple):
    """How personalised PageRank is found."""

    alpha: float  # chance to go home at each step
    tolerance: float  # what may be left of the mass, a unit of degree


class Rows(NamedTuple):
    """Compressed rows whose shares sum to 1 each."""

    indptr: I64
    indices: I32
    share: F64


def push(rows: Rows, seeds: I64, how: Push, k: int) -> tuple[I32, F32]:
    """Ids and values [seeds, k] of the largest personalised PageRanks, -1 where there are fewer.

    A node without edges sends its walk home. What is missing of a seed's mass is at most
    tolerance * (E + n). Source: Andersen, Chung and Lang 2006 (forward push).
    """
    ids = np.full((len(seeds), k), -1, np.int32)
    value = np.zeros((len(seeds), k), np.float32)
    how = Push(float(how.alpha), float(how.tolerance))
    _pushes(rows, seeds, how, ids, value)
    return ids, value


@njit(cache=True)
def _bounds(chunk: int, rows: int) -> tuple[int, int]:
    return chunk * rows // CHUNKS, (chunk + 1) * rows // CHUNKS


@njit(cache=True, parallel=True)
def _triangles(indptr: I64, indices: I32, out: I64) -> None:
    nodes = len(indptr) - 1
    for chunk in prange(CHUNKS):
        mark = np.full(nodes, -1, np.int64)
        for v in range(chunk, nodes, CHUNKS):  # hubs stand side by side in many files
            for e in range(indptr[v], indptr[v + 1]):
                mark[indices[e]] = v
            mark[v] = -1
            for e in range(indptr[v], indptr[v + 1]):
                u = indices[e]
                if u == v:
                    continue
                for f in range(indptr[u], indptr[u + 1]):
                    out[v] += mark[indices[f]] == v and indices[f] != u


@njit(cache=True)
def _cores(indptr: I64, indices: I32, degree: I64, order: I64, place: I64, begin: I64) -> None:
    for at in range(len(order)):
        v = order[at]
        for e in range(indptr[v], indptr[v + 1]):
            u = indices[e]
            if degree[u] > degree[v]:
                # u moves to the front of its class, which then begins one later
                front = begin[degree[u]]
                w = order[front]
                order[front], order[place[u]] = u, w
                place[w], place[u] = place[u], front
                begin[degree[u]] += 1
                degree[u] -= 1


@njit(cache=True, parallel=True)
def _reached(
    indptr: I64, indices: I32, seeds: I64, fanout: I64, what: U64, out: NDArray[np.int64]
) -> None:
    nodes = len(indptr) - 1
    for chunk in prange(CHUNKS):
        first, stop = _bounds(chunk, len(seeds))
        met = np.full(nodes if first < stop else 0, -1, np.int64)
        queue = np.empty(len(met), np.int64)
        for s in range(first, stop):
            met[seeds[s]] = s
            queue[0] = seeds[s]
            begin, end = 0, 1
            out[s, 0] = 1
            for hop in range(len(fanout)):
                size = end
                for at in range(begin, end):
                    v = queue[at]
                    wanted = indptr[v + 1] - indptr[v]
                    if fanout[hop] > 0:
                        wanted = min(wanted, fanout[hop])
                    unit = _unit(seeds[s], hop, v)
                    key = stream_key(what[0], what[1], 0, unit)
                    for e in range(indptr[v], indptr[v + 1]):
                        left = indptr[v + 1] - e
                        if left > wanted and below(key, e - indptr[v], left) >= wanted:
                            continue
                        wanted -= 1
                        u = indices[e]
                        if met[u] != s:
                            met[u] = s
                            queue[size] = u
                            size += 1
                begin, end = end, size
                out[s, hop + 1] = size


@njit(cache=True)
def _unit(root: int, hop: int, node: int) -> np.uint64:
    """One unit for a node asked at a hop from a root."""
    inner = stream_key(np.uint64(root), np.uint64(hop), 0, 0)
    return stream_key(inner, np.uint64(node), 0, 0)


class Work(NamedTuple):
    """What one thread keeps while mass spreads from a seed; all arrays [n]."""

    rank: F64  # settled mass
    rest: F64  # mass still to be moved
    queue: I64  # nodes with too much of it, a ring
    state: NDArray[np.int8]  # 0 = never met, 1 = met, 2 = in the queue
    met: I64


@njit(cache=True)
def room(size: int) -> Work:
    """Arrays of one thread, as nothing was met yet."""
    return Work(
        np.zeros(size),
        np.zeros(size),
        np.empty(size, np.int64),
        np.zeros(size, np.int8),
        np.empty(size, np.int64),
    )


@njit(cache=True, parallel=True)
def _pushes(rows: Rows, seeds: I64, how: Push, ids: I32, value: F32) -> None:
    nodes = len(rows.indptr) - 1
    for chunk in prange(CHUNKS):
        first, stop = _bounds(chunk, len(seeds))
        work = room(nodes if first < stop else 0)
        for s in range(first, stop):
            count = spread(rows, seeds[s], how, work)
            _keep_best(work.met[:count], work.rank, ids[s], value[s])
            forget(work, count)


@njit(cache=True)
def forget(work: Work, count: int) -> None:
    """Makes the arrays as new: only what was met needs it.

    A function of its own: written inside the parallel loop, numba 0.68 loses these stores.
    """
    for place in range(count):
        v = work.met[place]
        work.rank[v] = 0.0
        work.rest[v] = 0.0
        work.state[v] = 0


@njit(cache=True)
def spread(rows: Rows, seed: int, how: Push, work: Work) -> int:
    """Moves mass from the seed until little is left anywhere; returns how many nodes it met."""
    size = len(work.queue)
    work.rest[seed] = 1.0
    work.state[seed] = 2
    work.queue[0] = seed
    work.met[0] = seed
    head, waiting, met = 0, 1, 1
    while waiting > 0:
        v = work.queue[head]
        head, waiting = (head + 1) % size, waiting - 1
        work.state[v] = 1
        moving = work.rest[v] * (1 - how.alpha)
        work.rank[v] += work.rest[v] * how.alpha
        work.rest[v] = 0.0
        first, stop = rows.indptr[v], rows.indptr[v + 1]
        for e in range(first, max(stop, first + 1)):
            home = first == stop  # a node that leads nowhere sends its walk home
            u = seed if home else rows.indices[e]
            work.rest[u] += moving if home else moving * rows.share[e]
            if work.state[u] == 0:
                work.state[u] = 1
                work.met[met] = u
                met += 1
            degree = max(rows.indptr[u + 1] - rows.indptr[u], 1)
            if work.state[u] == 1 and work.rest[u] > how.tolerance * degree:
                work.state[u] = 2
                work.queue[(head + waiting) % size] = u
                waiting += 1
    return met


@njit(cache=True)
def _keep_best(met: I64, rank: F64, ids: I32, value: F32) -> None:
    """Writes the nodes of the largest ranks, equal ones by id."""
    met.sort()
    order = np.argsort(-rank[met], kind="mergesort")
    place = 0
    for at in order[: len(ids)]:
        if rank[met[at]] > 0:
            ids[place] = met[at]
            value[place] = rank[met[at]]
            place += 1
