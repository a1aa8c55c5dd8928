"""Keeps the best k of score tiles that stream by, and counts what stands above given scores.

A tile holds the scores of Q = R * K queries against T items; an item's score for a request is
the maximum over its K queries. Equal scores are ordered by a hash of the item id, so that
neither id nor position nor tile decides. NaN must be ruled out by the caller.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Ids = NDArray[np.int64]

_CHUNK = 128  # items looked at together: the running maximum stays in the first-level cache
_LOWEST = np.float32(-np.inf)


class Tile(NamedTuple):
    """Scores of some requests against some items, and what those requests must not get."""

    scores: Scores  # [R * K, T]; rows of one request are neighbours
    ids: Ids  # [T], ascending
    banned: Ids  # packed per request, ascending within it
    banned_start: Ids  # [R + 1]


class Best(NamedTuple):
    """The best items so far of each request: a heap with the worst kept one on top."""

    scores: Scores  # [R, k]
    ids: Ids  # [R, k], 0 = not filled
    filled: Ids  # [R]

    @classmethod
    def empty(cls, requests: int, k: int) -> Best:
        """Nothing seen yet."""
        scores = np.full((requests, k), _LOWEST, np.float32)
        return cls(scores, np.zeros((requests, k), np.int64), np.zeros(requests, np.int64))

    def rows(self, first: int, last: int) -> Best:
        """A view of some requests: what is pushed into it shows in the whole."""
        return Best(self.scores[first:last], self.ids[first:last], self.filled[first:last])


class Given(NamedTuple):
    """Items whose rank is asked, packed per request."""

    scores: Scores  # [sum], by the same arithmetic as the tiles
    ids: Ids  # [sum]
    start: Ids  # [R + 1]


def push(tile: Tile, best: Best, interests: int) -> None:
    """Lets a tile's items compete for places in `best`; -inf and banned items never win one."""
    if best.ids.shape[0]:
        _push(tile, interests, best)


def finish(best: Best) -> None:
    """Turns each heap into a list, best first. Nothing may be pushed afterwards."""
    _finish(best)


def count_above(tile: Tile, interests: int, given: Given, above: Ids) -> None:
    """Adds to `above` [sum] how many items of the tile beat each given item of its request."""
    _above(tile, interests, given, above)


def tie_order(ids: Ids) -> NDArray[np.uint64]:
    """[n]: the hash that orders equal scores, smaller first. One to one, so never a tie again."""
    out: NDArray[np.uint64] = _hashes(ids)
    return out


@njit(nogil=True, inline="always")
def _hash(item: int) -> np.uint64:
    """splitmix64's finaliser: a bijection of 64-bit words (Steele et al. 2014)."""
    z = np.uint64(item) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(nogil=True, cache=True)
def _hashes(ids: Ids) -> NDArray[np.uint64]:
    out = np.empty(ids.shape[0], np.uint64)
    for i in range(ids.shape[0]):
        out[i] = _hash(ids[i])
    return out


@njit(nogil=True, inline="always")
def _worse(score: float, item: int, other_score: float, other_item: int) -> bool:
    if score == other_score:
        return bool(_hash(item) > _hash(other_item))
    return score < other_score


@njit(nogil=True, cache=True)
def _sift_up(scores: Scores, ids: Ids, place: int, score: float, item: int) -> None:
    while place > 0:
        parent = (place - 1) // 2
        if not _worse(score, item, scores[parent], ids[parent]):
            break
        scores[place] = scores[parent]
        ids[place] = ids[parent]
        place = parent
    scores[place] = score
    ids[place] = item


@njit(nogil=True, cache=True)
def _sift_down(scores: Scores, ids: Ids, size: int, score: float, item: int) -> None:
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        right = child + 1
        if right < size and _worse(scores[right], ids[right], scores[child], ids[child]):
            child = right
        if not _worse(scores[child], ids[child], score, item):
            break
        scores[place] = scores[child]
        ids[place] = ids[child]
        place = child
    scores[place] = score
    ids[place] = item


