"""Dates written as text: ISO 8601 and its cousins; day and month are never guessed."""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl

from polyrec.data.readers.faults import fault, shown

ISO = (
    r"^\s*(\d{4})[-/](\d{1,2})[-/](\d{1,2})"
    r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?\s*$"
)
ZONED = r":\d{2}.*(Z|UTC|[+-]\d{2}:?\d{2})\s*$"
NO_ZONE = "times without zone read as UTC"
SLASHED = re.compile(r"\s*(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})\b")
Where = Callable[[int], str]  # row -> FILE:LINE:COLUMN


def stamps(text: pl.Series, date_format: str, where: Where) -> tuple[pl.Series, list[str]]:
    """[rows] Datetime("ms"), null where a cell is no date, and what was assumed.

    Raises:
        ValueError: 03/04/2019 may be two days; no cell of the column decides.
    """
    if date_format:
        try:
            read = text.str.strptime(pl.Datetime("ms"), date_format, strict=False, exact=True)
        except pl.exceptions.PolarsError as error:
            raise ValueError(
                f"--date-format: got {shown(date_format)}; a strptime format with year, month and "
                f"day ({shown(error)}); for example %d/%m/%Y"
            ) from None
        return read, [f"dates read as {date_format}", *([] if "%z" in date_format else [NO_ZONE])]
    read = text.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="ms", strict=False)
    notes = [NO_ZONE] if read.is_not_null().any() else []
    if read.is_null().any():
        rest = text.set(read.is_not_null(), None)
        read = read.fill_null(_iso(rest))
        notes = [NO_ZONE] if notes or (rest.str.contains(ZONED) == False).any() else []  # noqa: E712
    left = read.is_null() & text.str.contains(r"^\s*\d{1,2}[/.-]\d{1,2}[/.-]\d{4}\b")
    if not left.any():
        return read, notes
    form = _day_and_month(text.filter(left).to_list(), int(left.arg_max() or 0), where)
    note = f"dates read as {form}: no other order of day and month fits"
    return read.fill_null(_slashed(text, form)), [note, NO_ZONE]


def _slashed(text: pl.Series, form: str) -> pl.Series:
    days = text.str.extract(r"^\s*(\d{1,2}[/.-]\d{1,2}[/.-]\d{4})(?:\s|$)", 1)
    days = days.str.replace_all(r"[.-]", "/")
    clock = text.str.extract(r"^\s*\S+\s+(\d{1,2}:\d{2}(?::\d{2})?)\s*$", 1)
    bare = text.str.contains(r"^\s*\S+\s*$")
    clock = (clock + ":00").str.extract(r"^(\d{1,2}:\d{2}:\d{2})", 1)
    clock = clock.set(bare & clock.is_null(), "00:00:00")
    return (days + " " + clock).str.to_datetime(f"{form} %H:%M:%S", time_unit="ms", strict=False)


def _day_and_month(cells: list[str], row: int, where: Where) -> str:
    """Day and month of 13/04/2019 tell themselves; 03/04/2019 does not."""
    parts = [m for m in map(SLASHED.match, cells) if m]
    day_first = any(int(m[1]) > 12 for m in parts)
    month_first = any(int(m[2]) > 12 for m in parts)
    if day_first != month_first:
        return "%d/%m/%Y" if day_first else "%m/%d/%Y"
    raise fault(
        where(row),
        f"date {shown(cells[0])} may be DD/MM or MM/DD",
        "dates are never guessed",
        "--date-format %d/%m/%Y or %m/%d/%Y",
        "D8",
    )


def _iso(text: pl.Series) -> pl.Series:
    """ISO 8601 in its usual forms, zones taken into account; null where it is none."""
    part = text.str.extract_groups(ISO).struct.unnest()
    hour, minute, second = (pl.col(i).cast(pl.Int64).fill_null(0) for i in ("4", "5", "6"))
    millis = pl.col("7").str.pad_end(3, "0").str.slice(0, 3).cast(pl.Int64).fill_null(0)
    zone = pl.col("8").str.replace(":", "").str.replace("^(Z|UTC)$", "+0000")
    shift = zone.str.slice(1, 2).cast(pl.Int64) * 60 + zone.str.slice(3, 2).cast(pl.Int64)
    shift = (pl.when(zone.str.starts_with("-")).then(-shift).otherwise(shift)).fill_null(0)
    day = pl.concat_str(
        [pl.col("1"), pl.col("2").str.zfill(2), pl.col("3").str.zfill(2)], separator="-"
    ).str.to_datetime("%Y-%m-%d", time_unit="ms", strict=False)
    ms = day.cast(pl.Int64) + (hour * 3600 + (minute - shift) * 60 + second) * 1000 + millis
    good = (hour < 24) & (minute < 60) & (second < 61)
    moment = pl.when(good).then(ms).otherwise(None).cast(pl.Datetime("ms"))
    return part.select(moment.alias("moment")).to_series()
