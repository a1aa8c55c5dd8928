"""Stretches of a long column, packed side by side: how histories become a batch."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

I64 = NDArray[np.int64]


def starts(first: I64, stop: I64) -> I64:
    """[R + 1]: where each stretch begins once they lie side by side."""
    out = np.zeros(len(first) + 1, np.int64)
    np.cumsum(stop - first, out=out[1:])
    return out


def packed_ids(column: NDArray[np.int32], first: I64, stop: I64) -> tuple[I64, I64]:
    """`column[first[r]:stop[r]]` of every row side by side as int64, and where each begins."""
    start = starts(first, stop)
    out = np.empty(int(start[-1]), np.int64)
    _packed(column, first, start, out)
    return out, start


def places(first: I64, stop: I64) -> I64:
    """The places first[r], …, stop[r] - 1 of every row side by side."""
    start = starts(first, stop)
    out = np.empty(int(start[-1]), np.int64)
    _places(first, start, out)
    return out


def mark(marks: NDArray[np.bool_], first: I64, stop: I64) -> None:
    """Sets `marks[first[r]:stop[r]]` of every row."""
    _mark(marks, first, stop)


@njit(cache=True)
def _packed(column: NDArray[np.int32], first: I64, start: I64, out: I64) -> None:
    for row in range(len(first)):
        shift = first[row] - start[row]
        for at in range(start[row], start[row + 1]):
            out[at] = column[at + shift]


@njit(cache=True)
def _places(first: I64, start: I64, out: I64) -> None:
    for row in range(len(first)):
        shift = first[row] - start[row]
        for at in range(start[row], start[row + 1]):
            out[at] = at + shift


@njit(cache=True)
def _mark(marks: NDArray[np.bool_], first: I64, stop: I64) -> None:
    for row in range(len(first)):
        for at in range(first[row], stop[row]):
            marks[at] = True
