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


@njit(cache=True)
def _first(run: Any, code: Any, stamp: I64, out: Flags) -> None:
    for at in range(len(run)):
        out[at] = stamp[code[at]] != run[at]
        stamp[code[at]] = run[at]
