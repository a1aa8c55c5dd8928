"""Columns of numbers: text or typed in, float64, int8 or float32 out, bad cells named."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
import pyarrow as pa

from polyrec.data.readers.faults import Fault, Faults, fault, shown
from polyrec.data.readers.options import ReadOptions
from polyrec.data.readers.rows import Rows

MOST = 2**63 - 1
Role = Literal["rating", "weight", "label", "session", "position", "column"]


def frame_column(column: pa.ChunkedArray) -> pl.Series:
    """The column as a polars series, blanks around text removed only where that is needed."""
    series = pl.from_arrow(column)
    assert isinstance(series, pl.Series)
    return series


def parsed(series: pl.Series, kind: type[pl.Int64] | type[pl.Float64]) -> pl.Series:
    """Numbers where the text is one, null elsewhere; blanks around a number are allowed."""
    out = series.cast(kind, strict=False)
    if out.null_count() > series.null_count() and series.dtype == pl.String:
        out = out.fill_null(series.str.strip_chars().cast(kind, strict=False))
    return out


def floats(rows: Rows, column: str, options: ReadOptions) -> np.ndarray:
    """[rows] float64: the column's numbers; NaN where a cell is no number."""
    fills = dict(options.fill)
    values = parsed(frame_column(rows.columns[column]), pl.Float64)
    if column in fills:
        values = filled(values, frame_column(rows.columns[column]), fills[column])
    out: np.ndarray = values.fill_null(float("nan")).to_numpy()
    return out


def filled(values: pl.Series, series: pl.Series, fill: float) -> pl.Series:
    """`fill` where a cell is empty, NaN or infinite; text that is no number stays a fault."""
    if series.dtype == pl.String:
        empty = series.is_null() | (series.str.strip_chars() == "")
        values = values.set(empty, fill)
    else:
        values = values.fill_null(fill)
    return values.set((values.is_nan() | values.is_infinite()).fill_null(False), fill)


def finite(rows: Rows, column: str, role: Role, options: ReadOptions, faults: Faults) -> np.ndarray:
    """[rows] float64, every number finite or noted in `faults` as a bad row."""
    values = floats(rows, column, options)
    good = np.isfinite(values)
    if not good.all():
        bad = np.flatnonzero(~good)
        seen = values[good]
        span = "no cell holds one"
        if len(seen):
            span = f"range seen elsewhere {seen.min():g} to {seen.max():g}"
        name = f"column {shown(column)}:" if role == "column" else role
        first = str(cell(rows, column, int(bad[0])))
        comma = " (a comma for the decimal point, or between thousands?)" if "," in first else ""
        faults.add(
            Fault(
                kind=f"{role} is no finite number",
                rows=bad,
                column=rows.place.get(column, 0),
                say=lambda row: f"{name} {shown(cell(rows, column, row))} is no finite number",
                rule=span + comma,
                remedy=_remedy(column, first),
            )
        )
    return values


def _remedy(column: str, first: str) -> str:
    """What is missing may be filled; what stands there as text never is."""
    missing = first.strip().lower() in ("", "none", "nan", "inf", "-inf", "infinity", "-infinity")
    fill = f", --fill {column}=0" if missing else ""
    return f"fix the column{fill} or --bad-rows skip:N"


def labels(rows: Rows, column: str, options: ReadOptions, faults: Faults) -> np.ndarray:
    """[rows] int8, each 0 or 1.

    Raises:
        ValueError: numbers other than 0 and 1 stand in the column.
    """
    values = finite(rows, column, "label", options, faults)
    _refuse_large(rows, column, values)
    known = np.unique(values[np.isfinite(values)])
    if not np.isin(known, (0.0, 1.0)).all():
        row = int(np.flatnonzero(~np.isin(values, (0.0, 1.0)))[0])
        told = ", ".join(f"{v:g}" for v in known[:6]) + (", ..." if len(known) > 6 else "")
        raise fault(
            rows.where(row, column),
            f"label {shown(column)} holds {{{told}}}",
            "a label is 0 or 1",
            f'name what counts as 1: --positive "{column}==1"',
        )
    return np.asarray(np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0), np.int8)


def whole(
    rows: Rows,
    column: str,
    kind: type[np.int16] | type[np.int32],
    options: ReadOptions,
    faults: Faults,
) -> np.ndarray:
    """[rows] integers of `kind`.

    Raises:
        ValueError: a number has a fraction or does not fit.
    """
    values = finite(rows, column, "column", options, faults)
    limit = np.iinfo(kind)
    safe: np.ndarray = np.where(np.isfinite(values), values, 0.0)
    wrong = (safe != np.floor(safe)) | (safe < limit.min) | (safe > limit.max)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise fault(
            rows.where(row, column),
            f"{shown(cell(rows, column, row))} in column {shown(column)}",
            f"an integer from {limit.min} to {limit.max} is needed",
            f"fix the column, or --ignore {column}",
        )
    return np.asarray(safe, dtype=kind)


def cell(rows: Rows, column: str, row: int) -> object:
    """One cell as Python sees it."""
    return rows.columns[column][row].as_py()


def _refuse_large(rows: Rows, column: str, values: np.ndarray) -> None:
    large = np.flatnonzero(np.abs(np.nan_to_num(values)) > MOST)
    if len(large):
        row = int(large[0])
        raise fault(
            rows.where(row, column),
            f"{shown(cell(rows, column, row))} in column {shown(column)}",
            f"the largest integer is 2^63-1 = {MOST}",
            "fix or drop the row",
        )
