"""Products with a graph's matrix that read and write no more than they must.

`multiply` is a layer of a propagation in one pass. The last is read at the rows of a batch alone,
so only their edges are walked: `pull` sums into those rows, `push` hands their gradient to the
neighbours.

Letters: n nodes, B rows, D width.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from polyrec.kernels.rows.summed import sum_row

Floats = NDArray[Any]
Index = NDArray[Any]  # int32 or int64
Matrix = tuple[Index, Index, Floats, Floats]
Symmetric = tuple[Index, Index, Floats]
PARTS = 8  # of the rows, for each thread: what slows one is in all threads' parts
ROW = 8  # edges that a row's own work counts for
LINE = 16  # columns


def multiply(edges: Matrix, x: Floats, base: Floats | None, out: Floats) -> None:
    """out = base + diag(into) A diag(out_of) x in one pass; base None: out = the product.

    Each row is summed by one thread, in the order of its edges. All floats are of one type.

    Args:
        edges: start [n + 1], target [E], into [n], out_of [m].
        x: [m, D]; base, out: [n, D]; rows one after the other.
    """
    _multiply(edges, x, base, out, numba.get_num_threads())


def pull(edges: Symmetric, x: Floats, rows: Index) -> Floats:
    """[B, D]: for each of `rows` the sum of its neighbours' x, times weight at both ends.

    Each row is summed by one thread, in the order of its edges.

    Args:
        edges: start [n + 1], target [E], weight [n] of a node at either end.
        x: [n, D].
    """
    out = np.empty((len(rows), x.shape[1]), x.dtype)
    _pull(edges, x, rows, out)
    return out


def push(edges: Symmetric, grad: Floats, rows: Index, out: Floats) -> None:
    """Adds the transpose of `pull` to out [n, D]: what `rows` [B, D] give to their neighbours.

    Threads share the columns, and each goes through the rows in their order: the same bytes
    however many there are.
    """
    _push(edges, grad, rows, out, numba.get_num_threads())


@njit(cache=True, parallel=True, error_model="numpy")
def _multiply(edges, x, base, out, threads):  # type: ignore[no-untyped-def]
    start, target, into, out_of = edges
    for part in prange(threads * PARTS):
        turn = part % PARTS * threads + part // PARTS  # a thread's parts lie all over the rows
        first, stop = _bound(start, turn, threads), _bound(start, turn + 1, threads)
        for row in range(first, stop):
            span = start[row], start[row + 1]
            sum_row((target, out_of), span, x, base, (out, row, into[row]))


@njit(cache=True, error_model="numpy")
def _bound(start, turn, threads):  # type: ignore[no-untyped-def]
    """The first row of a part: parts have as many edges, a row counted as some more."""
    low, high = 0, len(start) - 1
    whole = start[high] + ROW * high
    while low < high:
        row = (low + high) // 2
        if (start[row] + ROW * row) * threads * PARTS < whole * turn:
            low = row + 1
        else:
            high = row
    return low


@njit(cache=True, parallel=True, error_model="numpy")
def _pull(edges, x, rows, out):  # type: ignore[no-untyped-def]
    start, target, weight = edges
    for b in prange(len(rows)):
        row = rows[b]
        span = start[row], start[row + 1]
        sum_row((target, weight), span, x, None, (out, b, weight[row]))


@njit(cache=True, parallel=True, error_model="numpy")
def _push(edges, grad, rows, out, threads):  # type: ignore[no-untyped-def]
    start, target, weight = edges
    width = grad.shape[1]
    share = -(-width // (threads * LINE)) * LINE  # whole lines of the cache: nobody waits for one
    for thread in prange(threads):
        first = np.uintp(min(thread * share, width))  # unsigned: an index that is never from behind
        stop = np.uintp(min(thread * share + share, width))
        for b in range(len(rows)):
            row = rows[b]
            for p in range(start[row], start[row + 1]):
                node = target[p]
                factor = weight[row] * weight[node]
                for d in range(first, stop):
                    out[node, d] += factor * grad[b, d]
