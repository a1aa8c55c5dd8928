"""A shuffle without a list: any place of a random order of 0..n - 1, asked for by itself."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
# Rounds of a Feistel network. Four make a strong permutation of a large domain (Luby and Rackoff
# 1988); on a handful of places pairs are uniform from eight on.
ROUNDS = 12


def shuffled(places: I64, size: int, seed: int) -> I64:
    """Where the named places of 0..size - 1 land under the shuffle of this seed.

    A Feistel network on the next even number of bits, walked until it lands inside: a bijection
    of 0..size - 1 that needs no memory and no order of asking.

    >>> sorted(shuffled(np.arange(5), 5, seed=1).tolist())
    [0, 1, 2, 3, 4]
    """
    out = np.empty(len(places), np.int64)
    half = max(1, (max(size - 1, 1).bit_length() + 1) // 2)
    _shuffled(np.asarray(places, np.int64), size, half, keys(seed, ROUNDS), out)
    return out


def keys(seed: int, count: int) -> U64:
    """`count` well mixed 64-bit words of one seed."""
    out = np.empty(count, np.uint64)
    _keys(np.uint64(seed % 2**64), out)
    return out


def words(seed: int, numbers: I64) -> U64:
    """A random 64-bit word for each number: pure in (seed, number)."""
    out = np.empty(len(numbers), np.uint64)
    _words(keys(seed, 1)[0], np.asarray(numbers, np.int64), out)
    return out


@njit(cache=True)
def mix(x: np.uint64) -> np.uint64:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(cache=True)
def _keys(seed: np.uint64, out: U64) -> None:
    for i in range(len(out)):
        seed = seed + np.uint64(0x9E3779B97F4A7C15)
        out[i] = mix(seed)


@njit(cache=True)
def _words(key: np.uint64, numbers: I64, out: U64) -> None:
    for i in range(len(out)):
        out[i] = mix(mix(np.uint64(numbers[i]) + np.uint64(0x9E3779B97F4A7C15)) ^ key)


@njit(cache=True)
def _shuffled(places: I64, size: int, half: int, rounds: U64, out: I64) -> None:
    shift = np.uint64(half)
    mask = (np.uint64(1) << shift) - np.uint64(1)
    for i in range(len(places)):
        x = np.uint64(places[i])
        while True:
            left, right = x >> shift, x & mask
            for key in rounds:
                left, right = right, left ^ (mix(right + key) & mask)
            x = (left << shift) | right
            if x < np.uint64(size):
                break
        out[i] = np.int64(x)
