"""Keys as packed bytes: numbering them in order of first appearance, and finding them again.

Key i of a packed column is `data[at[i]:at[i + 1]]`. One open-addressing table of ids holds what
was seen; equal hashes are told apart by comparing the bytes, so no collision can merge two keys.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
BLOCK = 512  # rows hashed ahead
Kind = TypeVar("Kind", bound=np.generic)


class Packed(NamedTuple):
    """Keys side by side: key i is `data[at[i]:at[i + 1]]`."""

    data: Bytes
    at: I64  # [n + 1]


class Seen(NamedTuple):
    """The keys met so far, in order of first appearance; arrays are longer than what they hold."""

    size: int
    table: I32  # [power of two], -1 = free
    hashes: U64
    at: I64
    data: Bytes


def nothing_seen() -> Seen:
    """The state before the first key."""
    table = np.full(1024, -1, np.int32)
    return Seen(0, table, np.empty(0, np.uint64), np.zeros(1, np.int64), np.empty(0, np.uint8))


def see(seen: Seen, keys: Packed) -> tuple[Seen, I32]:
    """Numbers `keys` 0, 1, … by first appearance, counting on from `seen`.

    Returns the new state and the number of every key, [len(keys.at) - 1].
    """
    rows = len(keys.at) - 1
    size = int(keys.at[-1] - keys.at[0]) if rows else 0
    hashes = _room(seen.hashes, seen.size, rows)
    at = _room(seen.at, seen.size + 1, rows)
    data = _room(seen.data, int(seen.at[seen.size]), size)
    codes = np.empty(rows, np.int32)
    roomy = Seen(seen.size, seen.table, hashes, at, data)
    return _see(keys, roomy, codes), codes


def table_of(keys: Packed) -> Seen:
    """The state that holds `keys`, which must differ from each other."""
    return see(nothing_seen(), keys)[0]


def find(seen: Seen, keys: Packed) -> I32:
    """The number of every key, -1 where it was never seen."""
    codes = np.empty(len(keys.at) - 1, np.int32)
    _find(keys, seen, codes)
    return codes


def gather(keys: Packed, rows: I64) -> Packed:
    """The named keys, in that order, packed anew."""
    at = np.zeros(len(rows) + 1, np.int64)
    np.cumsum((keys.at[1:] - keys.at[:-1])[rows], out=at[1:])
    data = np.empty(int(at[-1]), np.uint8)
    _gather(keys, np.asarray(rows, np.int64), at, data)
    return Packed(data, at)


def _room(held: NDArray[Kind], used: int, more: int) -> NDArray[Kind]:
    """`held` with space for `more` entries; pages that are never written cost nothing."""
    if len(held) >= used + more:
        return held
    grown = np.empty(max(used + more, 2 * len(held)), held.dtype)
    grown[:used] = held[:used]
    return grown


@njit(cache=True)
def _hash(keys: Packed, row: int) -> np.uint64:
    """FNV-1a, then a mix, so that the low bits depend on all."""
    h = np.uint64(14695981039346656037)
    for i in range(keys.at[row], keys.at[row + 1]):
        h = (h ^ np.uint64(keys.data[i])) * np.uint64(1099511628211)
    h = (h ^ (h >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return h ^ (h >> np.uint64(32))


@njit(cache=True)
def _equal(keys: Packed, row: int, seen: Seen, code: int) -> bool:
    a, b = keys.at[row], seen.at[code]
    size = keys.at[row + 1] - a
    if seen.at[code + 1] - b != size:
        return False
    for i in range(size):  # noqa: SIM110
        if keys.data[a + i] != seen.data[b + i]:
            return False
    return True


@njit(cache=True)
def _slot(keys: Packed, row: int, h: np.uint64, seen: Seen) -> np.int64:
    """The slot that holds the key, or the free slot where it belongs."""
    mask = np.int64(len(seen.table) - 1)
    slot = np.int64(h & np.uint64(mask))
    while True:
        code = seen.table[slot]
        if code < 0 or (seen.hashes[code] == h and _equal(keys, row, seen, code)):
            return slot
        slot = (slot + 1) & mask


@njit(cache=True)
def _grown(seen: Seen) -> Seen:
    """The same keys in a table four times as large."""
    wide = np.full(len(seen.table) * 4, -1, np.int32)
    mask = np.int64(len(wide) - 1)
    for code in range(seen.size):
        slot = np.int64(seen.hashes[code] & np.uint64(mask))
        while wide[slot] >= 0:
            slot = (slot + 1) & mask
        wide[slot] = code
    return Seen(seen.size, wide, seen.hashes, seen.at, seen.data)


@njit(cache=True)
def _guess(keys: Packed, first: int, seen: Seen, hashes: U64, codes: I32) -> None:
    """Hashes a block of rows and guesses their codes from the first slot, -1 where that fails.

    Three short loops of independent loads: the memory answers several at once.
    """
    mask = np.uint64(len(seen.table) - 1)
    for i in range(len(codes)):
        hashes[i] = _hash(keys, first + i)
        codes[i] = seen.table[np.int64(hashes[i] & mask)]
    for i in range(len(codes)):
        if codes[i] >= 0 and seen.hashes[codes[i]] != hashes[i]:
            codes[i] = -1
    for i in range(len(codes)):
        if codes[i] >= 0 and not _equal(keys, first + i, seen, codes[i]):
            codes[i] = -1


@njit(cache=True)
def _see(keys: Packed, seen: Seen, codes: I32) -> Seen:
    hashes = np.empty(BLOCK, np.uint64)
    for first in range(0, len(codes), BLOCK):
        block = codes[first : first + BLOCK]
        _guess(keys, first, seen, hashes, block)
        for i in range(len(block)):
            if block[i] < 0:
                slot = _slot(keys, first + i, hashes[i], seen)
                if seen.table[slot] < 0:
                    seen = _appended(keys, first + i, hashes[i], slot, seen)
                    block[i] = seen.size - 1
                else:
                    block[i] = seen.table[slot]
    return seen


@njit(cache=True)
def _appended(keys: Packed, row: int, h: np.uint64, slot: np.int64, seen: Seen) -> Seen:
    """The state with one more key, which belongs into the free `slot`."""
    code = seen.size
    first, place = keys.at[row], seen.at[code]
    size = keys.at[row + 1] - first
    for i in range(size):
        seen.data[place + i] = keys.data[first + i]
    seen.at[code + 1] = place + size
    seen.hashes[code] = h
    seen.table[slot] = code
    seen = Seen(code + 1, seen.table, seen.hashes, seen.at, seen.data)
    return _grown(seen) if 2 * seen.size > len(seen.table) else seen


@njit(cache=True)
def _find(keys: Packed, seen: Seen, codes: I32) -> None:
    hashes = np.empty(BLOCK, np.uint64)
    for first in range(0, len(codes), BLOCK):
        block = codes[first : first + BLOCK]
        _guess(keys, first, seen, hashes, block)
        for i in range(len(block)):
            if block[i] < 0:
                block[i] = seen.table[_slot(keys, first + i, hashes[i], seen)]


@njit(cache=True)
def _gather(keys: Packed, rows: I64, at: I64, out: Bytes) -> None:
    for i in range(len(rows)):
        start = keys.at[rows[i]]
        for j in range(at[i + 1] - at[i]):
            out[at[i] + j] = keys.data[start + j]
