"""Shards of a corpus, read side by side: each on a copy of its own, meeting after every round.

A fixed number of shards (not threads) each read their part of a round on a copy of both tables;
then every row moves by the sum of what the shards changed, in their order. So the bytes do not
depend on the number of threads, and with one shard this is plain sequential descent. `loose` lets
the shards write into the same tables instead (Hogwild): no copies, and no two runs are equal. Rows
that all shards move go from core to core, so a tree, whose upper nodes every word moves, is slower.

Letters: V words, d width, S shards, R rounds.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray

from polyrec.kernels.words.contexts import Corpus, Rules
from polyrec.kernels.words.targets import Targets
from polyrec.kernels.words.training import Tables, Told, _run, nobody

Floats = NDArray[np.floating]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
PIECE = 100  # rounds between two words to whoever waits


def train_exact(
    tables: Tables,
    corpus: Corpus,
    targets: Targets,
    rules: Rules,
    bounds: I64,
    told: Told = nobody,
) -> None:
    """One epoch in rounds, in place; `bounds` [R, S + 1] names the sentences of each shard.

    `told` hears now and then how many of the rounds are done.
    """
    shards = bounds.shape[1] - 1
    if shards == 1:
        for first in range(0, len(bounds), PIECE):
            _alone(tables, corpus, targets, rules, bounds[first : first + PIECE])
            told(min(first + PIECE, len(bounds)))
        return
    copies = Tables(
        np.repeat(tables.u[None], shards, 0),
        np.repeat(tables.v[None], shards, 0),
        np.zeros((shards, len(tables.u)), np.int32),
        np.zeros((shards, len(tables.v)), np.int32),
    )
    # a pool sleeps at the end of a round; compiled threads would spin there, a whole round long
    # where another program holds a core
    with ThreadPoolExecutor(min(shards, get_num_threads())) as pool:
        for done, turn in enumerate(bounds, 1):
            read = partial(_shard, copies, corpus, targets, rules, turn)
            list(pool.map(read, range(shards)))
            list(pool.map(partial(_met, tables, copies, rules.cap, shards), range(shards)))
            told(done)


def train_loose(
    tables: Tables,
    corpus: Corpus,
    targets: Targets,
    rules: Rules,
    bounds: I64,
    told: Told = nobody,
) -> None:
    """One epoch without locks: every shard writes into the same tables."""
    for first in range(0, len(bounds), PIECE):
        _loose(tables, corpus, targets, rules, bounds[first : first + PIECE])
        told(min(first + PIECE, len(bounds)))


@njit(cache=True, parallel=True)
def _loose(tables, corpus, targets, rules, bounds):  # type: ignore[no-untyped-def]
    for turn in range(len(bounds)):
        for shard in prange(bounds.shape[1] - 1):
            _run(tables, corpus, targets, rules, bounds[turn, shard], bounds[turn, shard + 1])


def parts(start: I64, shards: int, tokens: int) -> I64:
    """[R, S + 1]: sentences of each shard in each round, about `tokens` words each."""
    total = int(start[-1])
    rounds = max(1, -(-total // (shards * tokens)))
    cuts = np.linspace(0, total, rounds * shards + 1)
    edges = np.searchsorted(start, cuts).astype(np.int64)
    edges[0], edges[-1] = 0, len(start) - 1
    rows = np.arange(rounds)[:, None] * shards + np.arange(shards + 1)
    return np.ascontiguousarray(edges[rows])


@njit(cache=True)
def _alone(tables, corpus, targets, rules, bounds):  # type: ignore[no-untyped-def]
    for turn in range(len(bounds)):
        _run(tables, corpus, targets, rules, bounds[turn, 0], bounds[turn, 1])


@njit(cache=True, nogil=True)
def _shard(copies, corpus, targets, rules, turn, shard):  # type: ignore[no-untyped-def]
    own = Tables(copies.u[shard], copies.v[shard], copies.moves_u[shard], copies.moves_v[shard])
    _run(own, corpus, targets, rules, turn[shard], turn[shard + 1])


def _met(shared: Tables, copies: Tables, cap: float, parts: int, part: int) -> None:
    """The shards meet in one part of the rows."""
    for table, held, moves in (
        (shared.u, copies.u, copies.moves_u),
        (shared.v, copies.v, copies.moves_v),
    ):
        first, stop = len(table) * part // parts, len(table) * (part + 1) // parts
        _meet(table[first:stop], held[:, first:stop], moves[:, first:stop], cap)


@njit(cache=True, nogil=True)
def _meet(table: Floats, copies: Floats, moves: I32, cap: float) -> None:
    """Every row moves by the sum of what the shards changed; all copies are equal again.

    Shards that each brought a much moved row near where it wants to be would together carry it
    past: beyond `cap` moves the sum is scaled down, at most to the mean.
    """
    total = np.empty(table.shape[1], table.dtype)
    for row in range(len(table)):
        count, shards = 0, 0
        for shard in range(len(copies)):
            count += moves[shard, row]
            shards += moves[shard, row] > 0
        if count == 0:
            continue
        part = table.dtype.type(max(1.0 / shards, min(1.0, cap / count)))
        total[:] = 0
        for shard in range(len(copies)):
            if moves[shard, row]:
                for d in range(len(total)):
                    total[d] += copies[shard, row, d] - table[row, d]
                moves[shard, row] = 0
        for d in range(len(total)):
            table[row, d] += part * total[d]
        for shard in range(len(copies)):
            copies[shard, row] = table[row]
