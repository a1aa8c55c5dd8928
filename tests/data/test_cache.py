"""The cache forgets what was used longest ago, counts, and never holds more than it may."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from polyrec.data.cache import CachedRows, RowCache, bytes_of, held


class Slow:
    """Least recently used by definition: every use is dated, the oldest goes first."""

    def __init__(self, capacity: int, sizes: list[int]) -> None:
        self.capacity, self.sizes = capacity, sizes
        self.used: dict[int, int] = {}
        self.now = self.hits = self.gone = 0

    def get(self, key: int) -> None:
        self.now += 1
        if key in self.used:
            self.hits += 1
            self.used[key] = self.now
            return
        if self.sizes[key] > self.capacity:
            return
        self.used[key] = self.now
        while sum(self.sizes[k] for k in self.used) > self.capacity:
            del self.used[min(self.used, key=self.used.__getitem__)]
            self.gone += 1


def test_the_order_is_that_of_last_use_over_a_hundred_thousand_accesses() -> None:
    rng = random.Random(7)
    sizes = [rng.randrange(1, 60) for _ in range(80)]
    sizes[3] = 501  # never fits
    slow, cache = Slow(500, sizes), RowCache[int, int](500, lambda key: sizes[key])
    for _ in range(100_000):
        key = min(int(rng.paretovariate(0.6)) - 1, 79)
        slow.get(key)
        assert cache.get(key, lambda key: key) == key
        assert cache.bytes <= 500
    assert list(cache._held) == sorted(slow.used, key=slow.used.__getitem__)
    assert cache.bytes == sum(sizes[key] for key in slow.used)
    counted = cache.counters
    assert (counted.hits, counted.evictions) == (slow.hits, slow.gone)
    assert counted.hits + counted.misses == 100_000
    assert counted.too_large > 0


def test_a_value_is_made_once_while_it_is_held() -> None:
    made: list[int] = []
    cache = RowCache[int, bytes](100)

    def make(key: int) -> bytes:
        made.append(key)
        return b"x" * 10

    assert cache.get(1, make) is cache.get(1, make)
    assert made == [1]
    assert cache.counters.hit_rate == 0.5


def test_a_value_larger_than_the_cache_is_given_back_and_counted_but_not_kept() -> None:
    cache = RowCache[int, np.ndarray](100)
    cache.get(1, lambda key: np.zeros(10))
    assert cache.get(2, lambda key: np.zeros(100)).nbytes == 800
    assert 1 in cache
    assert 2 not in cache
    assert cache.counters.too_large == 1
    assert cache.counters.evictions == 0


def test_the_hit_rate_of_an_unused_cache_is_zero() -> None:
    assert RowCache[int, bytes](1).counters.hit_rate == 0


def test_a_cache_without_room_is_an_error() -> None:
    with pytest.raises(ValueError, match="need at least 1"):
        RowCache(0)


def test_bytes_are_those_of_what_is_held() -> None:
    value = {"a": np.zeros(3, np.float32), "b": (torch.zeros(2), [b"abc", 1])}
    assert bytes_of(value) == 12 + 8 + 3 + 8
    with pytest.raises(ValueError, match="give RowCache a size"):
        bytes_of(object())


@pytest.mark.parametrize("budget", [10**6, 400])
def test_rows_are_those_of_the_table_whether_it_fits_or_not(budget: int, tmp_path: Path) -> None:
    table = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    np.save(tmp_path / "t.npy", table)
    rows = held(np.load(tmp_path / "t.npy", mmap_mode="r"), budget)
    assert isinstance(rows, CachedRows) == (budget < table.nbytes)
    for shape in ((7,), (3, 50), (0,), ()):
        ids = np.random.default_rng(2).integers(0, 50, shape)
        assert np.array_equal(rows(ids), table[ids])
        assert rows(ids).shape == (*shape, 4)
    if isinstance(rows, CachedRows):
        assert rows.cache.bytes <= budget
        assert rows.cache.counters.evictions > 0
