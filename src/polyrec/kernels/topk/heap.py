"""A heap with the worst kept item on top; equal scores are ordered by a hash of the id."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from polyrec.kernels.topk.shapes import Best, Ids, Scores


@njit(nogil=True, inline="always")
def hash_of(item: int) -> np.uint64:
    """splitmix64's finaliser: a bijection of 64-bit words (Steele et al. 2014)."""
    z = np.uint64(item) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(nogil=True, cache=True)
def hashes(ids: Ids) -> NDArray[np.uint64]:
    """[n]: `hash_of` each id."""
    out = np.empty(ids.shape[0], np.uint64)
    for i in range(ids.shape[0]):
        out[i] = hash_of(ids[i])
    return out


@njit(nogil=True, inline="always")
def worse(score: float, item: int, other_score: float, other_item: int) -> bool:
    """Whether the first of two items is the worse one."""
    if score == other_score:
        return bool(hash_of(item) > hash_of(other_item))
    return score < other_score


@njit(nogil=True, cache=True)
def sift_up(scores: Scores, ids: Ids, place: int, score: float, item: int) -> None:
    """Puts an item into a free place and lets it rise."""
    while place > 0:
        parent = (place - 1) // 2
        if not worse(score, item, scores[parent], ids[parent]):
            break
        scores[place] = scores[parent]
        ids[place] = ids[parent]
        place = parent
    scores[place] = score
    ids[place] = item


@njit(nogil=True, cache=True)
def sift_down(scores: Scores, ids: Ids, size: int, score: float, item: int) -> None:
    """Puts an item on top in place of the worst and lets it sink."""
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        right = child + 1
        if right < size and worse(scores[right], ids[right], scores[child], ids[child]):
            child = right
        if not worse(scores[child], ids[child], score, item):
            break
        scores[place] = scores[child]
        ids[place] = ids[child]
        place = child
    scores[place] = score
    ids[place] = item


@njit(nogil=True, cache=True)
def ordered(best: Best) -> None:
    """Turns each heap into a list, best first."""
    for r in range(best.filled.shape[0]):
        scores, ids = best.scores[r], best.ids[r]
        for last in range(best.filled[r] - 1, 0, -1):
            score, item = scores[last], ids[last]
            scores[last], ids[last] = scores[0], ids[0]
            sift_down(scores, ids, last, score, item)
