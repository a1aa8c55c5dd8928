"""Random numbers by counting: a unit of work (a walk, a node, a row) owns its stream.

A draw is a pure function of (seed, purpose, epoch, unit, place), so no result depends on the
number of threads or on the order of the work. Written out:

    key  = mix(mix(mix(seed XOR purpose) + epoch) + unit)
    word = mix(key + (place + 1) * 0x9E3779B97F4A7C15)

`mix` is the finaliser of splitmix64; with key 0 the words are those of splitmix64 seeded with 0.
All arithmetic is modulo 2^64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from polyrec.kernels.shuffle import mix

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
Whole = int | np.integer[Any]
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FNV_START, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3


def purpose(name: str) -> np.uint64:
    """What the draws are for, as a number: FNV-1a of the UTF-8 bytes, the same in every process.

    >>> hex(purpose("a"))
    '0xaf63dc4c8601ec8c'
    """
    value = _FNV_START
    for byte in name.encode():
        value = (value ^ byte) * _FNV_PRIME % 2**64
    return np.uint64(value)


@njit(cache=True)
def stream_key(seed: Whole, purpose: Whole, epoch: Whole, unit: Whole) -> np.uint64:
    """The key of one unit's stream; keep it and count places from 0.

    For compiled loops. Called from Python it gives a plain integer: wrap it in `np.uint64` before
    a compiled function takes it, or the first call fixes the type to what that integer needed.
    """
    inner = mix(np.uint64(seed) ^ np.uint64(purpose))
    return mix(mix(inner + np.uint64(epoch)) + np.uint64(unit))


@njit(cache=True)
def word(key: Whole, place: Whole) -> np.uint64:
    """64 random bits: draw number `place` (from 0) of a stream."""
    return mix(np.uint64(key) + (np.uint64(place) + np.uint64(1)) * GOLDEN)


@njit(cache=True)
def unit_float(key: Whole, place: Whole) -> np.float32:
    """Uniform in [0, 1): the top 24 bits of a word, exact in float32."""
    return np.float32(word(key, place) >> np.uint64(40)) * np.float32(2.0**-24)


@njit(cache=True)
def below(key: Whole, place: Whole, limit: Whole) -> np.int64:
    """Uniform among 0..limit - 1 for limit < 2^31, with a bias of at most limit / 2^32."""
    top = word(key, place) >> np.uint64(32)
    return np.int64((top * np.uint64(limit)) >> np.uint64(32))


@njit(cache=True, inline="always")
def drawn(bits: np.uint64, size: int) -> np.int64:
    """A place of 0..size - 1 from the upper half of a word."""
    return np.int64(((bits >> np.uint64(32)) * np.uint64(size)) >> np.uint64(32))


@njit(cache=True, inline="always")
def lower(bits: np.uint64) -> np.float32:
    """A number in [0, 1) from the lowest 24 bits: apart from those that choose the place."""
    return np.float32(bits & np.uint64(0xFFFFFF)) * np.float32(2.0**-24)


@njit(cache=True, inline="always")
def upper(bits: np.uint64) -> np.float32:
    """A number in [0, 1) from the highest 24 bits."""
    return np.float32(bits >> np.uint64(40)) * np.float32(2.0**-24)


def words_of(seed: int, what: np.uint64, units: I64, count: int, epoch: int = 0) -> U64:
    """[units, count]: the first `count` words of each unit's stream."""
    out = np.empty((len(units), count), np.uint64)
    _fill(np.uint64(seed % 2**64), what, np.uint64(epoch), np.asarray(units, np.int64), out)
    return out


@njit(cache=True, parallel=True)
def _fill(seed: np.uint64, what: np.uint64, epoch: np.uint64, units: I64, out: U64) -> None:
    for row in prange(len(units)):
        key = stream_key(seed, what, epoch, units[row])
        for place in range(out.shape[1]):
            out[row, place] = word(key, place)
