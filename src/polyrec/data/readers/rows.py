"""Rows as a reader found them: columns still as they stand in the file, each row's line known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Rows:
    """A parsed table: text (or, from Parquet and frames, typed) columns of equal length."""

    name: str  # the file, for messages
    columns: Mapping[str, pa.ChunkedArray]
    count: int
    place: Mapping[str, int]  # column -> 1-based field number, for messages
    line: Callable[[int], int]  # row -> 1-based line of its file
    sha256: str = ""
    left_out: int = 0  # bad rows that were left out, as asked
    notes: tuple[str, ...] = ()
    file: Callable[[int], str] | None = None  # row -> file, where there are several

    def where(self, row: int, column: str = "") -> str:
        """`FILE:LINE` or `FILE:LINE:COLUMN` of a cell."""
        place = self.place.get(column, 0)
        name = self.name if self.file is None else self.file(row)
        return f"{name}:{self.line(row)}" + (f":{place}" if place else "")


def joined(name: str, parts: Sequence[Rows]) -> Rows:
    """The rows of several files one after another; messages still name file and line."""
    start = np.cumsum([0, *(part.count for part in parts)])

    def at(row: int) -> tuple[Rows, int]:
        which = int(np.searchsorted(start, row, "right")) - 1
        return parts[which], row - int(start[which])

    def line(row: int) -> int:
        part, inside = at(row)
        return part.line(inside)

    columns = {
        column: pa.chunked_array([c for part in parts for c in part.columns[column].chunks])
        for column in parts[0].columns
    }
    return Rows(
        name=name,
        columns=columns,
        count=int(start[-1]),
        place=parts[0].place,
        line=line,
        left_out=sum(part.left_out for part in parts),
        notes=tuple(f"{part.name}: {note}" for part in parts for note in part.notes),
        file=lambda row: at(row)[0].name,
    )
