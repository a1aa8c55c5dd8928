"""What a context has to tell from what: drawn negatives, or the inner nodes of a Huffman tree.

Letters: V words, T types of words, K negatives, P steps of all paths together.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from polyrec.kernels.draws import alias_table
from polyrec.kernels.graphs.rng import drawn, lower, word

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
TREE, WHOLE = 0, -1  # `negatives` that mean: the paths of a tree; every word (softmax)


class Targets(NamedTuple):
    """Rows of the output table that a word is asked for, and how many there are."""

    negatives: int  # K, TREE or WHOLE
    chance: F32  # [V], alias tables of the types, one after the other
    alias: I32  # [V], places within the type
    first: I64  # [T + 1], where the words of each type begin
    kind: I32  # [V], the type of a word
    path: I64  # [V + 1], where each word's path begins
    node: I32  # [P], inner nodes, from the root
    label: F32  # [P], 1 = left (bit 0)

    @property
    def rows(self) -> int:
        """Rows of the output table."""
        words = len(self.path) - 1 if self.negatives == TREE else len(self.kind)
        return max(1, words - 1) if self.negatives == TREE else words

    @property
    def most(self) -> int:
        """The largest number of rows asked for at once."""
        if self.negatives == TREE:
            return int(np.diff(self.path).max(initial=1))
        return len(self.kind) if self.negatives == WHOLE else 1 + self.negatives


def negatives(counts: I64, exponent: float, count: int, sizes: I64 | None = None) -> Targets:
    """Words drawn in proportion to count ** exponent, each within its own type.

    `sizes` [T]: words of each type, side by side in the order of ids; None = one type.
    """
    sizes = np.array([len(counts)]) if sizes is None else sizes
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    weight = shares(counts, exponent)
    chance, alias = np.ones(len(counts), np.float32), np.zeros(len(counts), np.int32)
    for low, high in pairwise(first):
        if weight[low:high].any():
            chance[low:high], alias[low:high] = alias_table(weight[low:high])
    kind = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    path, node, label = np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32)
    return Targets(count, chance, alias, first, kind, path, node, label)


def every_word(words: int) -> Targets:
    """The whole vocabulary, for the plain softmax."""
    return negatives(np.ones(words, np.int64), 0.0, WHOLE)


def shares(counts: I64, exponent: float) -> F64:
    """[V]: count ** exponent as parts of 1; a word that never occurs has none."""
    weight = np.zeros(len(counts), np.float64)
    np.power(counts, exponent, out=weight, where=counts > 0)
    return np.asarray(weight / max(weight.sum(), 1e-300))


def huffman(counts: I64) -> Targets:
    """The tree whose paths are shortest for frequent words; equal counts in order of id.

    V - 1 inner nodes, the root last; a word that never occurs has a (long) path too.
    """
    order = np.argsort(counts, kind="stable")
    parent, bit = _grown(counts[order].astype(np.int64))
    path, node, label = _paths(order, parent, bit)
    none, nowhere = np.empty(0, np.float32), np.empty(0, np.int32)
    return Targets(TREE, none, nowhere, np.zeros(1, np.int64), nowhere, path, node, label)


@njit(cache=True)
def _grown(counts: I64) -> tuple[I64, I64]:
    """Parents and bits of V leaves (ascending) and V - 1 inner nodes, by two queues."""
    size = len(counts)
    total = np.zeros(2 * size - 1, np.int64)
    total[:size] = counts
    parent, bit = np.zeros(2 * size - 1, np.int64), np.zeros(2 * size - 1, np.int64)
    leaf, inner = 0, size
    for made in range(size, 2 * size - 1):
        for side in range(2):
            if leaf < size and (inner >= made or total[leaf] <= total[inner]):
                least = leaf
                leaf += 1
            else:
                least = inner
                inner += 1
            parent[least], bit[least] = made, side
            total[made] += total[least]
    return parent, bit


@njit(cache=True)
def _paths(order: I64, parent: I64, bit: I64) -> tuple[I64, I32, F32]:
    size = len(order)
    root = 2 * size - 2
    path = np.zeros(size + 1, np.int64)
    for leaf in range(size):
        at = leaf
        while at != root:
            path[order[leaf] + 1] += 1
            at = parent[at]
    path = np.cumsum(path)
    node, label = np.empty(path[-1], np.int32), np.empty(path[-1], np.float32)
    for leaf in range(size):
        at, place = leaf, path[order[leaf] + 1]
        while at != root:
            place -= 1
            node[place], label[place] = parent[at] - size, 1 - bit[at]
            at = parent[at]
    return path, node, label


@njit(cache=True)
def asked(targets, center, key, rows, labels):  # type: ignore[no-untyped-def]
    """Fills the rows that `center` is asked for and their labels; returns how many.

    Draws places 1, 2, ... of the stream. A negative that is the word itself is left out, not
    drawn again.
    """
    if targets.negatives == TREE:
        path, node, label = targets.path, targets.node, targets.label
        start = path[center]
        for at in range(path[center + 1] - start):
            rows[at], labels[at] = node[start + at], label[start + at]
        return path[center + 1] - start
    first, chance, alias = targets.first, targets.chance, targets.alias
    kind = targets.kind[center]
    rows[0], labels[0] = center, 1
    count = 1
    low, size = first[kind], first[kind + 1] - first[kind]
    for draw in range(targets.negatives):
        bits = word(key, draw + 1)
        place = drawn(bits, size)
        if lower(bits) >= chance[low + place]:
            place = alias[low + place]
        if low + place != center:
            rows[count], labels[count] = low + place, 0
            count += 1
    return count
