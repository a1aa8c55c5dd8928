"""External keys and internal ids: 1..n are real, 0 is nothing (padding, unknown)."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from polyrec.data.keys import (
    I32,
    MOST,
    Keys,
    Numbering,
    binary,
    by_bytes,
    decoded,
    integers,
    packed,
    text,
)
from polyrec.kernels.keys import Packed, Seen, find, gather, table_of

Order = Literal["frequency", "first", "given"]


@dataclass(frozen=True)
class Vocab:
    """The keys of one kind of thing. Key of id i is the UTF-8 text at `data[at[i - 1]:at[i]]`.

    Text is compared byte for byte: "007" is not "7". A numeric column is kept as the decimal
    text of its numbers.

    >>> vocab, ids = Vocab.build(np.array(["b", "a", "b"]))
    >>> ids.tolist(), vocab.keys([1, 2]), vocab.ids(["a", "z"]).tolist()
    ([1, 2, 1], ['b', 'a'], [2, 0])
    """

    data: NDArray[np.uint8]
    at: NDArray[np.int64]  # [n + 1]
    order: Order = "first"
    shift: int = 0  # order "given": id = number in the file + shift

    @classmethod
    def build(
        cls, keys: Keys, order: Order = "frequency", others: Keys | None = None
    ) -> tuple[Self, I32]:
        """Numbers a column of keys.

        `frequency`: most frequent first, ties by the bytes of the key, so the result does not
        depend on the order of rows. `first`: by first appearance. `given`: the integers of the
        file are the ids; if the smallest is 0 all move up by one (`shift`).

        `others`: integers of another file of the same things (a table's keys); under `given`
        they have ids too, and must count from where the column does.

        Returns the vocabulary and the id of every row, int32.

        Raises:
            ValueError: a key is missing; the column is neither text nor integers; `given` with
                text, negative numbers or gaps that would waste the table; `others` count from 1
                where the column counts from 0, or the reverse.
        """
        if order == "given":
            return cls._given(keys, others)
        numbered = Numbering()
        codes = numbered.add(keys)
        if order == "first":
            return cls(*numbered.keys, order="first"), _in_place(codes, 1)
        count = np.bincount(codes, minlength=len(numbered))
        place = np.lexsort((by_bytes(numbered.keys), -count))
        rank = np.empty(len(place), np.int32)
        rank[place] = np.arange(1, len(place) + 1, dtype=np.int32)
        return cls(*gather(numbered.keys, place), order="frequency"), rank[codes]

    @classmethod
    def of(cls, keys: Sequence[str]) -> Self:
        """A vocabulary of distinct keys, in this order.

        Raises:
            ValueError: a key occurs twice.
        """
        vocab, _ = cls.build(text(keys), "first")
        if vocab.size != len(keys):
            raise ValueError(f"{len(keys)} keys, {vocab.size} distinct: remove the repeats")
        return vocab

    @classmethod
    def _given(cls, keys: Keys, others: Keys | None) -> tuple[Self, I32]:
        numbers = integers(keys)
        low, high = (int(numbers.min()), int(numbers.max())) if len(numbers) else (1, 0)
        if others is not None and len(others):
            beside = integers(others)
            _one_start(low, int(beside.min()))
            low, high = min(low, int(beside.min())), max(high, int(beside.max()))
        if low < 0:
            raise ValueError(f"order=given: id {low} is negative; ids start at 0 or 1: re-index")
        shift = 1 if low == 0 else 0
        size = high + shift
        distinct = len(np.unique(numbers)) if size > 1_000_000 else size
        if size > MOST or size > 100 * distinct:
            raise ValueError(
                f"order=given: largest id {high:,} for {distinct:,} distinct ones; a table of 64 "
                f"numbers an id would take {size * 256 / 2**30:,.1f} GB: re-index (order=frequency)"
            )
        told = pc.cast(pa.array(np.arange(1 - shift, size + 1 - shift)), pa.large_string())
        return cls(*packed(told), order="given", shift=shift), (numbers + shift).astype(np.int32)

    @property
    def size(self) -> int:
        """n: the number of real ids."""
        return len(self.at) - 1

    def __len__(self) -> int:
        return self.size

    @cached_property
    def hash(self) -> str:
        """sha256 over the keys in order."""
        told = hashlib.sha256(np.ascontiguousarray(self.at, "<i8").tobytes())
        told.update(np.ascontiguousarray(self.data).data)
        return told.hexdigest()

    @cached_property
    def _packed(self) -> Packed:
        return Packed(np.asarray(self.data), np.asarray(self.at))

    @cached_property
    def _table(self) -> Seen:
        return table_of(self._packed)

    def ids(self, keys: Sequence[str] | Keys) -> I32:
        """The id of every key, 0 for those unknown."""
        column = keys if isinstance(keys, np.ndarray | pa.Array | pa.ChunkedArray) else text(keys)
        found = [find(self._table, packed(part)) for part in decoded(column)]
        return np.concatenate([*found, np.empty(0, np.int32)]) + np.int32(1)

    def key(self, id: int) -> str:
        """The key of one real id.

        Raises:
            KeyError: the id is not in 1..n.
        """
        if not 1 <= id <= self.size:
            raise KeyError(f"id {id} is not in 1..{self.size}; 0 means nothing and has no key")
        return bytes(self.data[self.at[id - 1] : self.at[id]]).decode()

    def keys(self, ids: Sequence[int] | NDArray[np.integer]) -> list[str]:
        """The keys of several real ids: for borders (lists shown, files written)."""
        return [self.key(int(id)) for id in ids]

    @property
    def column(self) -> pa.Array:
        """All keys in order of id, as an Arrow column of bytes."""
        return binary(self._packed)

    def take(self, ids: NDArray[np.integer]) -> Self:
        """The vocabulary of the named ids, renumbered 1.. in that order."""
        order: Order = "first" if self.order == "given" else self.order
        return type(self)(*gather(self._packed, np.asarray(ids) - 1), order=order)

    def extended(self, keys: Keys) -> tuple[Self, I32]:
        """This vocabulary followed by the keys it lacks, and the id of every row of `keys`."""
        numbered = Numbering(self._packed)
        ids = _in_place(numbered.add(keys), 1)
        return type(self)(*numbered.keys, order=self.order, shift=self.shift), ids

    def save(self, folder: Path, name: str) -> None:
        """Writes `NAME.keys.npy` (bytes) and `NAME.at.npy` (offsets)."""
        write(folder / f"{name}.keys.npy", self.data)
        write(folder / f"{name}.at.npy", self.at)

    @classmethod
    def load(cls, folder: Path, name: str, order: Order = "first", shift: int = 0) -> Self:
        """Maps what `save` wrote into memory; nothing is read until it is asked for."""
        data, at = (mapped(folder / f"{name}.{part}.npy") for part in ("keys", "at"))
        return cls(data, at, order, shift)


def write(path: Path, column: NDArray[Any]) -> None:
    """Stores a column, whole.

    Raises:
        OSError: it could not be written. A full disk that refuses no more than the last block is
            noticed by the file's length alone: numpy does not look.
    """
    np.save(path, np.ascontiguousarray(column))
    if path.stat().st_size < column.nbytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def mapped(path: Path) -> NDArray[Any]:
    """A stored column over its mapped pages, as a plain array: compiled loops know no subclass.

    Raises:
        ValueError: the file is missing, cut or no column.
    """
    try:
        mode: Literal["r"] | None = "r" if path.stat().st_size > 128 else None  # empty: can't map
        column: NDArray[Any] = np.asarray(np.load(path, mmap_mode=mode, allow_pickle=False))
    except (FileNotFoundError, EOFError, ValueError):
        raise ValueError(
            f"{path} is missing or broken; a stored data set is whole; import the log again"
        ) from None
    return column


def _one_start(events: int, table: int) -> None:
    if (events, table) == (0, 1) or (events > 0 and table == 0):
        raise ValueError(
            f"order=given: ids of the events start at {events}, those of the table at {table}: "
            "files of one import count alike; renumber one, or import without --order given"
        )


def _in_place(codes: I32, add: int) -> I32:
    codes += np.int32(add)
    return codes
