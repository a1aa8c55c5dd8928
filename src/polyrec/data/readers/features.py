"""Feature tables: one row a key, columns of categories, lists, numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from polyrec.data import tables
from polyrec.data.readers.columns.keys import keys
from polyrec.data.readers.columns.numbers import cell, filled, frame_column, parsed
from polyrec.data.readers.faults import Faults, fault, shown
from polyrec.data.readers.options import ReadOptions, allowed
from polyrec.data.readers.rows import Rows
from polyrec.data.tables import Bag, Column, Dense, Sparse, Table
from polyrec.data.vocab import Vocab

Kind = Literal["token", "token_seq", "float", "float_seq"]
KINDS = ("token", "token_seq", "float", "float_seq")


def feature_table(
    rows: Rows, key: str, kinds: Mapping[str, Kind], options: ReadOptions
) -> tuple[Table, list[str]]:
    """The table of `rows`, one row a key of column `key`, and notes.

    Raises:
        ValueError: a key is empty or stands twice with different values; a number is none; a
            list has brackets or an empty last value; vectors differ in length.
    """
    faults = Faults(rows.where, rows.count)
    column, _ = keys(rows, key, "key", options, faults)
    bad, notes = faults.settle(allowed(options.bad_rows, rows.count))
    if len(bad):
        rows, column = _without(rows, bad), _drop(column, bad)
    rows, column, more = _distinct(rows, key, column, options)
    columns = {
        name: _column(rows, name, kind, options) for name, kind in kinds.items() if name != key
    }
    keep = options.keep or "error"
    return tables.build(column, columns, keep), [*rows.notes, *notes, *more]


def category(values: pa.ChunkedArray) -> Sparse:
    """Categories by frequency; an empty cell is 0."""
    present = pc.not_equal(values, "").to_numpy()
    vocab, ids = Vocab.build(values.filter(pa.array(present)), "frequency")
    out = np.zeros(len(values) + 1, np.int32)
    out[1:][present] = ids
    return Sparse(out, vocab)


def shared(columns: Mapping[str, pa.ChunkedArray]) -> dict[str, Sparse]:
    """Several columns over one vocabulary: heads and tails of triples, both ends of a link."""
    whole = pa.chunked_array([c for column in columns.values() for c in column.chunks])
    vocab, ids = Vocab.build(whole, "first")
    ends = np.cumsum([0, *(len(column) for column in columns.values())])
    return {
        name: Sparse(np.concatenate([[np.int32(0)], ids[ends[i] : ends[i + 1]]]), vocab)
        for i, name in enumerate(columns)
    }


def _column(rows: Rows, name: str, kind: Kind, options: ReadOptions) -> Column:
    values = rows.columns[name]
    if kind == "token":
        return category(values)
    if kind == "float":
        return Dense.of(_numbers(rows, name, options).astype(np.float32))
    _refuse_brackets(rows, name, options)
    cells = pc.split_pattern(values, options.list_sep)
    lengths = pc.list_value_length(cells).to_numpy()
    lengths = np.where(pc.equal(values, "").to_numpy(), 0, lengths)
    flat = pc.list_flatten(cells)
    flat = flat.filter(pc.not_equal(flat, ""))
    if kind == "token_seq":
        return Bag.of(flat, lengths)
    return _vectors(rows, name, flat, lengths)


def _numbers(rows: Rows, name: str, options: ReadOptions) -> np.ndarray:
    """[rows] float64; an empty cell is NaN (missing), anything else must be a finite number."""
    series = frame_column(rows.columns[name])
    fills = dict(options.fill)
    values = parsed(series, pl.Float64)
    empty = (series.str.strip_chars() == "").to_numpy()
    if name in fills:
        values = filled(values, series, fills[name])
    out = values.fill_null(float("nan")).to_numpy().copy()
    wrong = np.flatnonzero(~np.isfinite(out) & ~empty)
    if len(wrong):
        row = int(wrong[0])
        told = shown(cell(rows, name, row))
        comma = " (thousands separator?)" if "," in told else ""
        raise fault(
            rows.where(row, name),
            f"column {shown(name)} holds {told}{comma} ({len(wrong)} such cells)",
            "a number column holds finite numbers",
            f"clean it, --fill {name}=0 if it is missing, or --ignore {name}",
        )
    return out


def _refuse_brackets(rows: Rows, name: str, options: ReadOptions) -> None:
    values = rows.columns[name]
    sep = options.list_sep
    trailing = pc.or_(pc.ends_with(values, sep), pc.starts_with(values, sep))
    wrong = pc.or_(trailing, pc.starts_with(values, "["))
    doubled = pc.match_substring(values, sep + sep)
    hits = np.flatnonzero(pc.or_(wrong, doubled).to_numpy())
    if len(hits):
        row = int(hits[0])
        value = str(cell(rows, name, row))
        raise fault(
            rows.where(row, name),
            f"list {shown(value)} would be read as {shown(value.split(sep))}",
            f"values are separated by one {shown(sep)}, without brackets",
            "clean the column, or --list-sep",
        )


def _vectors(rows: Rows, name: str, flat: pa.ChunkedArray, lengths: np.ndarray) -> Column:
    numbers = parsed(frame_column(flat), pl.Float64).fill_null(float("nan")).to_numpy()
    owner = np.repeat(np.arange(len(lengths)), lengths)
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        raise fault(
            rows.where(int(owner[wrong[0]]), name),
            f"{shown(flat[int(wrong[0])].as_py())} in a list of numbers",
            "a vector holds finite numbers",
            f"clean it or --ignore {name}",
        )
    present = lengths > 0
    widths, counts = np.unique(lengths[present], return_counts=True)
    if len(widths) > 1 and counts.max() > 0.9 * counts.sum():
        usual = int(widths[counts.argmax()])
        row = int(np.flatnonzero(present & (lengths != usual))[0])
        raise fault(
            rows.where(row, name),
            f"a vector of {lengths[row]} numbers, the others have {usual}",
            "vectors of one column have one length",
            "fix the row, or empty the cell (missing)",
        )
    if len(widths) != 1:
        return Bag.of_numbers(numbers, lengths)
    out = np.full((len(lengths), int(widths[0])), np.nan, np.float32)
    out[present] = numbers.reshape(-1, int(widths[0]))
    return Dense.of(out)


def _distinct(
    rows: Rows, key: str, column: pa.ChunkedArray, options: ReadOptions
) -> tuple[Rows, pa.ChunkedArray, list[str]]:
    """Rows that repeat another in full are dropped and counted; others with its key refused."""
    _, ids = Vocab.build(column, "first")
    if not len(ids) or int(ids.max()) == len(ids) or options.keep:
        return rows, column, []
    first = np.full(int(ids.max()) + 1, len(ids), np.int64)
    np.minimum.at(first, ids, np.arange(len(ids)))
    again = np.flatnonzero(first[ids] != np.arange(len(ids)))
    for row in again:
        one, two = (_row(rows, int(r)) for r in (first[ids[row]], row))
        if one != two:
            before = rows.where(int(first[ids[row]])).rpartition(":")[2]
            raise fault(
                rows.where(int(row), key),
                f"key {shown(cell(rows, key, int(row)))} stands on line {before} with other values",
                "a table has one row a key",
                "fix it, or --keep first|last",
            )
    note = f"{rows.name}: {len(again)} exact repeats of a row left out"
    return _without(rows, again), _drop(column, again), [note]


def _row(rows: Rows, row: int) -> list[object]:
    return [column[row].as_py() for column in rows.columns.values()]


def _drop(column: pa.ChunkedArray, bad: np.ndarray) -> pa.ChunkedArray:
    keep = np.ones(len(column), bool)
    keep[bad] = False
    return column.filter(pa.array(keep))


def _without(rows: Rows, bad: np.ndarray) -> Rows:
    place = np.delete(np.arange(rows.count), bad)
    return replace(
        rows,
        columns={name: _drop(column, bad) for name, column in rows.columns.items()},
        count=len(place),
        line=lambda row: rows.line(int(place[row])),
    )
