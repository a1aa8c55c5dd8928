"""Products with a graph's matrix that read and write no more than they must.

`layer` is a layer of a propagation in one pass. The last one is read at the rows of a batch alone,
so only their edges are walked: `pull` sums into those rows, `push` hands their gradient to the
neighbours.

Letters: n nodes, B rows, D width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Floats = NDArray[Any]
Index = NDArray[Any]  # int32 or int64


def layer(
    edges: tuple[Index, Index, Floats], factor: Floats, near: Floats, x: Floats, out: Floats
) -> None:
    """out = factor * (x + A y), where near = weight * y: a layer that reads each edge's row alone.

    With factor = weight, out is the `near` of the next layer: only the last one needs factor 1.
    Each row is summed by one thread, in the order of its edges.

    Args:
        edges: start [n + 1], target [E], weight [n] of a node at either end of an edge.
        factor: [n].
        near, x, out: [n, D]; rows that begin at a multiple of 64 bytes are read in fewer pieces.
    """
    _layer(edges, factor, near, x, out)


def pull(start: Index, target: Index, weight: Floats, x: Floats, rows: Index) -> Floats:
    """[B, D]: for each of `rows` the sum of its neighbours' x, times weight at both ends.

    Each row is summed by one thread, in the order of its edges.

    Args:
        start: [n + 1]; target: [E].
        weight: [n], the factor of a node at either end.
        x: [n, D].
    """
    out = np.zeros((len(rows), x.shape[1]), x.dtype)
    _pull(start, target, weight, x, rows, out)
    return out


def push(start: Index, target: Index, weight: Floats, grad: Floats, rows: Index) -> Floats:
    """[n, D]: the transpose of `pull`: what each of `rows` [B, D] gives to its neighbours.

    One thread, in the order of the rows: the same bytes however many there are.
    """
    out = np.zeros((len(start) - 1, grad.shape[1]), grad.dtype)
    _push(start, target, weight, grad, rows, out)
    return out


@njit(cache=True, parallel=True, error_model="numpy")
def _layer(edges, factor, near, x, out):  # type: ignore[no-untyped-def]
    start, target, weight = edges
    width = near.shape[1]
    for row in prange(len(out)):
        first, stop = start[row], start[row + 1]
        fours = first + (stop - first) // 4 * 4
        for d in range(width):
            out[row, d] = 0
        for p in range(first, fours, 4):  # four edges a round: out is touched a quarter as often
            i, j, k, m = target[p], target[p + 1], target[p + 2], target[p + 3]
            for d in range(width):
                out[row, d] = (((out[row, d] + near[i, d]) + near[j, d]) + near[k, d]) + near[m, d]
        for p in range(fours, stop):
            for d in range(width):
                out[row, d] += near[target[p], d]
        for d in range(width):
            out[row, d] = factor[row] * (x[row, d] + weight[row] * out[row, d])


@njit(cache=True, parallel=True, error_model="numpy")
def _pull(start, target, weight, x, rows, out):  # type: ignore[no-untyped-def]
    width = x.shape[1]
    for b in prange(len(rows)):
        row = rows[b]
        for p in range(start[row], start[row + 1]):
            node = target[p]
            factor = weight[node]
            for d in range(width):
                out[b, d] += factor * x[node, d]
        for d in range(width):
            out[b, d] *= weight[row]


@njit(cache=True, error_model="numpy")
def _push(start, target, weight, grad, rows, out):  # type: ignore[no-untyped-def]
    width = grad.shape[1]
    scaled = np.empty(width, grad.dtype)
    for b in range(len(rows)):
        row = rows[b]
        for d in range(width):
            scaled[d] = weight[row] * grad[b, d]
        for p in range(start[row], start[row + 1]):
            node = target[p]
            factor = weight[node]
            for d in range(width):
                out[node, d] += factor * scaled[d]
