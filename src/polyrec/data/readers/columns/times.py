"""Time columns: seconds to nanoseconds, ISO and other dates, or order only; int64 ms out.

The unit is taken from the magnitude of the numbers and never guessed where two fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from polyrec.data.readers.columns.dates import stamps
from polyrec.data.readers.columns.numbers import MOST, cell, frame_column, parsed
from polyrec.data.readers.faults import Fault, Faults, fault, shown
from polyrec.data.readers.options import ReadOptions
from polyrec.data.readers.rows import Rows

EARLIEST = 631_152_000_000  # 1990-01-01, ms
DAY = 86_400_000
UNITS = {"s": (10**8, 4 * 10**9), "ms": (10**11, 4 * 10**12)}
UNITS |= {"us": (10**14, 4 * 10**15), "ns": (10**17, 4 * 10**18)}
TO_MS = {"s": 1000.0, "ms": 1.0, "us": 1e-3, "ns": 1e-6}
NOT_DATES = {"s", "ms", "us", "ns", "order"}


@dataclass(frozen=True)
class Times:
    """A time column, read."""

    values: np.ndarray  # [rows] int64, ms (or order)
    clock: bool
    unit: str
    notes: tuple[str, ...] = ()


def times(rows: Rows, column: str, options: ReadOptions, faults: Faults) -> Times:
    """Reads the time column; rows whose time is missing or unreadable go to `faults`.

    Raises:
        ValueError: the unit cannot be told, units are mixed, dates are ambiguous, times lie
            outside 1990..tomorrow.
    """
    series = frame_column(rows.columns[column])
    reader = _Reader(rows, column, options, faults)
    if series.dtype.is_temporal():
        read = reader.typed(series)
    elif options.date_format or options.time_unit == "iso":
        read = reader.dates(series)
    elif series.dtype.is_numeric() or options.time_unit in NOT_DATES or _mostly_numbers(series):
        read = reader.numbers(series)
    else:
        read = reader.dates(series)
    if read.clock and "D8" not in options.accept:
        reader.refuse_range(read)
    return read


def _mostly_numbers(series: pl.Series) -> bool:
    """Whether more cells are numbers than dates, judged on the first thousand."""
    first = series.head(1000)
    numbers = parsed(first, pl.Float64).is_not_null().sum()
    dates = first.cast(pl.String).str.contains(r"\d+[-/.]\d+[-/.]\d+").sum()
    return bool(numbers >= dates)


class _Reader:
    def __init__(self, rows: Rows, column: str, options: ReadOptions, faults: Faults) -> None:
        self.rows, self.column, self.options, self.faults = rows, column, options, faults

    def _bad(self, mask: np.ndarray, kind: str, rule: str, remedy: str) -> None:
        def say(row: int) -> str:
            return f"{kind} {shown(cell(self.rows, self.column, row))}"

        place = self.rows.place.get(self.column, 0)
        told = kind.rstrip(":")
        self.faults.add(Fault(told, np.flatnonzero(mask), place, say, rule, remedy, "D8"))

    def _missing(self, series: pl.Series) -> np.ndarray:
        """Marks empty cells and NaN; they are bad rows."""
        mask = series.is_null()
        if series.dtype == pl.String:
            word = series.str.strip_chars().str.to_lowercase()
            mask |= word.is_in(["", "nan", "null", "none", "nat", "na"])
        elif series.dtype.is_float():
            mask |= series.is_nan()
        out = mask.to_numpy()
        self._bad(
            out,
            "time is missing:",
            "every event of a set with a clock needs a time",
            "--bad-rows skip:N or --time-unit order",
        )
        return out

    def typed(self, series: pl.Series) -> Times:
        self._missing(series)
        zone = getattr(series.dtype, "time_zone", None)
        notes = [f"time zone {zone} converted to UTC"] if zone and zone != "UTC" else []
        if not isinstance(series.dtype, pl.Date | pl.Datetime):
            raise fault(
                self.rows.name,
                f"column {shown(self.column)} is {series.dtype}",
                "a time is a date, a date with time, or a number",
                "cast the column",
                "D8",
            )
        values = series.cast(pl.Datetime("ms")).cast(pl.Int64).fill_null(EARLIEST)
        return Times(values.to_numpy(), True, "date", tuple(notes))

    def numbers(self, series: pl.Series) -> Times:
        missing = self._missing(series)
        values = self._numbers(series, missing)
        if (gone := self.options.time_missing) is not None:
            zero = ~missing & (values == gone)
            self._bad(zero, "time is missing:", f"--time-missing {gone:g}", "--bad-rows skip:N")
            missing |= zero
        kept = values[~missing]
        if not len(kept):
            return Times(np.full(len(values), EARLIEST), True, "s")
        unit: str = self.options.time_unit
        unit = self._unit(kept, values, missing) if unit == "auto" else unit
        if unit == "order":
            return self._order(values, missing)
        self._refuse_not_positive(values, missing)
        if values.dtype == np.int64:
            scale = {"s": 1000, "ms": 1, "us": -1000, "ns": -1_000_000}[unit]
            ms = self._times(values, scale) if scale > 0 else values // -scale
        else:
            ms = np.floor(np.clip(values * TO_MS[unit], -(2.0**62), 2.0**62)).astype(np.int64)
        ms = np.where(missing, EARLIEST, ms)
        told = f"time unit: {unit}" + ("" if self.options.time_unit != "auto" else ", by magnitude")
        return Times(ms, True, unit, (told, "times without zone read as UTC"))

    def _times(self, values: np.ndarray, scale: int) -> np.ndarray:
        out: np.ndarray = np.clip(values, -(2**62) // scale, 2**62 // scale) * scale
        return out

    def _numbers(self, series: pl.Series, missing: np.ndarray) -> np.ndarray:
        """int64 where all are integers, else float64; unreadable cells go to faults."""
        whole = parsed(series, pl.Int64) if not series.dtype.is_float() else None
        if whole is not None and whole.null_count() == int(missing.sum()):
            return whole.fill_null(0).to_numpy()
        real = parsed(series, pl.Float64).fill_null(float("nan")).to_numpy().copy()
        wrong = ~np.isfinite(real) & ~missing
        rule = "a time is a number or a date"
        self._bad(wrong, "time", rule, "--time-unit iso, fix the row or --bad-rows skip:N")
        large = np.flatnonzero(np.abs(np.nan_to_num(real, posinf=0, neginf=0)) > MOST)
        if len(large):
            row = int(large[0])
            raise fault(
                self.rows.where(row, self.column),
                f"time {shown(cell(self.rows, self.column, row))} is too large",
                f"the largest integer is 2^63-1 = {MOST}",
                "fix or drop the row",
                "D8",
            )
        missing |= wrong
        real[missing] = 0
        return real

    def _unit(self, kept: np.ndarray, values: np.ndarray, missing: np.ndarray) -> str:
        whole = bool((kept == np.floor(kept)).all())
        median = float(np.median(kept))
        fits = [unit for unit, (low, high) in UNITS.items() if low <= median <= high]
        if fits:
            self._refuse_mixed(fits[0], values, missing)
            return fits[0]
        if whole and kept.min() >= 0 and kept.max() <= 10 * max(len(kept), 1000):
            return "order"
        if median <= 0:
            self._refuse_not_positive(values, missing)
        raise fault(
            self.rows.name,
            f"column {shown(self.column)} has median {median:g}: the unit of time is unclear",
            "seconds are 1e8 to 4e9, ms 1e11 to 4e12, us 1e14 to 4e15, ns 1e17 to 4e18",
            "--time-unit s|ms|us|ns|order, or --date-format %Y%m%d",
            "D8",
        )

    def _refuse_mixed(self, unit: str, values: np.ndarray, missing: np.ndarray) -> None:
        low, high = UNITS[unit]
        other = ~missing & (values > 0) & ((values > 20 * high) | (values < low / 20))
        in_some = np.zeros(len(values), bool)
        factor = 1.0
        for name, (first, last) in UNITS.items():
            if name != unit:
                here = other & (values >= first) & (values <= last)
                if here.any():
                    factor = TO_MS[unit] / TO_MS[name]
                in_some |= here
        if not in_some.any():
            return
        row = int(np.flatnonzero(in_some)[0])
        times_ = f"{factor:g} times larger" if factor > 1 else f"{1 / factor:g} times smaller"
        raise fault(
            self.rows.where(row, self.column),
            f"{in_some.mean():.2%} of times are {times_} than the rest (first here: "
            f"{shown(cell(self.rows, self.column, row))})",
            "one column has one unit; no guess is made",
            "convert the column or import the parts separately",
            "D8",
        )

    def _refuse_not_positive(self, values: np.ndarray, missing: np.ndarray) -> None:
        low = np.flatnonzero(~missing & (values <= 0))
        if len(low) and "D8" not in self.options.accept:
            row = int(low[0])
            raise fault(
                self.rows.where(row, self.column),
                f"time {shown(cell(self.rows, self.column, row))} ({len(low)} rows have 0 or less)",
                "times lie after 1990; 0 often means missing",
                "--time-missing 0 with --bad-rows skip:N, or --accept D8",
                "D8",
            )

    def _order(self, values: np.ndarray, missing: np.ndarray) -> Times:
        if (values[~missing] != np.floor(values[~missing])).any():
            raise fault(
                self.rows.name,
                f"column {shown(self.column)} has fractions",
                "an order is whole numbers",
                "--time-unit s",
                "D8",
            )
        note = "time column holds order only: no clock"
        return Times(values.astype(np.int64), False, "order", (note,))

    def dates(self, series: pl.Series) -> Times:
        text = series.cast(pl.String)
        missing = self._missing(text)
        stamp, notes = stamps(
            text, self.options.date_format, lambda row: self.rows.where(row, self.column)
        )
        wrong = stamp.is_null().to_numpy() & ~missing
        rule = "a time is a number or a date (YYYY-MM-DD[ HH:MM:SS])"
        remedy = "--time-unit or --date-format, fix the row or --bad-rows skip:N"
        self._bad(wrong, "time", rule, remedy)
        values = stamp.cast(pl.Int64).fill_null(EARLIEST).to_numpy()
        return Times(values, True, "date", tuple(notes))

    def refuse_range(self, read: Times) -> None:
        """Times before 1990 or after tomorrow stop the import."""
        latest = int((datetime.now(UTC) + timedelta(days=1)).timestamp() * 1000)
        out = np.flatnonzero((read.values < EARLIEST) | (read.values > latest))
        if not len(out):
            return
        row = int(out[0])
        late = int((read.values > latest).sum())
        raise fault(
            self.rows.where(row, self.column),
            f"{len(out) - late} times before 1990 and {late} in the future (first "
            f"{shown(cell(self.rows, self.column, row))} = {said(int(read.values[row]))})",
            "times lie between 1990 and tomorrow",
            "--time-unit if the unit is another, or --accept D8",
            "D8",
        )


def said(ms: int) -> str:
    """The moment in words, for messages: any int64."""
    try:
        return (datetime(1970, 1, 1) + timedelta(milliseconds=ms)).strftime("%Y-%m-%d %H:%M:%S")
    except OverflowError:
        return f"{ms / (365.25 * DAY):+.0f} years from 1970"
