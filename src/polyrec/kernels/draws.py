"""Drawing until N are distinct, and tables that draw from any distribution in constant time.

Every function is pure in its seed: a counter-based generator (splitmix64), no global state, one
thread. So the same seed gives the same draw on every machine and thread count.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 1.0 / (1 << 53)
_Kernel = Callable[[int, int, int, np.uint64], tuple[NDArray[np.int64], NDArray[np.int64]]]


def unique_log_uniform(
    classes: int, count: int, sets: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ranks drawn log-uniformly until `count` are distinct, for each of `sets` sets.

    Rank r of 1..classes has probability ln((r + 1) / r) / ln(classes + 1).

    Returns:
        ranks [sets, count] in the order of their first draw, and the number of draws [sets] that
        it took (repeats included), from which the expected count of a rank follows.
    """
    return _checked(_unique_log_uniform, classes, count, sets, seed)


def unique_uniform(
    classes: int, count: int, sets: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Like `unique_log_uniform`, every one of 1..classes equally likely."""
    return _checked(_unique_uniform, classes, count, sets, seed)


def alias_table(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Walker's alias table: draw a place uniformly, keep it with its chance, else its alias.

    Returns:
        chance [n] and alias [n]. A place of weight 0 is never kept and never an alias.

    Source: Vose 1991, "A linear algorithm for generating random numbers with a given
    distribution".
    """
    total = float(weights.sum())
    if not (math.isfinite(total) and total > 0) or weights.min() < 0:
        raise ValueError(f"alias table: weights must be >= 0 with a positive sum, got sum {total}")
    chance, alias = _alias_table(np.ascontiguousarray(weights, dtype=np.float64) / total)
    return chance, alias


def _checked(
    kernel: _Kernel, classes: int, count: int, sets: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if not 0 <= count <= classes:
        raise ValueError(f"{count} distinct draws from {classes} classes: at most {classes}")
    return kernel(classes, count, sets, np.uint64(seed))


@njit(cache=True, inline="always")
def _unit(state: np.uint64) -> float:
    """A float in [0, 1) from one step of splitmix64."""
    z = (state ^ (state >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) * _TO_UNIT


@njit(cache=True, inline="always")
def _first_seen(table: NDArray[np.int64], mask: int, rank: int) -> bool:
    """Puts `rank` (>= 1) into an open-addressing set; False if it was there."""
    slot = (rank * 2654435761) & mask
    while table[slot] != 0:
        if table[slot] == rank:
            return False
        slot = (slot + 1) & mask
    table[slot] = rank
    return True


@njit(cache=True)
def _capacity(count: int) -> int:
    """The least power of two that leaves the set at most a quarter full."""
    size = 16
    while size < 4 * count:
        size *= 2
    return size


@njit(cache=True)
def _unique_log_uniform(
    classes: int, count: int, sets: int, seed: np.uint64
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    ranks = np.empty((sets, count), np.int64)
    trials = np.empty(sets, np.int64)
    size = _capacity(count)
    span = math.log(classes + 1.0)
    state = seed
    for g in range(sets):
        table = np.zeros(size, np.int64)
        found, drawn = 0, 0
        while found < count:
            state += _GOLDEN
            drawn += 1
            rank = min(int(math.exp(_unit(state) * span)), classes)
            if _first_seen(table, size - 1, rank):
                ranks[g, found] = rank
                found += 1
        trials[g] = drawn
    return ranks, trials


@njit(cache=True)
def _unique_uniform(
    classes: int, count: int, sets: int, seed: np.uint64
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    ranks = np.empty((sets, count), np.int64)
    trials = np.empty(sets, np.int64)
    size = _capacity(count)
    state = seed
    for g in range(sets):
        table = np.zeros(size, np.int64)
        found, drawn = 0, 0
        while found < count:
            state += _GOLDEN
            drawn += 1
            rank = int(_unit(state) * classes) + 1
            if _first_seen(table, size - 1, rank):
                ranks[g, found] = rank
                found += 1
        trials[g] = drawn
    return ranks, trials


@njit(cache=True)
def _alias_table(share: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    n = share.size
    chance = share * n
    alias = np.arange(n)
    small, large = np.empty(n, np.int64), np.empty(n, np.int64)
    smalls, larges = 0, 0
    for i in range(n):
        if chance[i] < 1.0:
            small[smalls] = i
            smalls += 1
        else:
            large[larges] = i
            larges += 1
    while smalls > 0 and larges > 0:
        smalls -= 1
        poor, rich = small[smalls], large[larges - 1]
        alias[poor] = rich
        chance[rich] -= 1.0 - chance[poor]
        if chance[rich] < 1.0:
            larges -= 1
            small[smalls] = rich
            smalls += 1
    for i in range(larges):
        chance[large[i]] = 1.0
    for i in range(smalls):  # rounding left these a hair below 1; weight 0 needs an alias
        if share[small[i]] > 0.0:
            chance[small[i]] = 1.0
        else:
            alias[small[i]] = np.argmax(share)
    return chance, alias


@njit(cache=True, error_model="numpy")
def alias_row(
    weight: NDArray[np.float32],
    total: float,
    chance: NDArray[np.float32],
    alias: NDArray[np.int32],
) -> None:
    """The same for one row of a graph, in place; a weight of 0 is never drawn."""
    size = len(weight)
    share = weight.astype(np.float64) * (size / total)
    order = np.empty(size, np.int32)  # poor ones from the left, rich ones from the right
    low, high = 0, size
    for place in range(size):
        alias[place] = place
        if share[place] < 1:
            order[low] = place
            low += 1
        else:
            high -= 1
            order[high] = place
    richest = np.argmax(weight)
    while low > 0 and high < size:
        low -= 1
        poor, rich = order[low], order[high]
        chance[poor], alias[poor] = share[poor], rich
        share[rich] -= 1 - share[poor]
        if share[rich] < 1:
            high += 1
            order[low] = rich
            low += 1
    for at in range(size):  # rounding left these a hair from 1; weight 0 needs an alias
        if at < low or at >= high:
            place = order[at]
            chance[place] = 1 if weight[place] > 0 else 0
            alias[place] = place if weight[place] > 0 else richest
