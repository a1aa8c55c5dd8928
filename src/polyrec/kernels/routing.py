"""Dynamic routing of packed histories: three rounds of agreement, and its closed-form gradient.

Events come place by place (all first events, then all second events, ...), rows sorted by length,
longest first: the event of rank r at place t lies at `starts[t] + r`. Each row is routed on its
own while it lies in the cache; nothing of size rows x places x interests x width is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[Any]  # float32 or float64
I64 = NDArray[np.int64]
Layout = tuple[I64, I64, I64]  # starts [T], lengths [R], order [R]
Found = tuple[Floats, Floats, Floats, Floats]

ROUNDS = 3  # both papers
FAST = {"reassoc", "contract", "nsz"}  # sums may be reordered, never by thread count
TINY = 1e-9  # under the root of the squash, as in the authors' code


@dataclass(frozen=True)
class Routed:
    """What routing found; the last three are constants of the backward pass."""

    capsules: Floats  # [R, K, H], squashed
    sums: Floats  # [R, K, H], before the squash
    shares: Floats  # [E, K], c of the last round: sums to 1 over the row's active interests
    agreed: Floats  # [R, K, H], sum of the capsules that moved the logits


def route(u: Floats, layout: Layout, logits: Floats, active: I64) -> Routed:
    """Shares out each event's vectors among the row's interests, three rounds.

    Args:
        u: [E, K, H], each event as each interest sees it.
        layout: first event of each place [T]; length of each rank [R], never increasing; row of
            each rank [R]. Results are in row order.
        logits: [E, K], where agreement starts; not changed.
        active: [R], by rank: how many interests the row has, 1..K; the others stay zero.
    """
    sums = np.zeros((len(layout[1]), *u.shape[1:]), u.dtype)
    capsules, agreed = np.zeros_like(sums), np.zeros_like(sums)
    shares = np.zeros_like(logits)
    _route(u, layout, logits.copy(), active, (capsules, sums, shares, agreed))
    return Routed(capsules, sums, shares, agreed)


def route_backward(grad: Floats, routed: Routed, layout: Layout) -> Floats:
    """[E, K, H]: gradient of the events' vectors: dL/du[t, k] = c[k, t] dL/ds[k]."""
    du = np.empty((*routed.shares.shape, grad.shape[2]), grad.dtype)
    _spread(grad, routed.sums, routed.shares, layout, du)
    return du


@njit(cache=True, fastmath=FAST, nogil=True)
def _route(u: Floats, layout: Layout, logits: Floats, active: I64, found: Found) -> None:
    starts, lengths, order = layout
    capsules, sums, shares, agreed = found
    total = np.empty(sums.shape[1:], u.dtype)  # of one row: stays in the nearest cache
    capsule = np.empty(sums.shape[1:], u.dtype)
    for rank in range(len(lengths)):
        row, count = order[rank], active[rank]
        for turn in range(ROUNDS):
            total[:] = 0
            for place in range(lengths[rank]):
                event = starts[place] + rank
                if turn:
                    _agree(u, event, capsule, logits, count)
                _softmax(logits, event, shares, count)
                _gather(u, event, shares, total, count)
            _squash(total, capsule, count)
            if turn < ROUNDS - 1:
                agreed[row, :count] += capsule[:count]
        sums[row, :count] = total[:count]
        capsules[row, :count] = capsule[:count]


@njit(cache=True, fastmath=FAST, nogil=True, inline="always")
def _agree(u: Floats, event: int, capsule: Floats, logits: Floats, count: int) -> None:
    for k in range(count):
        dot = u.dtype.type(0)
        for d in range(u.shape[2]):
            dot += u[event, k, d] * capsule[k, d]
        logits[event, k] += dot


@njit(cache=True, nogil=True, inline="always")
def _softmax(logits: Floats, event: int, shares: Floats, count: int) -> None:
    largest = logits[event, 0]
    for k in range(1, count):
        largest = max(largest, logits[event, k])
    total = logits.dtype.type(0)
    for k in range(count):
        shares[event, k] = np.exp(logits[event, k] - largest)
        total += shares[event, k]
    for k in range(count):
        shares[event, k] /= total


@njit(cache=True, fastmath=FAST, nogil=True, inline="always")
def _gather(u: Floats, event: int, shares: Floats, total: Floats, count: int) -> None:
    for k in range(count):
        share = shares[event, k]
        for d in range(u.shape[2]):
            total[k, d] += share * u[event, k, d]


@njit(cache=True, fastmath=FAST, nogil=True, inline="always")
def _squash(total: Floats, capsule: Floats, count: int) -> None:
    for k in range(count):
        square = total.dtype.type(0)
        for d in range(total.shape[1]):
            square += total[k, d] * total[k, d]
        factor = total.dtype.type(square / ((1 + square) * np.sqrt(square + TINY)))
        for d in range(total.shape[1]):
            capsule[k, d] = factor * total[k, d]


@njit(cache=True, fastmath=FAST, nogil=True)
def _spread(grad: Floats, sums: Floats, shares: Floats, layout: Layout, du: Floats) -> None:
    starts, lengths, order = layout
    ds = np.empty((sums.shape[1], sums.shape[2]), sums.dtype)
    for rank in range(len(lengths)):
        row = order[rank]
        _unsquash(grad, row, sums, ds)
        for place in range(lengths[rank]):
            event = starts[place] + rank
            for k in range(len(ds)):
                share = shares[event, k]
                for d in range(ds.shape[1]):
                    du[event, k, d] = share * ds[k, d]


@njit(cache=True, fastmath=FAST, nogil=True, inline="always")
def _unsquash(grad: Floats, row: int, total: Floats, ds: Floats) -> None:
    for k in range(len(ds)):
        square = total.dtype.type(0)
        inner = total.dtype.type(0)
        for d in range(ds.shape[1]):
            square += total[row, k, d] * total[row, k, d]
            inner += total[row, k, d] * grad[row, k, d]
        root = 1 / ((1 + square) * np.sqrt(square + TINY))
        slope = root * (1 - square / (1 + square) - square / (2 * (square + TINY)))
        factor, along = total.dtype.type(square * root), total.dtype.type(2 * inner * slope)
        for d in range(ds.shape[1]):
            ds[k, d] = factor * grad[row, k, d] + along * total[row, k, d]