@njit(nogil=True, cache=True, fastmath={"nnan", "nsz"})
def _maximum(
    scores: Scores, row: int, interests: int, first: int, width: int, out: Scores
) -> np.float32:
    """out[:width] = maximum over the request's queries; returns the largest of all."""
    best: np.float32 = _LOWEST
    q = row * interests
    if interests == 4:
        for j in range(width):
            a = max(scores[q, first + j], scores[q + 1, first + j])
            b = max(scores[q + 2, first + j], scores[q + 3, first + j])
            out[j] = max(a, b)
            best = max(best, out[j])
        return best
    for j in range(width):
        out[j] = scores[q, first + j]
    for i in range(1, interests):
        for j in range(width):
            out[j] = max(out[j], scores[q + i, first + j])
    for j in range(width):
        best = max(best, out[j])
    return best


@njit(nogil=True, cache=True)
def _ban(ids: Ids, banned: Ids, out: Scores) -> None:
    """Sets banned items of the chunk to -inf; both lists of ids rise."""
    at = np.searchsorted(banned, ids[0])
    while at < banned.shape[0] and banned[at] <= ids[-1]:
        place = np.searchsorted(ids, banned[at])
        if ids[place] == banned[at]:
            out[place] = _LOWEST
        at += 1


@njit(nogil=True, cache=True)
def _offer(
    chunk: Scores, width: int, ids: Ids, heap_scores: Scores, heap_ids: Ids, size: int
) -> int:
    """Pushes the chunk's items that beat the worst kept one; returns the heap's size."""
    k = heap_ids.shape[0]
    floor = heap_scores[0] if size == k else _LOWEST
    for j in range(width):
        if chunk[j] < floor or chunk[j] == _LOWEST:
            continue
        if size < k:
            _sift_up(heap_scores, heap_ids, size, chunk[j], ids[j])
            size += 1
        elif _worse(heap_scores[0], heap_ids[0], chunk[j], ids[j]):
            _sift_down(heap_scores, heap_ids, k, chunk[j], ids[j])
        if size == k:
            floor = heap_scores[0]
    return size


@njit(nogil=True, cache=True)
def _push(tile: Tile, interests: int, best: Best) -> None:
    chunk = np.empty(_CHUNK, np.float32)
    ids, filled, k = tile.ids, best.filled, best.ids.shape[1]
    for r in range(filled.shape[0]):
        banned = tile.banned[tile.banned_start[r] : tile.banned_start[r + 1]]
        heap, heap_ids = best.scores[r], best.ids[r]
        for first in range(0, ids.shape[0], _CHUNK):
            width = min(_CHUNK, ids.shape[0] - first)
            largest = _maximum(tile.scores, r, interests, first, width, chunk)
            if filled[r] == k and largest < heap[0]:
                continue
            if banned.shape[0]:
                _ban(ids[first : first + width], banned, chunk)
            filled[r] = _offer(chunk, width, ids[first:], heap, heap_ids, filled[r])


@njit(nogil=True, cache=True)
def _finish(best: Best) -> None:
    for r in range(best.filled.shape[0]):
        scores, ids = best.scores[r], best.ids[r]
        for last in range(best.filled[r] - 1, 0, -1):
            score, item = scores[last], ids[last]
            scores[last], ids[last] = scores[0], ids[0]
            _sift_down(scores, ids, last, score, item)


@njit(nogil=True, cache=True)
def _beaten_by(chunk: Scores, width: int, ids: Ids, score: float, item: int) -> int:
    """Number of the chunk's items above (score, item), ties by hash."""
    count = 0
    equal = 0
    for j in range(width):
        count += chunk[j] > score
        equal += chunk[j] == score
    if equal:
        for j in range(width):
            if chunk[j] == score and ids[j] != item and _hash(ids[j]) < _hash(item):
                count += 1
    return count


@njit(nogil=True, cache=True)
def _above(tile: Tile, interests: int, given: Given, above: Ids) -> None:
    chunk = np.empty(_CHUNK, np.float32)
    ids, start = tile.ids, given.start
    for r in range(start.shape[0] - 1):
        if start[r] == start[r + 1]:
            continue
        banned = tile.banned[tile.banned_start[r] : tile.banned_start[r + 1]]
        for first in range(0, ids.shape[0], _CHUNK):
            width = min(_CHUNK, ids.shape[0] - first)
            _maximum(tile.scores, r, interests, first, width, chunk)
            if banned.shape[0]:
                _ban(ids[first : first + width], banned, chunk)
            for t in range(start[r], start[r + 1]):
                above[t] += _beaten_by(chunk, width, ids[first:], given.scores[t], given.ids[t])
