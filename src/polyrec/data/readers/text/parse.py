"""A delimited text as columns of text, each row's line known, nothing dropped unseen.

The good path is Arrow's parser over whole blocks. What it is lenient about (a quote never
closed, text after a closing quote) and what it cannot name (the line of a fault) is found by a
second, slow pass, which runs only when something is wrong.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from polyrec.data.readers.faults import Fault, Faults, fault, shown
from polyrec.data.readers.options import ReadOptions, allowed
from polyrec.data.readers.rows import Rows
from polyrec.data.readers.text.content import Text
from polyrec.data.readers.text.shape import Shape

BLOCK = 8 << 20
UNIT_SEPARATOR = "\x1f"


def parse(
    text: Text, shape: Shape, options: ReadOptions, wanted: Sequence[str] | None = None
) -> Rows:
    """The text's rows; only the columns `wanted` (None = all) are kept.

    Raises:
        ValueError: no rows, a row with too few or too many fields, a quote never closed.
    """
    body = _Body(text, shape)
    if body.empty:
        raise fault(
            f"{text.name}:{shape.first}",
            f"0 rows after the header ({shown(', '.join(shape.names))})",
            "at least one row is needed",
            "name another file, or --no-header if the first line is data",
        )
    ragged: list[int] = []
    table = _read(body, list(shape.names if wanted is None else wanted), ragged)
    body.ragged = bool(ragged)
    body.check_quotes(table.num_rows + len(ragged))
    notes = [*text.notes, *shape.notes, *_settle_ragged(body, ragged, options)]
    if body.blank:
        notes.append(f"{body.blank} blank lines passed over")
    columns = {name: table.column(name) for name in table.column_names}
    place = {name: i for i, name in enumerate(shape.names, 1)}
    return Rows(
        name=text.name,
        columns=columns,
        count=table.num_rows,
        place=place,
        line=body.line if body.winding else lambda row: shape.first + row,  # frees the text
        sha256=text.sha256,
        left_out=len(ragged),
        notes=tuple(notes),
    )


def _read(body: _Body, wanted: list[str], ragged: list[int]) -> pa.Table:
    def skip(row: arrow_csv.InvalidRow) -> str:
        ragged.append(row.actual_columns)
        return "skip"

    names = list(body.shape.names)
    try:
        return arrow_csv.read_csv(
            pa.BufferReader(body.arrow),
            read_options=arrow_csv.ReadOptions(column_names=names, block_size=BLOCK),
            parse_options=arrow_csv.ParseOptions(
                delimiter=body.sep,
                quote_char=body.shape.quote if body.quoted else False,
                newlines_in_values=body.quoted,
                invalid_row_handler=skip,
            ),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=wanted,
                column_types={name: pa.string() for name in names},
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid as error:
        body.check_quotes(-1)
        raise fault(
            body.text.name,
            f"cannot be split into rows: {shown(error)}",
            f"a row may have at most {BLOCK >> 20} MB",
            "a wrong separator or an unclosed quote? --sep, --quote none",
        ) from None


def _settle_ragged(body: _Body, ragged: list[int], options: ReadOptions) -> list[str]:
    if not ragged:
        return []
    wide = len(body.shape.names)
    found = [(row, line, len(f)) for row, line, f in body.records() if len(f) != wide]
    if len(found) != len(ragged):
        raise fault(
            body.text.name,
            f"{len(ragged)} rows do not have {wide} fields",
            "quotes in them are broken",
            "--quote none",
        )
    lines = {row: line for row, line, _ in found}
    fields = {row: count for row, _, count in found}
    total = body.rows
    faults = Faults(lambda row: f"{body.text.name}:{lines[row]}", total)
    rows = np.array([row for row, _, _ in found], np.int64)

    named = "the header has" if body.shape.first > 1 else "every row must have"

    def say(row: int) -> str:
        return f"{fields[row]} fields, {named} {wide}"

    remedy = "quote the text or --bad-rows skip:N"
    faults.add(Fault("wrong number of fields", rows, 0, say, "every row has the same", remedy))
    _, notes = faults.settle(allowed(options.bad_rows, total))
    return notes


@dataclass
class _Body:
    """The rows of a text, and the slow way through them."""

    text: Text
    shape: Shape
    ragged: bool = False
    lines_of: np.ndarray | None = field(default=None)

    @property
    def view(self) -> memoryview:
        """The rows' bytes, not copied."""
        return memoryview(self.text.data)[self.shape.body :]

    @property
    def empty(self) -> bool:
        """Whether nothing stands after the header."""
        return not self.text.data[self.shape.body : self.shape.body + 4096].strip(b"\n") and not (
            bytes(self.view).strip(b"\n")
        )

    @property
    def winding(self) -> bool:
        """Whether rows and lines may part: blank lines, rows left out, line ends in quotes."""
        return bool(self.ragged or self.blank or self.quoted)

    @property
    def sep(self) -> str:
        return UNIT_SEPARATOR if self.shape.sep == "::" else self.shape.sep

    @property
    def arrow(self) -> pa.Buffer:
        if self.shape.sep == "::":
            return pa.py_buffer(bytes(self.view).replace(b"::", UNIT_SEPARATOR.encode()))
        return pa.py_buffer(self.view)

    @cached_property
    def quoted(self) -> bool:
        quote = self.shape.quote.encode()
        return bool(quote) and self.shape.sep != "::" and self._has(quote)

    @cached_property
    def blank(self) -> int:
        """Blank lines among the rows (not the end of the last line)."""
        if not self._has(b"\n\n") and bytes(self.view[:1]) != b"\n":
            return 0
        ends = np.frombuffer(self.view, np.uint8) == 10
        return int(ends[0]) + int((ends[1:] & ends[:-1]).sum())

    @cached_property
    def rows(self) -> int:
        """Lines that are not blank."""
        text, body = self.text.data, self.shape.body
        lines = text.count(b"\n", body) + (not text.endswith(b"\n"))
        return lines - self.blank

    def _has(self, piece: bytes) -> bool:
        return self.text.data.find(piece, self.shape.body) >= 0

    def check_quotes(self, rows: int) -> None:
        """Walks through the records strictly where counts leave room for a broken quote."""
        if not self.quoted:
            return
        quote = self.shape.quote.encode()
        even = self.text.data.count(quote, self.shape.body) % 2 == 0
        if rows == self.rows and even and not self._inner(quote):
            return
        found = sum(1 for _ in self.records())
        if 0 <= rows != found:
            raise fault(
                self.text.name,
                f"{found} or {rows} rows, depending on how its quotes are read",
                "quotes come in pairs around a whole field (RFC 4180)",
                "--quote none if quotes are ordinary text here",
            )

    def _inner(self, quote: bytes) -> bool:
        """Whether some quote stands between two characters of a field."""
        outer = b"[^" + re.escape(quote) + re.escape(self.sep.encode()) + b"\n]"
        return re.search(outer + re.escape(quote) + outer, self.view) is not None

    def line(self, row: int) -> int:
        """The line of the file on which row `row` of the kept rows starts."""
        if not self.winding:
            return self.shape.first + row
        if self.lines_of is None:
            wide = len(self.shape.names)
            kept = [line for _, line, fields in self.records() if len(fields) == wide]
            self.lines_of = np.array(kept, np.int64)
        return int(self.lines_of[row])

    def records(self) -> Iterator[tuple[int, int, list[str]]]:
        """(record, line, fields) of every record, strictly by RFC 4180."""
        lines = bytes(self.view).decode().split("\n")
        if self.shape.sep == "::" or not self.quoted:
            found = (
                (self.shape.first + i, line.split(self.shape.sep))
                for i, line in enumerate(lines)
                if line
            )
            yield from ((row, line, fields) for row, (line, fields) in enumerate(found))
            return
        reader = csv.reader(
            (line + "\n" for line in lines),
            delimiter=self.sep,
            quotechar=self.shape.quote,
            strict=True,
        )
        yield from self._strict(reader)

    def _strict(self, reader: Any) -> Iterator[tuple[int, int, list[str]]]:
        row = 0
        while True:
            start = self.shape.first + reader.line_num
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise self._broken_quote(start, str(error)) from None
            if fields:
                yield row, start, fields
                row += 1

    def _broken_quote(self, line: int, error: str) -> ValueError:
        ended = "unexpected end" in error or "field larger" in error
        what = (
            f"a quote opened on line {line} is never closed"
            if ended
            else "text stands after a closing quote"
        )
        return fault(
            f"{self.text.name}:{line}",
            what,
            "quotes come in pairs around a whole field (RFC 4180)",
            "--quote none if quotes are ordinary text here",
        )
