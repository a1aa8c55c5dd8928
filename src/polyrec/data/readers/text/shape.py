"""What kind of table a text is: its separator, its quote, its header.

Looked up in the first 64 KB, up to 100 lines. Nothing is guessed where two answers are
possible: the error names the flag that decides.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice

from polyrec.data.readers.faults import fault, refuse_twins, shown
from polyrec.data.readers.options import ReadOptions
from polyrec.data.readers.text.content import HEAD, Text

LINES = 100
SEPARATORS = ("\t", "::", ",", ";", "|", " ")
NAMES = {"\t": "tab", "::": "::", ",": "comma", ";": "semicolon", "|": "bar", " ": "space"}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Shape:
    """How the text splits into named columns."""

    sep: str
    quote: str  # "" = quotes are text
    names: tuple[str, ...]
    body: int  # offset of the first data byte
    first: int  # line of the first data byte, 1-based
    notes: tuple[str, ...] = ()


def shape_of(text: Text, options: ReadOptions, known: frozenset[str]) -> Shape:
    """The shape of a delimited text.

    `known` are the column names (lower case, letters and digits only) that prove a header.

    Raises:
        ValueError: one column, a header that is missing, looks like data or names a column twice.
    """
    quote = "" if options.quote == "none" else options.quote
    sep = _separator(text, options, quote)
    fields, used = _first_record(text, sep, quote)
    if not options.header:
        return Shape(sep, quote, _given_names(text, options, len(fields)), 0, 1)
    names = tuple(name.strip() for name in fields)
    _refuse_data_as_header(text, sep, names, known)
    notes = [f'column {i} has no name: called "column_{i}"' for i in _unnamed(names)]
    names = tuple(name or f"column_{i}" for i, name in enumerate(names, 1))
    refuse_twins(f"{text.name}:1", names, "rename one, or --no-header --columns ...")
    return Shape(sep, quote, names, used, text.line_at(used), tuple(notes))


def plain_name(name: str) -> str:
    """A column name as it is compared: lower case, letters and digits only.

    >>> plain_name("User_ID"), plain_name("userId")
    ('userid', 'userid')
    """
    return re.sub(r"[\W_]+", "", name.lower())


def records(text: str, sep: str, quote: str) -> list[list[str]]:
    """Up to 100 records of a piece of text, blank ones left out."""
    lines = text.split("\n")
    if sep == "::":
        return [line.split("::") for line in lines[:LINES] if line]
    ends = (line + "\n" for line in lines)
    if quote:
        reader = csv.reader(ends, delimiter=sep, quotechar=quote)
    else:
        reader = csv.reader(ends, delimiter=sep, quoting=csv.QUOTE_NONE)
    out: list[list[str]] = []
    try:
        out.extend(islice((row for row in reader if row), LINES))
    except csv.Error:  # a field past the csv module's own limit: what was read will do here
        return out
    return out


def _head(text: Text) -> str:
    """The first whole lines; the last one is cut off where the block ends inside it."""
    piece = text.data[:HEAD]
    if len(text.data) > HEAD and b"\n" in piece:
        piece = piece[: piece.rfind(b"\n")]
    return piece.decode("utf-8", "ignore").rstrip("\n")


def _separator(text: Text, options: ReadOptions, quote: str) -> str:
    piece = _head(text)
    wanted = options.sep.replace("\\t", "\t")
    found = {sep: _columns(records(piece, sep, quote)) for sep in SEPARATORS}
    if wanted:
        if _columns(records(piece, wanted, quote))[0] < 2:
            raise _one_column(text, piece, wanted, found)
        return wanted
    steady = [sep for sep, (columns, share) in found.items() if columns > 1 and share >= 0.9]
    if steady:
        return steady[0]
    some = [sep for sep, (columns, _) in found.items() if columns > 1]
    if not some:
        raise _one_column(text, piece, "", found)
    return max(some, key=lambda sep: found[sep][1])


def _columns(rows: list[list[str]]) -> tuple[int, float]:
    """(columns of most rows, share of rows that have them; 0 when the first has not)."""
    counts = Counter(len(row) for row in rows)
    if not counts:
        return 0, 0.0
    columns, number = counts.most_common(1)[0]
    return columns, number / len(rows) if len(rows[0]) == columns else 0.5 * number / len(rows)


def _one_column(
    text: Text, piece: str, wanted: str, found: dict[str, tuple[int, float]]
) -> ValueError:
    better = [sep for sep, (columns, share) in found.items() if columns > 1 and share > 0.5]
    lines = min(LINES, piece.count("\n") + 1)
    what = "1 column"
    if wanted:
        what += f' with separator "{NAMES.get(wanted, wanted)}"'
    if better:
        sep = better[0]
        what += f", but {found[sep][0] - 1} x {NAMES[sep]} in each of the first {lines} lines"
    told = repr(better[0]) if better else "CHARACTER"
    return fault(text.name, what, "an actor and a target are two columns", f"--sep {told}")


def _first_record(text: Text, sep: str, quote: str) -> tuple[list[str], int]:
    """Fields of the first record and the offset after it."""
    start = len(text.data) - len(text.data.lstrip(b"\n"))
    end = text.data.find(b"\n", start)
    end = len(text.data) if end < 0 else end
    line = text.data[start:end].decode()
    if quote and line.count(quote) % 2:
        raise fault(
            f"{text.name}:{text.line_at(start)}",
            "a quote opened on this line is not closed on it",
            "the first line (names of columns) must stand on one line",
            "--quote none",
        )
    rows = records(line, sep, quote)
    return (rows[0] if rows else [line]), min(end + 1, len(text.data))


def _given_names(text: Text, options: ReadOptions, count: int) -> tuple[str, ...]:
    names = options.columns or tuple(f"column_{i}" for i in range(1, count + 1))
    if len(names) != count:
        raise fault(
            f"{text.name}:1",
            f"{count} fields, but --columns names {len(names)}",
            "one name a field",
            f"name all {count}",
        )
    refuse_twins(f"{text.name}:1", names, "rename one, or --no-header --columns ...")
    return names


def _refuse_data_as_header(
    text: Text, sep: str, names: tuple[str, ...], known: frozenset[str]
) -> None:
    numbers = any(NUMBER.fullmatch(name) for name in names)
    if numbers and not any(plain_name(name) in known for name in names):
        raise fault(
            f"{text.name}:1",
            f"first line {shown(' '.join(names))} looks like data",
            "a header names its columns",
            "--no-header --columns NAME,NAME,... if it is data",
        )


def _unnamed(names: tuple[str, ...]) -> list[int]:
    return [i for i, name in enumerate(names, 1) if not name]
