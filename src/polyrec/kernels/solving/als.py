"""Least squares a row: each row of one side solved given the other, a block of columns at a time.

Rows are independent and each is solved by one thread, so results do not depend on threads.
Letters: m rows, D width, b columns of the block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Floats = NDArray[Any]


@dataclass(frozen=True)
class Side:
    """Which rows of the other side each row meets, and what its squares cost."""

    start: NDArray[np.int64]  # [m + 1]
    target: NDArray[np.int32]  # [E]
    penalty: NDArray[np.float64]  # [m]


def sweep(x: Floats, other: Floats, gram: Floats, side: Side, block: tuple[int, int]) -> None:
    """Solves columns `block` of every row of `x` in place, the rest of the row as it stands.

    Each row minimises sum over its edges of (x . other - 1)^2 + x' gram x + penalty |x|^2. Rows
    without edges become 0.

    Args:
        x: [m, D], float32.
        other: [., D], float32.
        gram: [D, D], float64.
    """
    _sweep(x, other, gram, (side.start, side.target, side.penalty), *block)


@njit(cache=True, parallel=True)
def _sweep(x, other, gram, side, first, stop):  # type: ignore[no-untyped-def]
    start, target, penalty = side
    width = stop - first
    for row in prange(x.shape[0]):
        if start[row] == start[row + 1]:
            x[row, first:stop] = 0
            continue
        a = gram[first:stop, first:stop].copy()
        b = np.zeros(width)
        for c in range(x.shape[1]):
            if first <= c < stop:
                a[c - first, c - first] += penalty[row]
            else:
                for k in range(width):
                    b[k] -= gram[first + k, c] * x[row, c]
        for p in range(start[row], start[row + 1]):
            h = other[target[p]]
            left = 1.0
            for c in range(first):
                left -= x[row, c] * h[c]
            for c in range(stop, x.shape[1]):
                left -= x[row, c] * h[c]
            for k in range(width):
                value = np.float64(h[first + k])
                b[k] += left * value
                for j in range(k + 1):
                    a[k, j] += value * h[first + j]
        _cholesky(a, b)
        for k in range(width):
            x[row, first + k] = b[k]


@njit(cache=True, inline="always")
def _cholesky(a, b):  # type: ignore[no-untyped-def]
    """Solves a z = b in place from the lower triangle of a positive definite `a`."""
    size = len(b)
    for k in range(size):
        for j in range(k):
            total = a[k, j]
            for c in range(j):
                total -= a[k, c] * a[j, c]
            a[k, j] = total / a[j, j]
        total = a[k, k]
        for c in range(k):
            total -= a[k, c] * a[k, c]
        a[k, k] = np.sqrt(total)
        total = b[k]
        for c in range(k):
            total -= a[k, c] * b[c]
        b[k] = total / a[k, k]
    for k in range(size - 1, -1, -1):
        total = b[k]
        for c in range(k + 1, size):
            total -= a[c, k] * b[c]
        b[k] = total / a[k, k]
