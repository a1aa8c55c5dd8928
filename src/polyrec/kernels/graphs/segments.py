"""Sums, products and softmaxes over the rows of a graph, each row the work of one thread.

Edges lie row by row: those of row i are `start[i]` to `start[i + 1] - 1`. `other` names the node at
the far end of each, `place` the edge whose weight it takes: the same edges read by columns are a
second pair of arrays with `place` leading back. So sums never meet in memory, and the bytes are the
same for any number of threads.

Letters: n rows, m columns, E edges, H heads, C width of a head.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Floats = NDArray[Any]  # float32 or float64
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
FAST = {"reassoc", "contract", "nsz"}  # sums inside a row may be reordered, never by threads


def weighted_sums(start: I64, other: I32, place: I32, weight: Floats, x: Floats) -> Floats:
    """[n, H, C]: for each row the sum of weight [E, H] times x [m, H, C] over its edges."""
    out = np.empty((len(start) - 1, *x.shape[1:]), x.dtype)
    if x.shape[1] == 1:
        _one_head(start, other, place, weight[:, 0], x[:, 0], out[:, 0])
    else:
        _heads(start, other, place, weight, x, out)
    return out


def products(start: I64, other: I32, a: Floats, b: Floats) -> Floats:
    """[E, H]: for each edge and head the inner product of a [n, H, C] and b [m, H, C]."""
    out = np.empty((len(other), a.shape[1]), a.dtype)
    _products(start, other, a, b, out)
    return out


def edge_sums(start: I64, place: I32, values: Floats) -> Floats:
    """[n, C]: the sum of values [E, C] over each row's edges."""
    out = np.empty((len(start) - 1, values.shape[1]), values.dtype)
    _edge_sums(start, place, values, out)
    return out


def softmax(start: I64, logits: Floats) -> Floats:
    """[E, H]: shares of each row's edges; they sum to 1 in every row that has any."""
    out = np.empty_like(logits)
    _softmax(start, logits, out)
    return out


def softmax_backward(start: I64, share: Floats, grad: Floats) -> Floats:
    """[E, H]: the gradient of the logits, share * (grad - sum of share * grad over the row)."""
    out = np.empty_like(share)
    _softmax_backward(start, share, grad, out)
    return out


def largest(start: I64, other: I32, x: Floats) -> tuple[Floats, I32]:
    """[n, C]: the largest x [m, C] over each row's edges, and the edge it came by.

    A row without edges is 0, by edge -1; of equals the first counts.
    """
    out = np.zeros((len(start) - 1, x.shape[1]), x.dtype)
    by = np.full(out.shape, -1, np.int32)
    _largest(start, other, x, out, by)
    return out, by


def largest_backward(start: I64, other: I32, place: I32, by: I32, grad: Floats) -> Floats:
    """[m, C]: gradients of `largest` back to where they came from; edges read by columns."""
    out = np.zeros((len(start) - 1, grad.shape[1]), grad.dtype)
    _largest_backward(start, other, place, by, grad, out)
    return out


@njit(cache=True, parallel=True, fastmath=FAST)
def _one_head(start: I64, other: I32, place: I32, weight: Floats, x: Floats, out: Floats) -> None:
    width = x.shape[1]
    for i in prange(len(start) - 1):
        for c in range(width):
            out[i, c] = 0
        for e in range(start[i], start[i + 1]):
            j, w = other[e], weight[place[e]]
            for c in range(width):
                out[i, c] += w * x[j, c]


@njit(cache=True, parallel=True, fastmath=FAST)
def _heads(start: I64, other: I32, place: I32, weight: Floats, x: Floats, out: Floats) -> None:
    heads, width = x.shape[1], x.shape[2]
    for i in prange(len(start) - 1):
        out[i] = 0
        for e in range(start[i], start[i + 1]):
            j = other[e]
            for h in range(heads):
                w = weight[place[e], h]
                for c in range(width):
                    out[i, h, c] += w * x[j, h, c]


@njit(cache=True, parallel=True, fastmath=FAST)
def _products(start: I64, other: I32, a: Floats, b: Floats, out: Floats) -> None:
    heads, width = a.shape[1], a.shape[2]
    for i in prange(len(start) - 1):
        for e in range(start[i], start[i + 1]):
            j = other[e]
            for h in range(heads):
                total = a[i, h, 0] * 0
                for c in range(width):
                    total += a[i, h, c] * b[j, h, c]
                out[e, h] = total


@njit(cache=True, parallel=True, fastmath=FAST)
def _edge_sums(start: I64, place: I32, values: Floats, out: Floats) -> None:
    width = values.shape[1]
    for i in prange(len(start) - 1):
        for c in range(width):
            out[i, c] = 0
        for e in range(start[i], start[i + 1]):
            for c in range(width):
                out[i, c] += values[place[e], c]


@njit(cache=True, parallel=True)
def _softmax(start: I64, logits: Floats, out: Floats) -> None:
    heads = logits.shape[1]
    for i in prange(len(start) - 1):
        for h in range(heads):
            if start[i] == start[i + 1]:
                continue
            top = logits[start[i], h]
            for e in range(start[i] + 1, start[i + 1]):
                top = max(top, logits[e, h])
            total = top * 0
            for e in range(start[i], start[i + 1]):
                out[e, h] = np.exp(logits[e, h] - top)
                total += out[e, h]
            for e in range(start[i], start[i + 1]):
                out[e, h] /= total


@njit(cache=True, parallel=True)
def _softmax_backward(start: I64, share: Floats, grad: Floats, out: Floats) -> None:
    heads = share.shape[1]
    for i in prange(len(start) - 1):
        for h in range(heads):
            total = np.float64(0)
            for e in range(start[i], start[i + 1]):
                total += share[e, h] * grad[e, h]
            for e in range(start[i], start[i + 1]):
                out[e, h] = share[e, h] * (grad[e, h] - total)


@njit(cache=True, parallel=True)
def _largest(start: I64, other: I32, x: Floats, out: Floats, by: I32) -> None:
    width = x.shape[1]
    for i in prange(len(start) - 1):
        for e in range(start[i], start[i + 1]):
            j = other[e]
            for c in range(width):
                if by[i, c] < 0 or x[j, c] > out[i, c]:
                    out[i, c] = x[j, c]
                    by[i, c] = e


@njit(cache=True, parallel=True)
def _largest_backward(
    start: I64, other: I32, place: I32, by: I32, grad: Floats, out: Floats
) -> None:
    width = grad.shape[1]
    for j in prange(len(start) - 1):
        for t in range(start[j], start[j + 1]):
            i = other[t]
            for c in range(width):
                if by[i, c] == place[t]:
                    out[j, c] += grad[i, c]
