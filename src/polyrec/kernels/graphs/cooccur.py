"""Who stands together with whom: sets that share two members, and swings.

Letters: S sets (or users), n items, E memberships. `member[start[s]:start[s + 1]]` are the
distinct members of set s; `holder[at[i]:at[i + 1]]` the sets that hold item i, ascending. A row of
the result is owned by one thread and adds its terms in a fixed order.
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
CHUNKS = 16  # buffers of n values are made for each; more would cost memory, fewer idle threads


class Sets(NamedTuple):
    """Both sides of a membership."""

    start: I64  # [S + 1]
    member: I64  # [E]
    at: I64  # [n + 1]
    holder: I64  # [E]


def sets_of(start: I64, member: I64, items: int) -> Sets:
    """The sets with their other side."""
    order = np.argsort(member, kind="stable")
    owner = np.repeat(np.arange(len(start) - 1), np.diff(start))
    at = np.zeros(items + 1, np.int64)
    np.cumsum(np.bincount(member, minlength=items), out=at[1:])
    return Sets(start, member, at, owner[order])


def together_counts(sets: Sets) -> I64:
    """[n]: how many other items share a set with each: what `together` will hold."""
    out = np.zeros(len(sets.at) - 1, np.int64)
    _count(sets, out)
    return out


def together(sets: Sets, worth: F64, counts: I64) -> tuple[I64, I32, F32]:
    """Rows (indptr, indices, weight): for each pair of items, the summed worth of their sets.

    `worth` [S]; `counts` as `together_counts` gives them. The result is symmetric to the last bit.
    """
    indptr = np.zeros(len(sets.at), np.int64)
    np.cumsum(counts, out=indptr[1:])
    indices = np.empty(indptr[-1], np.int32)
    weight = np.empty(indptr[-1], np.float32)
    _together(sets, worth, indptr, indices, weight)
    return indptr, indices, weight


def swings(sets: Sets, asked: Sets, alpha: float, k: int) -> tuple[I64, I32, F32]:
    """Rows of the k most similar items by swing: pairs of users who share little else count most.

    `asked` holds, for each item, the users whose pairs are looked at (a sample of `sets`).
    """
    items = len(sets.at) - 1
    ids = np.full((items, k), -1, np.int32)
    score = np.zeros((items, k), np.float32)
    share = 1 / np.sqrt(np.maximum(np.diff(sets.start), 1))
    _swings(sets, asked, share, float(alpha), ids, score)
    return _compact(ids, score)


def sampled(start: I64, limit: int, seed: int, what: str) -> NDArray[np.bool_]:
    """[E]: which members stay when each row keeps at most `limit`, all subsets alike.

    A row's sample depends on (seed, what, row) alone.
    """
    keep = np.ones(int(start[-1]), np.bool_)
    _sampled(start, limit, np.uint64(seed % 2**64), purpose(what), keep)
    return keep


def heaviest(indptr: I64, weight: F32, k: int) -> I64:
    """Places of the k heaviest edges of each row, ascending; equal weights: the lower id."""
    keep = np.zeros(len(weight), np.bool_)
    _heaviest(indptr, weight, k, keep)
    return np.flatnonzero(keep)


def _compact(ids: I32, score: F32) -> tuple[I64, I32, F32]:
    """Rows of fixed width without their empty places, ids ascending."""
    width = np.iinfo(np.int32).max
    order = np.argsort(np.where(ids < 0, width, ids), axis=1, kind="stable")
    ids, score = np.take_along_axis(ids, order, 1), np.take_along_axis(score, order, 1)
    real = ids >= 0
    indptr = np.zeros(len(ids) + 1, np.int64)
    np.cumsum(real.sum(1), out=indptr[1:])
    return indptr, ids[real], score[real]


@njit(cache=True)
def _bounds(chunk: int, rows: int) -> tuple[int, int]:
    return chunk * rows // CHUNKS, (chunk + 1) * rows // CHUNKS


@njit(cache=True, parallel=True)
def _count(sets: Sets, out: I64) -> None:
    items = len(sets.at) - 1
    for chunk in prange(CHUNKS):
        first, stop = _bounds(chunk, items)
        stamp = np.full(items, -1, np.int64)
        for i in range(first, stop):
            for h in range(sets.at[i], sets.at[i + 1]):
                s = sets.holder[h]
                for m in range(sets.start[s], sets.start[s + 1]):
                    j = sets.member[m]
                    if j != i and stamp[j] != i:
                        stamp[j] = i
                        out[i] += 1


@njit(cache=True, parallel=True)
def _together(sets: Sets, worth: F64, indptr: I64, indices: I32, weight: F32) -> None:
    items = len(sets.at) - 1
    for chunk in prange(CHUNKS):
        first, stop = _bounds(chunk, items)
        total = np.zeros(items)
        stamp = np.full(items, -1, np.int64)
        for i in range(first, stop):
            place = indptr[i]
            for h in range(sets.at[i], sets.at[i + 1]):
                s = sets.holder[h]
                for m in range(sets.start[s], sets.start[s + 1]):
                    j = sets.member[m]
                    if j == i:
                        continue
                    if stamp[j] != i:
                        stamp[j] = i
                        total[j] = 0.0
                        indices[place] = j
                        place += 1
                    total[j] += worth[s]
            indices[indptr[i] : indptr[i + 1]].sort()
            for place in range(indptr[i], indptr[i + 1]):
                weight[place] = total[indices[place]]


class Work(NamedTuple):
    """What one thread keeps while it sums an item's swings."""

    total: F64  # [n], 0 where nothing was added
    touched: I64  # [n], the items with a total, `state[1]` of them
    mark: I64  # [n], `state[0]` where the first user holds the item
    state: I64  # [2]


