"""Columns of keys in whatever form a reader has them, numbered chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from polyrec.kernels.keys import Packed, nothing_seen, see, table_of

Keys: TypeAlias = "NDArray[Any] | pa.Array | pa.ChunkedArray"
"""A column of keys: numpy integers, str, bytes or objects; Arrow text, binary, integers, or a
dictionary of these (int codes into distinct keys), which is never decoded."""
I32 = NDArray[np.int32]
CHUNK = 1 << 20  # rows of text numbered at a time: bounds what is decoded at once
MOST = 2**31 - 2


class Numbering:
    """Numbers columns of keys chunk by chunk: 0, 1, … in order of first appearance.

    For readers that stream: `add` each chunk, then `keys` holds the distinct keys.
    """

    def __init__(self, known: Packed | None = None) -> None:
        self._seen = nothing_seen()
        if known is not None:
            self._seen = table_of(known)

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
            if low > -(2**62) and high < 2**62 and high - low < 4 * len(part):
                return self._levels(
                    numbers.astype(np.int64) - low, pa.array(np.arange(low, high + 1))
                )
        return self._see(part)

    def _see(self, part: pa.Array) -> I32:
        self._seen, codes = see(self._seen, packed(_decode(part)))
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
        # levels of a dictionary, or of a dense integer column, are numbered once, not once a chunk
        levels = pa.types.is_dictionary(piece.type) or pa.types.is_integer(piece.type)
        step = max(len(piece), 1) if levels else CHUNK
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


def decoded(column: Keys) -> Iterator[pa.Array]:
    """The column as text arrays of bounded length."""
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


def packed(part: pa.Array) -> Packed:
    """The buffers of a text array, without a copy."""
    _, offsets, data = part.buffers()
    if not len(part):
        return Packed(np.empty(0, np.uint8), np.zeros(1, np.int64))
    at = np.frombuffer(offsets, np.int64)[part.offset : part.offset + len(part) + 1]
    held = np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return Packed(held, at)


def text(keys: Sequence[str]) -> pa.Array:
    """Python strings as a column."""
    return pa.array(list(keys), pa.large_string())


def integers(keys: Keys) -> NDArray[np.int64]:
    """A column of integers, for ids that the file gives."""
    try:
        chunks = [c if pa.types.is_integer(c.type) else _decode(c) for c in _chunks(keys)]
        numbers = [pc.cast(_as_text(c), pa.int64()).to_numpy() for c in chunks]
        return np.concatenate([*numbers, np.empty(0, np.int64)])
    except pa.ArrowInvalid as error:
        raise ValueError(
            f"order=given needs integer ids: {error}; import without --order given"
        ) from error


def _as_text(part: pa.Array) -> pa.Array:
    return part.cast(pa.large_string()) if pa.types.is_large_binary(part.type) else part


def by_bytes(keys: Packed) -> NDArray[np.int64]:
    """[n]: the rank of every key when sorted by its bytes."""
    whole = binary(keys)
    rank = np.empty(len(whole), np.int64)
    rank[pc.array_sort_indices(whole).to_numpy()] = np.arange(len(whole))
    return rank


def binary(keys: Packed) -> pa.Array:
    """Packed keys as an Arrow column of bytes."""
    buffers = [None, pa.py_buffer(np.asarray(keys.at, np.int64)), pa.py_buffer(keys.data)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(keys.at) - 1, buffers)
