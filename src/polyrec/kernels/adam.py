"""Adam on a table whose gradient touches few rows: duplicates merged, all updated in place.

Either the touched rows move alone, on one thread: 2,300 rows of 64 numbers cost less than handing
them to threads. Or every row moves, each by one thread. The order of every sum is fixed by the
order of the gradient, so results never depend on threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Floats = NDArray[Any]  # float32 or float64
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
# Moments below end at 0: they move no weight, or damp no step that eps does not, and as denormal
# numbers they would cost 20 times the time. The second is a square, so its bound is lower.
FAINT = (1e-30, 1e-36)


@dataclass(frozen=True)
class Rates:
    """Adam's numbers at one step; `step` counts from 1."""

    lr: float
    beta1: float
    beta2: float
    eps: float
    step: int

    def packed(self, dtype: Any) -> Floats:
        """[7]: beta1, beta2, what is left of each, eps, and the two bias corrections' factors."""
        first = self.lr / (1 - self.beta1**self.step)
        second = (1 - self.beta2**self.step) ** -0.5
        numbers = [self.beta1, self.beta2, 1 - self.beta1, 1 - self.beta2, self.eps, first, second]
        return np.array(numbers, dtype=dtype)


def merged_rows(ids: I64, values: Floats, slot: I32) -> tuple[I64, Floats]:
    """Adds up the gradients of equal ids.

    Args:
        ids: [E], with repeats, each in 0..len(slot) - 1.
        values: [E, D].
        slot: [n + 1], all -1; scratch, -1 again afterwards.

    Returns:
        rows [U] in the order of their first appearance, and their sums [U, D].
    """
    rows, sums = np.empty(ids.shape[0], np.int64), np.empty_like(values)
    count = _merge(ids, values, slot, rows, sums)
    return rows[:count], sums[:count]


def adam_rows(
    table: Floats, moments: tuple[Floats, Floats], rows: I64, grads: Floats, rates: Rates
) -> None:
    """Adam's update of the named rows alone, in place: other rows keep value and moments.

    Args:
        table: [n + 1, D].
        moments: first and second, each [n + 1, D].
        rows: [U], distinct.
        grads: [U, D].
    """
    _adam(table, moments[0], moments[1], rows, grads, rates.packed(table.dtype))


def adam_all(
    table: Floats,
    moments: tuple[Floats, Floats],
    touched: tuple[I64, Floats],
    slot: I32,
    rates: Rates,
    decay: float = 0.0,
) -> None:
    """Adam's update of every row, in place; the gradient of rows that are not touched is 0.

    Nothing is written out: a dense gradient would be filled, read and emptied at each step.

    Args:
        table: [n + 1, D].
        moments: first and second, each [n + 1, D].
        touched: rows [U], distinct, and their gradients [U, D].
        slot: [n + 1], all -1; scratch, -1 again afterwards.
        decay: times the table is added to the gradient.
    """
    rows, grads = touched
    slot[rows] = np.arange(len(rows), dtype=np.int32)
    packed = rates.packed(table.dtype)
    _adam_all(table, moments, grads, slot, packed, table.dtype.type(decay))
    slot[rows] = -1


@njit(cache=True, nogil=True)
def _merge(ids, values, slot, rows, sums):  # type: ignore[no-untyped-def]
    count = 0
    width = values.shape[1]
    for e in range(ids.shape[0]):
        place = slot[ids[e]]
        if place < 0:
            place = count
            slot[ids[e]] = place
            rows[place] = ids[e]
            count += 1
            for d in range(width):
                sums[place, d] = values[e, d]
        else:
            for d in range(width):
                sums[place, d] += values[e, d]
    for place in range(count):
        slot[rows[place]] = -1
    return count


# numpy's error model: a check for division by zero in the inner loop would cost a factor of three
@njit(cache=True, nogil=True, error_model="numpy")
def _adam(table, first, second, rows, grads, rates):  # type: ignore[no-untyped-def]
    beta1, beta2, rest1, rest2 = rates[0], rates[1], rates[2], rates[3]
    eps, scale1, scale2 = rates[4], rates[5], rates[6]
    for u in range(rows.shape[0]):
        row = rows[u]
        for d in range(grads.shape[1]):
            grad = grads[u, d]
            m = beta1 * first[row, d] + rest1 * grad
            v = beta2 * second[row, d] + rest2 * (grad * grad)
            first[row, d] = m
            second[row, d] = v
            table[row, d] -= scale1 * m / (np.sqrt(v) * scale2 + eps)


@njit(cache=True, nogil=True, parallel=True, error_model="numpy")
def _adam_all(table, moments, grads, slot, rates, decay):  # type: ignore[no-untyped-def]
    first, second = moments
    beta1, beta2, rest1, rest2 = rates[0], rates[1], rates[2], rates[3]
    eps, scale1, scale2 = rates[4], rates[5], rates[6]
    zero = table.dtype.type(0)
    faint1, faint2 = table.dtype.type(FAINT[0]), table.dtype.type(FAINT[1])
    for row in prange(table.shape[0]):
        u = slot[row]
        for d in range(table.shape[1]):
            grad = decay * table[row, d] + (grads[u, d] if u >= 0 else zero)
            m = beta1 * first[row, d] + rest1 * grad
            v = beta2 * second[row, d] + rest2 * (grad * grad)
            first[row, d] = zero if abs(m) <= faint1 else m
            second[row, d] = zero if v <= faint2 else v
            table[row, d] -= scale1 * m / (np.sqrt(v) * scale2 + eps)