@njit(cache=True, parallel=True)
def _swings(sets: Sets, asked: Sets, share: F64, alpha: float, ids: I32, score: F32) -> None:
    items = len(sets.at) - 1
    for chunk in prange(CHUNKS):
        first, stop = _bounds(chunk, items)
        nothing = np.full(items, -1, np.int64)
        work = Work(np.zeros(items), np.empty(items, np.int64), nothing, np.zeros(2, np.int64))
        for i in range(first, stop):
            users = asked.holder[asked.at[i] : asked.at[i + 1]]
            _item(sets, users, i, share, alpha, work)
            _keep_best(work.touched[: work.state[1]], work.total, ids[i], score[i])


@njit(cache=True)
def _item(sets: Sets, users: I64, item: int, share: F64, alpha: float, work: Work) -> None:
    """Adds what every pair of the item's users says."""
    work.state[1] = 0
    for a in range(len(users)):
        u = users[a]
        work.state[0] += 1
        for m in range(sets.start[u], sets.start[u + 1]):
            work.mark[sets.member[m]] = work.state[0]
        for v in users[:a]:
            held = sets.member[sets.start[v] : sets.start[v + 1]]
            _swing(held, item, share[u] * share[v], alpha, work)


@njit(cache=True)
def _swing(held: I64, item: int, worth: float, alpha: float, work: Work) -> None:
    """Adds what two users say together: the one whose items are marked, and the one of `held`."""
    common = 0
    for j in held:
        common += work.mark[j] == work.state[0]
    if common < 2:
        return  # the item itself is all they share
    for j in held:
        if work.mark[j] == work.state[0] and j != item:
            if work.total[j] == 0.0:
                work.touched[work.state[1]] = j
                work.state[1] += 1
            work.total[j] += worth / (alpha + common)


@njit(cache=True)
def _keep_best(touched: I64, total: F64, ids: I32, score: F32) -> None:
    """Writes the best of the touched items, and clears their totals."""
    k = min(len(ids), len(touched))
    touched.sort()
    value = np.empty(len(touched))
    for place in range(len(touched)):
        value[place] = -np.float32(total[touched[place]])
        total[touched[place]] = 0.0
    order = np.argsort(value, kind="mergesort")
    for place in range(k):
        ids[place] = touched[order[place]]
        score[place] = -value[order[place]]


@njit(cache=True, parallel=True)
def _sampled(
    start: I64, limit: int, seed: np.uint64, what: np.uint64, keep: NDArray[np.bool_]
) -> None:
    for row in prange(len(start) - 1):
        size = start[row + 1] - start[row]
        if size <= limit:
            continue
        key = stream_key(seed, what, 0, row)
        wanted = limit
        for place in range(size):  # selection sampling (Knuth, volume 2, algorithm S)
            taken = below(key, place, size - place) < wanted
            keep[start[row] + place] = taken
            wanted -= int(taken)


@njit(cache=True, parallel=True)
def _heaviest(indptr: I64, weight: F32, k: int, keep: NDArray[np.bool_]) -> None:
    for row in prange(len(indptr) - 1):
        first, stop = indptr[row], indptr[row + 1]
        if stop - first <= k:
            keep[first:stop] = True
        else:
            order = np.argsort(-weight[first:stop], kind="mergesort")
            for place in order[:k]:
                keep[first + place] = True
