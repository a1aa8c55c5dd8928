"""Coordinate descent for sparse linear maps of items: one column of the map at a time.

Columns are independent and each is solved by one thread. Letters: n items, C candidates of a
column, k kept a column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Floats = NDArray[Any]
I32 = NDArray[np.int32]


@dataclass(frozen=True)
class Gram:
    """X'X in compressed rows: how many people chose both; [n + 1] rows, symmetric."""

    start: NDArray[np.int64]
    target: I32
    both: NDArray[np.float32]


@dataclass(frozen=True)
class Penalty:
    """What sizes and squares cost, and when the descent stops."""

    l1: float
    l2: float
    rounds: int
    tolerance: float


def columns(gram: Gram, candidates: I32, penalty: Penalty) -> NDArray[np.float32]:
    """[n + 1, C]: for each item the weights of its candidates in
    min 1/2 |x - X b|^2 + l2/2 |b|^2 + l1 |b|, b >= 0.

    Args:
        candidates: [n + 1, C], ascending ids within a row, never the item itself; 0 fills.
    """
    out = np.zeros(candidates.shape, np.float32)
    arrays = gram.start, gram.target, gram.both
    numbers = np.array([penalty.l1, penalty.l2, penalty.tolerance])
    _columns(arrays, candidates, numbers, penalty.rounds, out)
    return out


@njit(cache=True, parallel=True)
def _columns(gram, candidates, numbers, rounds, out):  # type: ignore[no-untyped-def]
    count = candidates.shape[1]
    for item in prange(candidates.shape[0]):
        mine = candidates[item]
        first = 0
        while first < count and mine[first] == 0:
            first += 1
        size = count - first
        if size == 0:
            continue
        inner = np.zeros((size, size))
        met = np.zeros(size)
        for k in range(size):
            _row_at(gram, mine[first + k], mine[first:], inner[k])
        _row_at(gram, item, mine[first:], met)
        out[item, first:] = _descend(inner, met, numbers, rounds)


@njit(cache=True)
def _row_at(gram, row, ids, out):  # type: ignore[no-untyped-def]
    """The entries of one row of the matrix at ascending ids."""
    start, target, both = gram
    p, stop = start[row], start[row + 1]
    for k in range(len(ids)):
        while p < stop and target[p] < ids[k]:
            p += 1
        if p < stop and target[p] == ids[k]:
            out[k] = both[p]


@njit(cache=True)
def _descend(inner, met, numbers, rounds):  # type: ignore[no-untyped-def]
    l1, l2, tolerance = numbers
    size = len(met)
    weight = np.zeros(size)
    left = met.copy()  # met - inner @ weight
    for _ in range(rounds):
        moved = 0.0
        for k in range(size):
            before = weight[k]
            total = left[k] + inner[k, k] * before - l1
            now = max(0.0, total / (inner[k, k] + l2)) if total > 0 else 0.0
            if now != before:
                weight[k] = now
                step = now - before
                for j in range(size):
                    left[j] -= step * inner[k, j]
                moved = max(moved, abs(step))
        if moved < tolerance:
            break
    return weight
