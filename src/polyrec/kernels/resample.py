"""Random row weights for the bootstrap, pure in (seed, draw, row): no state, no threads.

Poisson(1) weights come from a table of 65,536 equally likely entries, so each probability is
right to 2**-16 and mean and variance to 1e-4: what a weight normalised by its sum can use.
"""

from __future__ import annotations

from math import exp, factorial

import numpy as np
from numba import njit
from numpy.typing import NDArray

Weights = NDArray[np.float32]


def _table() -> NDArray[np.uint8]:
    chance = np.array([exp(-1) / factorial(i) for i in range(9)])
    counts = np.floor(chance * 65536 + 0.5).astype(np.int64)
    counts[0] += 65536 - counts.sum()
    return np.repeat(np.arange(9, dtype=np.uint8), counts)


_POISSON = _table()


def poisson(seed: int, first: int, draws: int, rows: int) -> Weights:
    """[draws, rows]: weights of draws first, first + 1, ...; each Poisson(1)."""
    out = np.empty((draws, rows), np.float32)
    _poisson(np.uint64(seed), first, _POISSON, out)
    return out


def whole_rows(seed: int, first: int, draws: int, rows: int) -> Weights:
    """[draws, rows]: how often each row comes up when `rows` are drawn with replacement."""
    out = np.zeros((draws, rows), np.float32)
    _whole_rows(np.uint64(seed), first, out)
    return out


@njit(nogil=True, inline="always")
def _mix(x: np.uint64) -> np.uint64:
    """splitmix64's finaliser."""
    z = x + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(nogil=True, cache=True)
def _poisson(seed: np.uint64, first: int, table: NDArray[np.uint8], out: Weights) -> None:
    rows = out.shape[1]
    for b in range(out.shape[0]):
        start = _mix(seed ^ _mix(np.uint64(first + b)))
        whole = rows // 4
        for g in range(whole):
            word = _mix(start + np.uint64(g))
            for lane in range(4):
                out[b, 4 * g + lane] = table[(word >> np.uint64(16 * lane)) & np.uint64(0xFFFF)]
        word = _mix(start + np.uint64(whole))
        for r in range(4 * whole, rows):
            out[b, r] = table[(word >> np.uint64(16 * (r % 4))) & np.uint64(0xFFFF)]


@njit(nogil=True, cache=True)
def _whole_rows(seed: np.uint64, first: int, out: Weights) -> None:
    rows = out.shape[1]
    for b in range(out.shape[0]):
        start = _mix(seed ^ _mix(np.uint64(first + b)))
        for i in range(rows):
            out[b, _mix(start + np.uint64(i)) % np.uint64(rows)] += 1
