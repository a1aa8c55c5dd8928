"""Random walks over compressed rows: each walk owns its stream, so threads never show.

Letters: n nodes, E edges, C walks. A node without out-edges ends the walk.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from polyrec.kernels.graphs.rng import purpose, stream_key, word
from polyrec.kernels.graphs.walking.steps import SIDE, Bias, room, step_all
from polyrec.kernels.graphs.walking.tables import FIRST, Rows, neighbour

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
WALKS = purpose("walks")


def walk(
    rows: Rows, starts: I32, length: int, bias: Bias, seed: int, first: int = 0
) -> tuple[I32, I64]:
    """Walks of at most `length` nodes from each of `starts` [C].

    `first` numbers the first walk, so that a part of the walks is that part of all of them.

    Returns:
        nodes, walk after walk, and where each begins [C + 1].
    """
    out = np.empty((len(starts), length), np.int32)
    lengths = np.empty(len(starts), np.int64)
    stream = np.uint64(seed % 2**64), first
    if bias.order == FIRST:
        _walk_forgetful(rows, starts, stream, out, lengths)
    else:
        _walk_remembering(rows, bias, starts, stream, out, lengths)
    return packed(out, lengths)


def packed(out: I32, lengths: I64) -> tuple[I32, I64]:
    """Drops what lies behind each row's end; copies nothing where every row is full."""
    start = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=start[1:])
    if start[-1] == out.size:
        return out.reshape(-1), start
    values = np.empty(start[-1], np.int32)
    _pack(out, start, values)
    return values, start


@njit(cache=True, parallel=True)
def _pack(out: I32, start: I64, values: I32) -> None:
    for row in prange(len(out)):
        values[start[row] : start[row + 1]] = out[row, : start[row + 1] - start[row]]


@njit(cache=True, parallel=True, error_model="numpy")
def _walk_forgetful(rows, starts, stream, out, lengths):  # type: ignore[no-untyped-def]
    """Walks side by side, a word of the stream a step: while one waits for memory, others step."""
    seed, first = stream
    for block in prange((len(starts) + SIDE - 1) // SIDE):
        low = block * SIDE
        count = min(SIDE, len(starts) - low)
        keys, going = np.empty(SIDE, np.uint64), np.empty(SIDE, np.int64)
        node = np.empty(SIDE, np.int32)
        for one in range(count):
            keys[one] = stream_key(seed, WALKS, 0, first + low + one)
            out[low + one, 0] = node[one] = starts[low + one]
            lengths[low + one], going[one] = 1, one
        for step in range(1, out.shape[1]):
            left = 0
            for a in range(count):
                one = going[a]
                if rows.indptr[node[one]] < rows.indptr[node[one] + 1]:
                    edge = neighbour(rows, node[one], word(keys[one], step - 1))
                    out[low + one, step] = node[one] = rows.indices[edge]
                    lengths[low + one] = step + 1
                    going[left] = one
                    left += 1
            count = left
            if count == 0:
                break


@njit(cache=True, parallel=True, error_model="numpy")
def _walk_remembering(rows, bias, starts, stream, out, lengths):  # type: ignore[no-untyped-def]
    """The same for steps that ask of the step before; the first of a walk has none."""
    seed, first = stream
    for block in prange((len(starts) + SIDE - 1) // SIDE):
        low = block * SIDE
        count = min(SIDE, len(starts) - low)
        side = room()
        keys, places, before, node, after, going = (
            side.keys, side.places, side.before, side.node, side.after, side.going,
        )  # fmt: skip
        for one in range(count):
            keys[one] = stream_key(seed, WALKS, 0, first + low + one)
            out[low + one, 0] = node[one] = starts[low + one]
            lengths[low + one], going[one] = 1, one
        for step in range(1, out.shape[1]):
            left = 0
            for a in range(count):
                going[left] = going[a]
                left += rows.indptr[node[going[a]]] < rows.indptr[node[going[a]] + 1]
            count = left
            if count == 0:
                break
            if step == 1:
                for a in range(count):
                    one = going[a]
                    after[one] = rows.indices[neighbour(rows, node[one], word(keys[one], 0))]
                    places[one] = 1
            else:
                step_all(rows, bias, side, count)
            for a in range(count):
                one = going[a]
                before[one] = node[one]
                out[low + one, step] = node[one] = after[one]
                lengths[low + one] = step + 1
