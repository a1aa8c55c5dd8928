"""Rows kept at hand: for what training never changes, and never for what it learns.

Three things may be cached: parsed rows, tokenised arrays, frozen vectors. The vectors of a model
may not: one step of the optimiser and they are wrong (`nn.features.Lookup` is made anew instead).
Where a table fits its budget the cache is beaten by the table itself: `held` chooses.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True)
class Counters:
    """What a cache has done since it was made."""

    hits: int
    misses: int
    evictions: int
    too_large: int  # values larger than the whole cache: returned, never kept

    @property
    def hit_rate(self) -> float:
        """Share of the accesses that were answered from the cache; 0 before the first."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


class RowCache(Generic[K, V]):
    """The most recently used values, as many as fit into `capacity` bytes; O(1) an access.

    A value is given back as it is, not as a copy: do not write into it. For one thread.

    >>> cache = RowCache[int, bytes](capacity=8)
    >>> [cache.get(key, lambda key: b"four") for key in (1, 2, 1, 3)][0]
    b'four'
    >>> 1 in cache, 2 in cache, cache.counters.hit_rate
    (True, False, 0.25)

    Raises:
        ValueError: the capacity is not positive.
    """

    def __init__(self, capacity: int, size: Callable[[V], int] | None = None) -> None:
        if capacity <= 0:
            raise ValueError(f"cache of {capacity} bytes: need at least 1; for none, leave it out")
        self.capacity = capacity
        self.bytes = 0
        self._size: Callable[[V], int] = bytes_of if size is None else size
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()  # oldest use first
        self._hits = self._misses = self._evictions = self._too_large = 0

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: K) -> bool:
        return key in self._held

    @property
    def counters(self) -> Counters:
        """Hits, misses, evictions so far."""
        return Counters(self._hits, self._misses, self._evictions, self._too_large)

    def get(self, key: K, make: Callable[[K], V]) -> V:
        """The value of a key, made where it is not held; it is then the most recently used."""
        found = self._held.get(key)
        if found is not None:
            self._hits += 1
            self._held.move_to_end(key)
            return found[0]
        self._misses += 1
        value = make(key)
        self._keep(key, value)
        return value

    def _keep(self, key: K, value: V) -> None:
        size = self._size(value)
        if size > self.capacity:
            self._too_large += 1
            return
        self._held[key] = (value, size)
        self.bytes += size
        while self.bytes > self.capacity:
            _, (_, gone) = self._held.popitem(last=False)
            self.bytes -= gone
            self._evictions += 1


class Gather(Protocol):
    """Rows of a constant table by id."""

    def __call__(self, ids: NDArray[np.integer]) -> NDArray[Any]: ...  # [*S] -> [*S, ...]


def held(table: NDArray[Any], budget: int) -> Gather:
    """The quickest way to a table's rows within a budget of memory, in bytes.

    A table that fits is read into memory once and indexed whole: a gather costs a fraction of a
    millisecond, a loop over a dictionary milliseconds. A larger one, mapped from a file, is read
    row by row through a `RowCache` of that budget, each distinct id of a call once.
    """
    if table.nbytes <= budget:
        whole = np.array(table)
        return lambda ids: whole[ids]
    return CachedRows(table, RowCache(budget))


@dataclass(frozen=True)
class CachedRows:
    """Rows of a table too large for memory; `cache.counters` tells how well it goes."""

    table: NDArray[Any]  # [n + 1, ...], mapped
    cache: RowCache[int, NDArray[Any]]

    def __call__(self, ids: NDArray[np.integer]) -> NDArray[Any]:
        """[*S] -> [*S, ...]."""
        distinct, back = np.unique(ids, return_inverse=True)
        if not len(distinct):
            return np.empty((*ids.shape, *self.table.shape[1:]), self.table.dtype)
        rows: NDArray[Any] = np.stack([self.cache.get(id, self._row) for id in distinct.tolist()])
        found: NDArray[Any] = rows[back.reshape(ids.shape)]
        return found

    def _row(self, id: int) -> NDArray[Any]:
        return np.array(self.table[id])


def bytes_of(value: object) -> int:
    """Bytes of the arrays, tensors or byte strings that a value holds; containers are walked.

    Raises:
        ValueError: the value has another type.
    """
    size = getattr(value, "nbytes", None)  # numpy arrays and scalars, tensors
    if isinstance(size, int):
        return size
    if isinstance(value, bytes | str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(bytes_of(part) for part in value.values())
    if isinstance(value, tuple | list):
        return sum(bytes_of(part) for part in value)
    if isinstance(value, int | float):
        return 8
    raise ValueError(
        f"a {type(value).__name__} in a cache counted in bytes: arrays, tensors, bytes, numbers "
        "and containers of these; for others give RowCache a size"
    )
