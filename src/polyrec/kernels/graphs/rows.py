"""A few rows of a product with a graph's matrix, and the way back: what a batch needs of a layer.

The last layer of a propagation is read at the rows of a batch alone, so only their edges are
walked: `pull` sums into those rows, `push` hands their gradient to the neighbours.

Letters: n nodes, B rows, D width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Floats = NDArray[Any]
Index = NDArray[Any]  # int32 or int64


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
