"""Which entries of a run were seen before in the same run, in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

I64 = NDArray[np.int64]
Flags = NDArray[np.bool_]


def first_in_run(run: NDArray[np.integer], code: NDArray[np.integer], codes: int) -> Flags:
    """[E]: True where `code` occurs for the first time in its run.

    Runs are contiguous (a run's number does not come back later); `code` lies in 0..codes - 1.
    """
    out = np.empty(len(run), np.bool_)
    _first(run, code, np.full(codes, -1, np.int64), out)
    return out


def again_in_run(
    run: NDArray[np.integer], code: NDArray[np.integer], codes: int, late: Flags
) -> Flags:
    """[E]: True for a `late` entry whose code an entry of its run has that is not late.

    Runs are contiguous; `code` lies in 0..codes - 1.
    """
    out = np.zeros(len(run), np.bool_)
    _again(run, code, np.full(codes, -1, np.int64), late, out)
    return out


@njit(cache=True)
def _again(run: Any, code: Any, stamp: I64, late: Flags, out: Flags) -> None:
    first = 0
    while first < len(run):
        stop = first
        while stop < len(run) and run[stop] == run[first]:
            if not late[stop]:
                stamp[code[stop]] = first
            stop += 1
        for at in range(first, stop):
            out[at] = late[at] and stamp[code[at]] == first
        first = stop


@njit(cache=True)
def _first(run: Any, code: Any, stamp: I64, out: Flags) -> None:
    for at in range(len(run)):
        out[at] = stamp[code[at]] != run[at]
        stamp[code[at]] = run[at]
