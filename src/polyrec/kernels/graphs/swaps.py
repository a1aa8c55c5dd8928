"""Random graphs of given degrees: pairs of edges exchange their ends.

One stream of draws and one thread: each exchange depends on those before it.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from polyrec.kernels.graphs.rng import below, purpose, stream_key
from polyrec.kernels.shuffle import mix

I64 = NDArray[np.int64]
TRIES = 10  # proposals for each exchange that is wanted, before the graph is taken as it is
FREE, GONE = -1, -2


def exchanged(source: I64, target: I64, kind: str, wanted: int, seed: int) -> int:
    """Exchanges ends of distinct edges in place, `wanted` times; returns how often it could.

    `kind`: "undirected" (each edge is given once, neither loops nor doubles arise), "directed"
    (the same for directed edges of one node type) or "crossing" (two types: ids of source and
    target have nothing in common, so there are no loops).
    """
    if len(source) < 2:
        return 0
    size = 1 << max(4, int(4 * len(source)).bit_length())
    table = np.full(size, FREE, np.int64)
    key = np.uint64(stream_key(np.uint64(seed % 2**64), purpose("rewire"), 0, 0))
    form = {"undirected": 0, "directed": 1, "crossing": 2}[kind]
    return int(_exchange(source, target, table, form, wanted, key))


@njit(cache=True)
def _code(a: int, b: int, form: int) -> np.int64:
    """One number for an edge; ends are below 2^31."""
    if form == 0 and a > b:
        a, b = b, a
    return np.int64(a) * np.int64(2**31) + np.int64(b)


@njit(cache=True)
def _slot(table: I64, code: np.int64) -> np.int64:
    """Where the code stands, or the free place that ends its search."""
    mask = np.int64(len(table) - 1)
    slot = np.int64(mix(np.uint64(code)) & np.uint64(mask))
    while table[slot] != FREE and table[slot] != code:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True)
def _refill(table: I64, source: I64, target: I64, form: int) -> None:
    """The table of all edges, without the marks of those that went."""
    table[:] = FREE
    for e in range(len(source)):
        code = _code(source[e], target[e], form)
        table[_slot(table, code)] = code


@njit(cache=True)
def _exchange(
    source: I64, target: I64, table: I64, form: int, wanted: int, key: np.uint64
) -> np.int64:
    edges = len(source)
    _refill(table, source, target, form)
    done, marks = 0, 0
    for trial in range(TRIES * wanted):
        if done == wanted:
            break
        one = below(key, 3 * trial, edges)
        other = below(key, 3 * trial + 1, edges)
        a, b, c, d = source[one], target[one], source[other], target[other]
        if form == 0 and below(key, 3 * trial + 2, 2) == 1:
            c, d = d, c
        if a == c or b == d or (form < 2 and (a == d or c == b)):
            continue
        first, second = _code(a, d, form), _code(c, b, form)
        taken = table[_slot(table, first)] == first or table[_slot(table, second)] == second
        if taken or first == second:
            continue
        table[_slot(table, _code(a, b, form))] = GONE
        table[_slot(table, _code(c, d, form))] = GONE
        table[_slot(table, first)] = first
        table[_slot(table, second)] = second
        source[one], target[one], source[other], target[other] = a, d, c, b
        done += 1
        marks += 2
        if marks > edges:
            _refill(table, source, target, form)
            marks = 0
    return np.int64(done)
