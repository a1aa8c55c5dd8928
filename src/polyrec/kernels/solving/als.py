"""Least squares a row, exactly: each row of one side solved given the other.

What all pairs cost is one quadratic form for every row, x' gram x. In the coordinates of its
eigenvectors it is a sum of squares, and with it the penalty, so a row of few edges is solved by a
system as large as it has edges (Woodbury's identity), whatever the width. Rows are independent
and each is one thread's, so results do not depend on threads.

Letters: m rows of the side that is solved, M of the other, D width, E edges of a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Floats = NDArray[Any]
# Loops that add up may take any order, those that write may not: kernels/rows/attention.py
PLAIN: dict[str, Any] = {"cache": True, "fastmath": {"contract"}, "error_model": "numpy"}
FREE: dict[str, Any] = {"cache": True, "fastmath": True, "error_model": "numpy"}
BLOCK = 8_192  # rows that are held in double precision at once
PANEL = 256  # edges of a busy row that are added together
MANY = 0.6  # edges a width above which the system of the width is the cheaper one


@dataclass(frozen=True)
class Basis:
    """The other side, in coordinates in which what all pairs cost is a sum of squares."""

    rows: Floats  # [M, D], float32
    cost: Floats  # [D], float64, of each coordinate's square
    turn: Floats  # [D, D], float32: coordinates @ turn.T is a vector as the other side has them


@dataclass(frozen=True)
class Side:
    """Which rows of the other side each row meets, and what its squares cost beside."""

    start: NDArray[np.int64]  # [m + 1]
    target: NDArray[np.int32]  # [sum of E]
    penalty: NDArray[np.float64]  # [m], above 0


def basis(other: Floats, weight: float) -> Basis:
    """Coordinates for rows that pay `weight` for the square of every product with `other`."""
    gram = np.zeros((other.shape[1], other.shape[1]))
    for first in range(0, len(other), BLOCK):
        wide = other[first : first + BLOCK].astype(np.float64)
        gram += wide.T @ wide
    cost, turn = np.linalg.eigh(weight * gram)
    turn = turn.astype(np.float32)
    return Basis(other @ turn, np.maximum(cost, 0.0), turn)


def solved(against: Basis, side: Side) -> Floats:
    """[m, D], float32: each row minimises

    sum over its edges of (x . other - 1)^2 + weight sum over all of (x . other)^2 + penalty |x|^2.

    Rows without edges are 0.
    """
    found = np.zeros((len(side.start) - 1, against.rows.shape[1]), np.float32)
    _solve(found, against.rows, against.cost, side.start, side.target, side.penalty)
    turned: Floats = found @ against.turn.T
    return turned


@njit(parallel=True, **PLAIN)
def _solve(x, rows, cost, start, target, penalty):  # type: ignore[no-untyped-def]
    for row in prange(x.shape[0]):
        near = target[start[row] : start[row + 1]]
        if len(near) == 0:
            continue
        if len(near) > MANY * x.shape[1]:
            _by_width(x[row], rows, cost + penalty[row], near)
        else:
            _by_edges(x[row], rows, (1 / (cost + penalty[row])).astype(np.float32), near)


@njit(**PLAIN)
def _by_edges(x, rows, gain, near):  # type: ignore[no-untyped-def]
    """x = W G' z with (G W G' + I) z = 1: G the rows met, W the gain of each coordinate."""
    count, width = len(near), len(x)
    scaled = np.empty((count, width), np.float32)
    a, z = np.empty((count, count)), np.ones(count)
    for i in range(count):
        row = rows[near[i]]
        for c in range(width):
            scaled[i, c] = row[c] * gain[c]
        for j in range(i + 1):
            a[i, j] = _dot(scaled[i], rows[near[j]])
        a[i, i] += 1
    _cholesky(a, z)
    for i in range(count):
        part = np.float32(z[i])
        for c in range(width):
            x[c] += part * scaled[i, c]


@njit(**PLAIN)
def _by_width(x, rows, cost, near):  # type: ignore[no-untyped-def]
    """(diag(cost) + G'G) x = G' 1."""
    width = len(x)
    a, b = np.zeros((width, width)), np.zeros(width)
    for first in range(0, len(near), PANEL):
        part = near[first : first + PANEL]
        panel = np.empty((width, len(part)), np.float32)  # side by side, so that a is met rarely
        for p in range(len(part)):
            row = rows[part[p]]
            for i in range(width):
                panel[i, p] = row[i]
                b[i] += row[i]
        for i in range(width):
            for j in range(i + 1):
                a[i, j] += _dot(panel[i], panel[j])
    for i in range(width):
        a[i, i] += cost[i]
    _cholesky(a, b)
    for i in range(width):
        x[i] = b[i]


@njit(**FREE)
def _dot(a, b):  # type: ignore[no-untyped-def]
    total = a.dtype.type(0)
    for c in range(len(a)):
        total += a[c] * b[c]
    return total


@njit(**PLAIN)
def _cholesky(a, b):  # type: ignore[no-untyped-def]
    """Solves a z = b in place from the lower triangle of a positive definite `a`."""
    size = len(b)
    for k in range(size):
        for j in range(k):
            a[k, j] = (a[k, j] - _dot(a[k, :j], a[j, :j])) / a[j, j]
        a[k, k] = np.sqrt(a[k, k] - _dot(a[k, :k], a[k, :k]))
        b[k] = (b[k] - _dot(a[k, :k], b[:k])) / a[k, k]
    for k in range(size - 1, -1, -1):
        b[k] /= a[k, k]
        for c in range(k):
            b[c] -= a[k, c] * b[k]
