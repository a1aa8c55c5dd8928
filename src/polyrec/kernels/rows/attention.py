"""Causal attention of short rows, packed, without padding and without a call a row.

A library's batched product of many small matrices spends its time on getting ready; rows of ten
events are summed here in place. A row is one thread's, so nothing depends on their number.

Letters: S rows, E events, N of them ask, D width, H heads, C = D / H, P pairs of an asking event
and any event of its row, over all rows and heads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Floats = NDArray[Any]
I64 = NDArray[np.int64]


class Rows(NamedTuple):
    """Rows [S]: where their events and asking events begin, and how many; the last ones ask.

    Both of a row lie side by side, and no two rows share any: each row's thread writes its own
    answers and gradients, and nobody else's.
    """

    first: I64  # of E
    events: I64
    query: I64  # of N
    asking: I64

    def pairs(self, heads: int) -> I64:
        """[S + 1]: where each row's pairs begin; the last is P."""
        out = np.zeros(len(self.events) + 1, np.int64)
        np.cumsum(heads * self.asking * self.events, out=out[1:])
        return out


def attend(
    rows: Rows, sides: tuple[Floats, Floats], kept: Floats, weights: Floats, heads: int
) -> Floats:
    """[N, D]: softmax(q k' / sqrt(C)) v over each asking event and those before it.

    Rests on rows that do not overlap (`Rows`); it is not checked.

    Args:
        sides: queries [N, D], and keys beside values [E, 2 D].
        kept: [P] factors of the weights (dropout), or empty for all 1.
        weights: [P], filled with the softmax as it is before `kept`.
    """
    out = np.zeros_like(sides[0])
    _attend(rows, sides, (rows.pairs(heads), kept, weights), heads, out)
    return out


def attend_back(
    rows: Rows,
    sides: tuple[Floats, Floats],
    kept: Floats,
    weights: Floats,
    heads: int,
    grad: Floats,
) -> tuple[Floats, Floats]:
    """Gradients of both sides from that of the answers, [N, D]; rests on `Rows` as `attend`."""
    query, told = np.zeros_like(sides[0]), np.zeros_like(sides[1])
    _attend_back(rows, sides, (rows.pairs(heads), kept, weights), heads, (grad, query, told))
    return query, told


# A loop that adds up may be computed in any order, but its order must not hang on addresses:
# compilers keep a second, plain form of loops that write, for arrays that might overlap. So loops
# that write keep their order (PLAIN), and those that add up (FREE) write nothing.
PLAIN: dict[str, Any] = {"cache": True, "fastmath": {"contract"}, "error_model": "numpy"}
FREE: dict[str, Any] = {"cache": True, "fastmath": True, "error_model": "numpy"}


@njit(parallel=True, **PLAIN)
def _attend(rows, sides, pairs, heads, out):  # type: ignore[no-untyped-def]
    (q, told), (begin, kept, weights) = sides, pairs
    width, size = q.shape[1], q.shape[1] // heads
    scale = q.dtype.type(1.0 / np.sqrt(size))
    for row in prange(len(rows.events)):
        first, events, asking = rows.first[row], rows.events[row], rows.asking[row]
        part = np.empty(events, q.dtype)
        for turn in range(heads * asking):
            low, i = turn // asking * size, turn % asking
            ask, seen = rows.query[row] + i, events - asking + i + 1
            at = begin[row] + turn * events
            share = weights[at : at + seen]
            _dots(q[ask, low : low + size], told, first, low, share)
            _softmax(share, scale)
            for j in range(seen):
                part[j] = share[j] * kept[at + j] if len(kept) else share[j]
            _mix(part[:seen], told, first, width + low, out[ask, low : low + size])


@njit(parallel=True, **PLAIN)
def _attend_back(rows, sides, pairs, heads, grads):  # type: ignore[no-untyped-def]
    (q, told), (begin, kept, weights), (grad, to_query, to_told) = sides, pairs, grads
    width, size = q.shape[1], q.shape[1] // heads
    scale = q.dtype.type(1.0 / np.sqrt(size))
    for row in prange(len(rows.events)):
        first, events, asking = rows.first[row], rows.events[row], rows.asking[row]
        query, before = rows.query[row], events - asking
        share, slope = np.empty(asking * events, q.dtype), np.empty(asking * events, q.dtype)
        for h in range(heads):
            low = h * size
            for i in range(asking):
                seen, here = before + i + 1, i * events
                at = begin[row] + (h * asking + i) * events
                step = slope[here : here + seen]
                _dots(grad[query + i, low : low + size], told, first, width + low, step)
                for j in range(seen):
                    factor = kept[at + j] if len(kept) else q.dtype.type(1)
                    share[here + j] = weights[at + j] * factor
                    step[j] *= factor
                mean = _dot(weights[at : at + seen], step)
                for j in range(seen):
                    step[j] = weights[at + j] * (step[j] - mean) * scale
                _mix(step, told, first, low, to_query[query + i, low : low + size])
            for j in range(events):
                i = max(0, j - before)  # the first who sees it
                column, own = slice(i * events + j, asking * events, events), to_told[first + j]
                _mix(share[column], grad, query + i, low, own[width + low : width + low + size])
                _mix(slope[column], q, query + i, low, own[low : low + size])


@njit(**PLAIN)
def _softmax(share, scale):  # type: ignore[no-untyped-def]
    """In place, of scale times what stands there."""
    top = share[0]
    for j in range(1, len(share)):
        top = max(top, share[j])
    for j in range(len(share)):
        share[j] = np.exp((share[j] - top) * scale)
    total = _sum(share)
    for j in range(len(share)):
        share[j] /= total


@njit(**FREE)
def _sum(x):  # type: ignore[no-untyped-def]
    total = x.dtype.type(0)
    for j in range(len(x)):
        total += x[j]
    return total


@njit(**FREE)
def _dot(x, y):  # type: ignore[no-untyped-def]
    total = x.dtype.type(0)
    for j in range(len(x)):
        total += x[j] * y[j]
    return total


@njit(**FREE)
def _dots(x, rows, first, low, out):  # type: ignore[no-untyped-def]
    """out[j] = x . rows[first + j, low:], four rows at a time: x is read a fourth as often."""
    count, size = len(out), len(x)
    for j in range(0, count - 3, 4):
        r = first + j
        a, b, c, d = x.dtype.type(0), x.dtype.type(0), x.dtype.type(0), x.dtype.type(0)
        for k in range(size):
            a += x[k] * rows[r, low + k]
            b += x[k] * rows[r + 1, low + k]
            c += x[k] * rows[r + 2, low + k]
            d += x[k] * rows[r + 3, low + k]
        out[j], out[j + 1], out[j + 2], out[j + 3] = a, b, c, d
    for j in range(count - count % 4, count):
        dot = x.dtype.type(0)
        for k in range(size):
            dot += x[k] * rows[first + j, low + k]
        out[j] = dot


@njit(**PLAIN)
def _mix(share, rows, first, low, out):  # type: ignore[no-untyped-def]
    """out += sum_j share[j] rows[first + j, low:], four rows at a time."""
    count, size = len(share), len(out)
    for j in range(0, count - 3, 4):
        r = first + j
        a, b, c, d = share[j], share[j + 1], share[j + 2], share[j + 3]
        for k in range(size):
            out[k] += (
                a * rows[r, low + k]
                + b * rows[r + 1, low + k]
                + c * rows[r + 2, low + k]
                + d * rows[r + 3, low + k]
            )
    for j in range(count - count % 4, count):
        part = share[j]
        for k in range(size):
            out[k] += part * rows[first + j, low + k]
