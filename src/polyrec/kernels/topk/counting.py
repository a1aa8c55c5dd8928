"""How many items of a tile stand above given ones."""

from __future__ import annotations

import numpy as np
from numba import njit

from polyrec.kernels.topk.heap import hash_of
from polyrec.kernels.topk.shapes import LOWEST, Given, Ids, Scores, Tile

_CHUNK = 128  # items looked at together: the running maximum stays in the first-level cache


@njit(nogil=True, cache=True, fastmath={"nnan", "nsz"})
def _maximum(
    scores: Scores, row: int, interests: int, first: int, width: int, out: Scores
) -> np.float32:
    """out[:width] = maximum over the request's queries; returns the largest of all."""
    best: np.float32 = LOWEST
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
            out[place] = LOWEST
        at += 1


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
            if chunk[j] == score and ids[j] != item and hash_of(ids[j]) < hash_of(item):
                count += 1
    return count


@njit(nogil=True, cache=True)
def counted(tile: Tile, interests: int, given: Given, above: Ids) -> None:
    """Every request's given items, chunk by chunk."""
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
