"""Lets the items of a tile compete for places: most tiles are passed over by their peaks."""

from __future__ import annotations

import numpy as np
from numba import njit

from polyrec.kernels.topk.heap import sift_down, sift_up, worse
from polyrec.kernels.topk.shapes import LOWEST, Best, Ids, Scores, Tile

_LANES = 64  # every 64th item of a tile shares a peak: a few vectors wide, so compared at once


@njit(nogil=True, cache=True, fastmath={"nnan", "nsz"})
def _merge(scores: Scores, first: int, interests: int, width: int, out: Scores) -> None:
    """out[:width] = the maximum over the request's queries."""
    a, b = scores[first], scores[first + 1]
    for j in range(width):
        out[j] = max(a[j], b[j])
    for i in range(2, interests):
        a = scores[first + i]
        for j in range(width):
            out[j] = max(out[j], a[j])


@njit(nogil=True, cache=True, fastmath={"nnan", "nsz"})
def _peaks(row: Scores, width: int, peaks: Scores) -> np.float32:
    """peaks[c] = the largest of row[c], row[c + LANES], ...; returns the largest of all.

    Whole vectors are compared at a time, whatever the width.
    """
    for c in range(_LANES):
        peaks[c] = row[c] if c < width else LOWEST
    whole = width // _LANES
    for i in range(1, whole):
        at = i * _LANES
        for c in range(_LANES):
            peaks[c] = max(peaks[c], row[at + c])
    for j in range(max(1, whole) * _LANES, width):
        peaks[j % _LANES] = max(peaks[j % _LANES], row[j])
    best: np.float32 = LOWEST
    for c in range(_LANES):
        best = max(best, peaks[c])
    return best


@njit(nogil=True, cache=True)
def _bar(ids: Ids, banned: Ids, scores: Scores, first: int, interests: int) -> None:
    """Sets banned items of a tile to -inf; both lists of ids rise."""
    at = np.searchsorted(banned, ids[0])
    while at < banned.shape[0] and banned[at] <= ids[-1]:
        place = np.searchsorted(ids, banned[at])
        if ids[place] == banned[at]:
            for q in range(first, first + interests):
                scores[q, place] = LOWEST
        at += 1


@njit(nogil=True, cache=True)
def _offer(row: Scores, width: int, ids: Ids, peaks: Scores, best: Best, r: int) -> None:
    """Pushes a tile's items that beat the worst kept one.

    While places are free, items below the k-th peak need no look: k others are at least as good.
    """
    heap, heap_ids, size = best.scores[r], best.ids[r], best.filled[r]
    k = heap_ids.shape[0]
    floor = heap[0] if size == k else LOWEST
    if size < k <= _LANES:
        floor = np.sort(peaks)[_LANES - k]
    for c in range(_LANES):
        if peaks[c] < floor or peaks[c] == LOWEST:
            continue
        for j in range(c, width, _LANES):
            if row[j] < floor or row[j] == LOWEST:
                continue
            if size < k:
                sift_up(heap, heap_ids, size, row[j], ids[j])
                size += 1
            elif worse(heap[0], heap_ids[0], row[j], ids[j]):
                sift_down(heap, heap_ids, k, row[j], ids[j])
            if size == k and heap[0] > floor:
                floor = heap[0]
    best.filled[r] = size


@njit(nogil=True, cache=True)
def pushed(tile: Tile, interests: int, best: Best) -> None:
    """Every request's row of the tile, in turn."""
    ids, width, k = tile.ids, tile.ids.shape[0], best.ids.shape[1]
    peaks, merged = np.empty(_LANES, np.float32), np.empty(width, np.float32)
    for r in range(best.filled.shape[0]):
        first = r * interests
        banned = tile.banned[tile.banned_start[r] : tile.banned_start[r + 1]]
        if banned.shape[0] and width:
            _bar(ids, banned, tile.scores, first, interests)
        if interests == 1:
            row = tile.scores[r]
        else:
            _merge(tile.scores, first, interests, width, merged)
            row = merged
        largest = _peaks(row, width, peaks)
        if best.filled[r] == k and largest < best.scores[r, 0]:
            continue
        _offer(row, width, ids, peaks, best, r)
