"""Key columns: who and what. Text stays text ("007" is not "7"); nothing is repaired silently."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyrec.data.readers.columns.numbers import cell
from polyrec.data.readers.faults import Fault, Faults, fault, shown
from polyrec.data.readers.options import ReadOptions
from polyrec.data.readers.rows import Rows

LONGEST = 1024
NULL_WORDS = [w for word in ("nan", "null", "none") for w in (word, word.upper(), word.title())]
NULL_WORDS += ["NaN"]


def keys(
    rows: Rows, column: str, role: str, options: ReadOptions, faults: Faults
) -> tuple[pa.ChunkedArray, list[str]]:
    """The column as keys (text, or integers where it is numeric), and what was noticed.

    Empty, overlong and null-like keys are noted in `faults` as bad rows.

    Raises:
        ValueError: the column's type cannot be a key.
    """
    values = rows.columns[column]
    if pa.types.is_floating(values.type):
        values = _from_floats(rows, column, options)
    elif not (_is_text(values.type) or pa.types.is_integer(values.type)):
        raise fault(
            rows.name,
            f"column {shown(column)} is {values.type}",
            f"keys of the {role} are text or integers",
            "cast the column",
        )
    found = _Found(rows, column, role, faults)
    found.missing(values)
    if pa.types.is_integer(values.type):
        return _filled(values, 0), []
    values = _filled(values, "?")
    if pa.types.is_dictionary(values.type):
        return values, []
    if options.key_int:
        values = pc.replace_substring_regex(values, r"^(-?\d+)\.0$", r"\1")
    found.text(values, options)
    return compact(values), _noticed(values, column, role)


def compact(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same keys as integers where all are plain decimal numbers: quicker to number.

    Plain: no sign, no leading zero, no blank; the decimal text of the integer is the key.
    """
    try:
        numbers = pc.cast(values, pa.int64())
    except pa.ArrowInvalid:
        return values
    as_array = numbers.to_numpy()
    if not len(as_array) or as_array.min() < 0:
        return values
    held = pc.sum(pc.binary_length(values)).as_py()
    digits = len(as_array) + sum(
        int((as_array >= 10**power).sum()) for power in range(1, len(str(int(as_array.max()))))
    )
    return numbers if held == digits else values


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type) or pa.types.is_integer(kind.value_type)
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _filled(values: pa.ChunkedArray, filler: str | int) -> pa.ChunkedArray:
    """Missing keys are bad rows already; something must stand there until they leave."""
    if not values.null_count:
        return values
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
        filler = "?" if _is_text(values.type) else 0
    return pc.fill_null(values, pa.scalar(filler, values.type))


def _from_floats(rows: Rows, column: str, options: ReadOptions) -> pa.ChunkedArray:
    values = rows.columns[column]
    if not options.key_int:
        raise fault(
            rows.name,
            f"column {shown(column)} holds floating-point numbers ({values.type})",
            "keys are text or integers",
            "--key-int reads 123.0 as 123, or cast the column",
        )
    array = values.to_numpy()
    fraction = np.flatnonzero(np.isfinite(array) & (array != np.floor(array)))
    if len(fraction):
        row = int(fraction[0])
        raise fault(
            rows.where(row, column),
            f"key {shown(array[row])} has a fraction",
            "--key-int reads whole numbers",
            "cast the column to text",
        )
    missing = ~np.isfinite(array)
    whole = np.where(missing, 0, array).astype(np.int64)
    return pa.chunked_array([pa.array(whole, mask=missing)])


class _Found:
    """Collects the bad rows of one key column."""

    def __init__(self, rows: Rows, column: str, role: str, faults: Faults) -> None:
        self.rows, self.column, self.role, self.faults = rows, column, role, faults

    def missing(self, values: pa.ChunkedArray) -> None:
        if values.null_count:
            self._add("empty", pc.is_null(values), lambda row: f"empty {self.role}")

    def text(self, values: pa.ChunkedArray, options: ReadOptions) -> None:
        length = pc.binary_length(values)
        longest = pc.max(length).as_py() or 0
        if pc.min(length).as_py() == 0 or _blank_starts(values):
            blank = pc.equal(pc.binary_length(pc.utf8_trim_whitespace(values)), 0)
            self._add("empty", blank, lambda row: f"empty {self.role}")
        if longest > LONGEST:
            self._add_long(pc.greater(length, LONGEST))
        if not options.keep_null_keys:
            self._add_null_words(pc.is_in(values, pa.array(NULL_WORDS, values.type)))

    def _add(self, kind: str, mask: pa.ChunkedArray, say: object) -> None:
        assert callable(say)
        rule = f"every event needs a key for its {self.role}"
        self.faults.add(
            Fault(f"{kind} {self.role}", _rows(mask), self._place, say, rule, finding="D3")
        )

    @property
    def _place(self) -> int:
        return self.rows.place.get(self.column, 0)

    def _add_long(self, mask: pa.ChunkedArray) -> None:
        def say(row: int) -> str:
            value = str(cell(self.rows, self.column, row))
            return f"{self.role} key of {len(value.encode())} bytes {shown(value)}"

        remedy = "wrong column or an unclosed quote? --bad-rows skip:N"
        rule = f"a key has at most {LONGEST} bytes"
        self.faults.add(
            Fault(f"overlong {self.role}", _rows(mask), self._place, say, rule, remedy, "D3")
        )

    def _add_null_words(self, mask: pa.ChunkedArray) -> None:
        hits = _rows(mask)

        def say(row: int) -> str:
            word = shown(cell(self.rows, self.column, row))
            return f"{len(hits)} rows with {self.role} {word}"

        remedy = "--keep-null-keys keeps it, --bad-rows skip:N leaves such rows out"
        rule = "a missing value or a real key?"
        self.faults.add(
            Fault(f"null word as {self.role}", hits, self._place, say, rule, remedy, "D3")
        )


def _rows(mask: pa.ChunkedArray) -> np.ndarray:
    return np.flatnonzero(mask.to_numpy())


def _blank_starts(values: pa.ChunkedArray) -> bool:
    first = pc.utf8_slice_codeunits(values, 0, 1)
    return bool(pc.any(pc.utf8_is_space(first)).as_py())


def _noticed(values: pa.ChunkedArray, column: str, role: str) -> list[str]:
    """Notes on keys that look like numbers but are kept as text."""
    notes = []
    pointed = pc.ends_with(values, ".0")
    share = pc.mean(pc.cast(pointed, pa.float64())).as_py() or 0.0
    if share > 0.99:
        notes.append(
            f'{share:.0%} of {role} keys (column "{column}") end in ".0": kept as text; '
            "--key-int reads them as integers"
        )
    zeros = values.filter(pc.starts_with(values, "0"))
    zeros = zeros.filter(pc.match_substring_regex(zeros, r"^0\d+$")) if len(zeros) else zeros
    if len(zeros):
        sample = shown(zeros[0].as_py())
        notes.append(f"{len(zeros)} {role} keys have a leading zero ({sample}): kept as text")
    long = values.filter(pc.greater_equal(pc.binary_length(values), 19))
    long = long.filter(pc.match_substring_regex(long, r"^\d{19,}$")) if len(long) else long
    large = [key for key in long.slice(0, 1000).to_pylist() if int(key) > 2**63 - 1]
    if large:
        notes.append(f"{role} keys such as {shown(large[0])} pass 2^63-1: kept as text")
    return notes
