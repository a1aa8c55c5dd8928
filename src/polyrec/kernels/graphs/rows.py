"""Products with a graph's matrix that read and write no more than they must.

`powers` adds up the layers of a propagation, each in one pass. The last layer is read at the rows
of a batch alone, so only their edges are walked: `pull` sums into those rows, `push` hands their
gradient to the neighbours.

Letters: n nodes, B rows, D width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Floats = NDArray[Any]
Index = NDArray[Any]  # int32 or int64


def powers(start: Index, target: Index, weight: Floats, x: Floats, layers: int) -> Floats:
    """[n, D]: x + A x + ... + A^layers x; each edge counts the weights of both its ends.

    Each row is summed by one thread, in the order of its edges. Two arrays are made, whatever the
    number of layers.

    Args:
        start: [n + 1]; target: [E]; weight: [n].
        x: [n, D].
    """
    if layers == 0:
        return x.copy()
    last, spare = x, np.empty_like(x)
    for layer in range(layers):  # x + A (x + A (x + ...))
        _added(start, target, weight, last, x, spare)
        last, spare = spare, np.empty_like(x) if layer == 0 else last
    return last


def pull(start: Index, target: Index, weight: Floats, x: Floats, rows: Index) -> Floats:
    """[B, D]: for each of `rows` the sum of its neighbours' x, times weight at both ends.

    Each row is summed by one thread, in the order of its edges.

    Args:
        start: [n + 1]; target: [E].
        weight: [n], the factor of a node at either end.
        x: [n, D].
    """
    out = np.empty((len(rows), x.shape[1]), x.dtype)
    _pull(start, target, weight, x, rows, out)
    return out


def push(start: Index, target: Index, weight: Floats, grad: Floats, rows: Index) -> Floats:
    """[n, D]: the transpose of `pull`: what each of `rows` [B, D] gives to its neighbours.

    One thread, in the order of the rows: the same bytes however many there are.
    """
    out = np.zeros((len(start) - 1, grad.shape[1]), grad.dtype)
    _push(start, target, weight, grad, rows, out)
    return out


@njit(cache=True, error_model="numpy")
def _sum(target, weight, x, into):  # type: ignore[no-untyped-def]
    """into [D]: the sum over these edges, in their order.

    Four edges a round: into is read and written a quarter as often.
    """
    width, edges = len(into), len(target)
    for d in range(width):
        into[d] = 0
    fours = edges // 4 * 4
    for p in range(0, fours, 4):
        i, j, k, m = target[p], target[p + 1], target[p + 2], target[p + 3]
        f, g, h, e = weight[i], weight[j], weight[k], weight[m]
        for d in range(width):
            into[d] = (((into[d] + f * x[i, d]) + g * x[j, d]) + h * x[k, d]) + e * x[m, d]
    for p in range(fours, edges):
        i = target[p]
        f = weight[i]
        for d in range(width):
            into[d] += f * x[i, d]


@njit(cache=True, parallel=True, error_model="numpy")
def _added(start, target, weight, x, to, out):  # type: ignore[no-untyped-def]
    for row in prange(len(out)):
        _sum(target[start[row] : start[row + 1]], weight, x, out[row])
        for d in range(x.shape[1]):
            out[row, d] = to[row, d] + weight[row] * out[row, d]


@njit(cache=True, parallel=True, error_model="numpy")
def _pull(start, target, weight, x, rows, out):  # type: ignore[no-untyped-def]
    for b in prange(len(rows)):
        row = rows[b]
        _sum(target[start[row] : start[row + 1]], weight, x, out[b])
        for d in range(x.shape[1]):
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
