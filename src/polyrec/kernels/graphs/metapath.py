"""Walks over several relations in turn: the type of each node is told by a cyclic pattern."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from polyrec.kernels.graphs.rng import drawn, purpose, stream_key, word
from polyrec.kernels.graphs.walks import packed

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
WALKS = purpose("metapath walks")


class Pattern(NamedTuple):
    """The relations of one turn, one after the other; m of them."""

    indptr: I64  # rows of all relations, counted in `indices`
    first: I64  # [m], where each relation's rows begin in `indptr`
    indices: I32  # targets, ids within their type
    shift: I64  # [m + 1], what makes an id within its type an id among all nodes


def walk(pattern: Pattern, starts: I32, length: int, seed: int) -> tuple[I32, I64]:
    """Walks of at most `length` nodes; each step is uniform among the edges of its relation.

    Args:
        starts: [C], ids within the type that the pattern starts from.

    Returns:
        ids among all nodes, walk after walk, and where each begins [C + 1].
    """
    out = np.empty((len(starts), length), np.int32)
    lengths = np.empty(len(starts), np.int64)
    _walk_all(pattern, starts, np.uint64(seed % 2**64), out, lengths)
    return packed(out, lengths)


@njit(cache=True, parallel=True)
def _walk_all(pattern: Pattern, starts: I32, seed: np.uint64, out: I32, lengths: I64) -> None:
    turns = len(pattern.first)
    for number in prange(len(starts)):
        key = stream_key(seed, WALKS, 0, number)
        node, step = np.int64(starts[number]), 1
        out[number, 0] = node + pattern.shift[0]
        while step < out.shape[1]:
            turn = (step - 1) % turns
            row = pattern.first[turn] + node
            first, stop = pattern.indptr[row], pattern.indptr[row + 1]
            if first == stop:
                break
            node = np.int64(pattern.indices[first + drawn(word(key, step), stop - first)])
            out[number, step] = node + pattern.shift[turn + 1]
            step += 1
        lengths[number] = step
