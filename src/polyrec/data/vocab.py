"""External keys and internal ids: 1..n are real, 0 is nothing (padding, unknown)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from polyrec.kernels.keys import Packed, Seen, find, gather, nothing_seen, see, table_of

Order = Literal["frequency", "first", "given"]
Keys: TypeAlias = "NDArray[Any] | pa.Array | pa.ChunkedArray"
"""A column of keys: numpy integers, str, bytes or objects; Arrow text, binary, integers, or a
dictionary of these (int codes into distinct keys), which is never decoded."""
I32 = NDArray[np.int32]
CHUNK = 1 << 20  # rows numbered at a time: bounds what is decoded at once
MOST = 2**31 - 2


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
    def build(cls, keys: Keys, order: Order = "frequency") -> tuple[Self, I32]:
        """Numbers a column of keys.

        `frequency`: most frequent first, ties by the bytes of the key, so the result does not
        depend on the order of rows. `first`: by first appearance. `given`: the integers of the
        file are the ids; if the smallest is 0 all move up by one (`shift`).

        Returns the vocabulary and the id of every row, int32.

        Raises:
            ValueError: a key is missing; the column is neither text nor integers; `given` with
                text, negative numbers or gaps that would waste the table.
        """
        if order == "given":
            return cls._given(keys)
        numbered = Numbering()
        codes = numbered.add(keys)
        if order == "first":
            return cls(*numbered.keys, order="first"), _in_place(codes, 1)
        count = np.bincount(codes, minlength=len(numbered))
        place = np.lexsort((_by_bytes(numbered.keys), -count))
        rank = np.empty(len(place), np.int32)
        rank[place] = np.arange(1, len(place) + 1, dtype=np.int32)
        return cls(*gather(numbered.keys, place), order="frequency"), rank[codes]

    @classmethod
    def of(cls, keys: Sequence[str]) -> Self:
        """A vocabulary of distinct keys, in this order.

        Raises:
            ValueError: a key occurs twice.
        """
        vocab, _ = cls.build(_text(keys), "first")
        if vocab.size != len(keys):
            raise ValueError(f"{len(keys)} keys, {vocab.size} distinct: remove the repeats")
        return vocab

    @classmethod
    def _given(cls, keys: Keys) -> tuple[Self, I32]:
        numbers = _integers(keys)
        low, high = (int(numbers.min()), int(numbers.max())) if len(numbers) else (1, 0)
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
        text = pc.cast(pa.array(np.arange(1 - shift, size + 1 - shift)), pa.large_string())
        return cls(*_packed(text), order="given", shift=shift), (numbers + shift).astype(np.int32)

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
        column = keys if isinstance(keys, np.ndarray | pa.Array | pa.ChunkedArray) else _text(keys)
        found = [find(self._table, _packed(part)) for part in _decoded(column)]
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
        return _binary(self._packed)

    def take(self, ids: NDArray[np.integer]) -> Self:
        """The vocabulary of the named ids, renumbered 1.. in that order."""
        order: Order = "first" if self.order == "given" else self.order
        return type(self)(*gather(self._packed, np.asarray(ids) - 1), order=order)

    def extended(self, keys: Keys) -> tuple[Self, I32]:
        """This vocabulary followed by the keys it lacks, and the id of every row of `keys`."""
        numbered = Numbering(self)
        ids = _in_place(numbered.add(keys), 1)
        return type(self)(*numbered.keys, order=self.order, shift=self.shift), ids

    def save(self, folder: Path, name: str) -> None:
        """Writes `NAME.keys.npy` (bytes) and `NAME.at.npy` (offsets)."""
        np.save(folder / f"{name}.keys.npy", np.asarray(self.data))
        np.save(folder / f"{name}.at.npy", np.asarray(self.at))

    @classmethod
    def load(cls, folder: Path, name: str, order: Order = "first", shift: int = 0) -> Self:
        """Maps what `save` wrote into memory; nothing is read until it is asked for."""
        data = np.load(folder / f"{name}.keys.npy", allow_pickle=False)
        at = np.load(folder / f"{name}.at.npy", mmap_mode="r", allow_pickle=False)
        return cls(data, at, order, shift)


class Numbering:
    """Numbers columns of keys chunk by chunk: 0, 1, … in order of first appearance.

    For readers that stream: `add` each chunk, then `keys` holds the distinct keys.
    """

    def __init__(self, known: Vocab | None = None) -> None:
        self._seen = nothing_seen()
        if known is not None:
            self._seen = table_of(known._packed)

    def __len__(self) -> int:
        return self._seen.size

    @property
    def keys(self) -> Packed:
        """The distinct keys so far."""
        at = self._seen.at[: len(self) + 1].copy()
        return Packed(self._seen.data[: int(at[-1])].copy(), at)

    def add(self, column: Keys) -> I32:
        """The number of every row of `column`.

        Raises:
            ValueError: a key is missing, the type is not text or integer, or ids run out.
        """
        out = np.empty(len(column), np.int32)
        done = 0
        for part in _chunks(column):
            out[done : done + len(part)] = self._number(part)
            done += len(part)
        if len(self) > MOST:
            raise ValueError(f"{len(self):,} distinct keys, limit {MOST:,} (int32): hash buckets")
        return out

    def _number(self, part: pa.Array) -> I32:
        if pa.types.is_dictionary(part.type):
            codes = part.indices.to_numpy(zero_copy_only=False).astype(np.int64)
            return self._levels(codes, part.dictionary)
        if pa.types.is_integer(part.type) and len(part):
            numbers = part.to_numpy(zero_copy_only=False)
            low, high = int(numbers.min()), int(numbers.max())
            if -(2**62) < low and high < 2**62 and high - low < 4 * len(part):
                return self._levels(
                    numbers.astype(np.int64) - low, pa.array(np.arange(low, high + 1))
                )
        return self._see(part)

    def _see(self, part: pa.Array) -> I32:
        self._seen, codes = see(self._seen, _packed(_decode(part)))
        return codes

    def _levels(self, codes: NDArray[np.int64], levels: pa.Array) -> I32:
        """Numbers the used levels in order of first appearance, then looks rows up."""
        first = np.full(len(levels), len(codes), np.int64)
        first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
        used = np.flatnonzero(first < len(codes))
        used = used[np.argsort(first[used], kind="stable")]
        number = np.zeros(len(first), np.int32)
        number[used] = self._see(levels.take(pa.array(used)))
        rows: I32 = number[codes]
        return rows


def _chunks(column: Keys) -> Iterator[pa.Array]:
    """The column as Arrow arrays of bounded length, none with a missing key."""
    whole = _arrow(column)
    if whole.null_count:
        row = int(np.flatnonzero(np.asarray(whole.is_null()))[0])
        raise ValueError(f"{whole.null_count} keys are missing, the first in row {row + 1}")
    for piece in whole.chunks:
        # a dictionary is numbered whole: its levels once, not once a chunk
        step = max(len(piece), 1) if pa.types.is_dictionary(piece.type) else CHUNK
        yield from (piece.slice(at, step) for at in range(0, len(piece), step))


def _arrow(column: Keys) -> pa.ChunkedArray:
    if isinstance(column, pa.ChunkedArray):
        return column
    if isinstance(column, pa.Array):
        return pa.chunked_array([column])
    if column.dtype.kind not in "iuUSOT":
        raise ValueError(f"keys are {column.dtype}; keys are text or integers: cast the column")
    try:
        return pa.chunked_array([pa.array(column, from_pandas=column.dtype.kind == "O")])
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ValueError(f"keys of mixed types ({error}): make them all text") from error


def _decoded(column: Keys) -> Iterator[pa.Array]:
    return (_decode(part) for part in _chunks(column))


def _decode(part: pa.Array) -> pa.Array:
    """Text, bytes, integers or a dictionary of them as text with 64-bit offsets."""
    if pa.types.is_dictionary(part.type):
        part = part.dictionary_decode()
    kind = part.type
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        return part
    if pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return pc.cast(part, pa.large_string())
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pc.cast(part, pa.large_binary())
    if pa.types.is_null(kind) and not len(part):
        return pa.array([], pa.large_string())
    raise ValueError(f"keys are {kind}; keys are text or integers: cast the column")


def _packed(part: pa.Array) -> Packed:
    """The buffers of a text array, without a copy."""
    _, offsets, data = part.buffers()
    if not len(part):
        return Packed(np.empty(0, np.uint8), np.zeros(1, np.int64))
    at = np.frombuffer(offsets, np.int64)[part.offset : part.offset + len(part) + 1]
    held = np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return Packed(held, at)


def _text(keys: Sequence[str]) -> pa.Array:
    return pa.array(list(keys), pa.large_string())


def _integers(keys: Keys) -> NDArray[np.int64]:
    try:
        return np.concatenate(
            [pc.cast(c, pa.int64()).to_numpy() for c in _chunks(keys)] or [np.empty(0, np.int64)]
        )
    except pa.ArrowInvalid as error:
        raise ValueError(f"order=given needs integer ids: {error}") from error


def _by_bytes(keys: Packed) -> NDArray[np.int64]:
    """[n]: the rank of every key when sorted by its bytes."""
    whole = _binary(keys)
    rank = np.empty(len(whole), np.int64)
    rank[pc.array_sort_indices(whole).to_numpy()] = np.arange(len(whole))
    return rank


def _binary(keys: Packed) -> pa.Array:
    buffers = [None, pa.py_buffer(np.asarray(keys.at, np.int64)), pa.py_buffer(keys.data)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(keys.at) - 1, buffers)


def _in_place(codes: I32, add: int) -> I32:
    codes += np.int32(add)
    return codes
