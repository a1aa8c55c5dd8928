"""How a log is to be read: one frozen value, a flag of `polyrec data import` for each field."""

from __future__ import annotations

import math
import os
import re
from dataclasses import asdict, dataclass
from typing import Literal

from polyrec.data.events import JSON

Unit = Literal["auto", "s", "ms", "us", "ns", "iso", "order"]
Order = Literal["auto", "frequency", "first", "given"]
UNITS = ("auto", "s", "ms", "us", "ns", "iso", "order")
ORDERS = ("auto", "frequency", "first", "given")
SIZES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class ReadOptions:
    """Everything that steers a reader. Empty means: found out from the file, and said.

    Column names are those of the file's header (or of `columns` where it has none).
    """

    reader: str = ""  # a name of READERS; empty = recognised from the file
    actor: str = ""  # column of who acted
    target: str = ""  # column of what was acted on
    time: str = ""  # column of when
    kind: str = ""  # column of what was done (click, buy ...)
    weight: str = ""  # column kept as float32 "weight"
    label: tuple[str, ...] = ()  # 0/1 columns kept as int8
    session: str = ""  # column kept as int32 "session"
    rating: str = ""  # column kept as float32 "rating"
    position: str = ""  # column kept as int16 "position"
    positive: str = ""  # "rating>=4": which rows are events; empty = every row
    sep: str = ""  # one byte, or "::"
    header: bool = True  # False: the first line is data already
    columns: tuple[str, ...] = ()  # names of the columns of a file without header
    quote: str = '"'  # "none" switches quoting off
    encoding: str = "utf-8"
    time_unit: Unit = "auto"
    time_missing: float | None = None  # this time means "missing": such rows are left out
    date_format: str = ""  # strptime form of ambiguous dates: "%d/%m/%Y"
    part: str = ""  # column of a given split: train, valid, test, or 0, 1, 2
    valid: str = ""  # file beside this one that is the valid part of a given split
    test: str = ""  # likewise, the test part
    rename: tuple[tuple[str, str], ...] = ()  # (new, old): extra columns to keep, as float32
    ignore: tuple[str, ...] = ()  # columns never to look at
    fill: tuple[tuple[str, float], ...] = ()  # (column, value) for missing numbers
    list_sep: str = " "  # between the values of a list inside one field
    bad_rows: str = ""  # "skip:N" or "skip:0.1%": how many bad rows may be left out
    keep_null_keys: bool = False  # "nan", "null" and "None" are real keys
    key_int: bool = False  # keys like "123.0" are read as integers
    ignore_unknown: bool = False  # features of ids that a format does not name are dropped
    keep: Literal["", "first", "last"] = ""  # which of two table rows with the same key
    accept: tuple[str, ...] = ()  # findings that do not stop the import: "D8"
    order: Order = "auto"  # of the vocabularies
    mem: int = 0  # bytes that reading may take; 0 = four fifths of the machine's

    def __post_init__(self) -> None:
        """Checks what can be checked without a file."""
        _one_of("--time-unit", self.time_unit, UNITS)
        _one_of("--order", self.order, ORDERS)
        _one_of("--keep", self.keep, ("", "first", "last"))
        if len(self.sep) > 1 and self.sep != "::":
            raise ValueError(f'--sep: got "{self.sep}"; one character, "\\t" or "::"; name one')
        if not self.sep.isascii():
            raise ValueError(f'--sep: got "{self.sep}"; a separator is one ASCII byte; name one')
        if self.quote != "none" and len(self.quote.encode()) != 1:
            raise ValueError(f'--quote: got "{self.quote}"; one character or none; name one')
        allowed(self.bad_rows, 0)
        _check_encoding(self.encoding)

    def told(self) -> dict[str, JSON]:
        """The options that differ from the defaults, as JSON values: kept with the data set."""
        mine, plain = asdict(self), asdict(ReadOptions())
        return {name: _plain(value) for name, value in mine.items() if value != plain[name]}


def _plain(value: JSON | tuple[object, ...]) -> JSON:
    """Tuples become lists, as JSON has them."""
    return [_plain(v) for v in value] if isinstance(value, tuple) else value  # type: ignore[arg-type]


def _one_of(flag: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        from polyrec.data.readers.faults import near

        names = [name for name in known if name]
        raise ValueError(
            f'{flag}: got "{value}"; one of {", ".join(names)}; nearest: {near(value, names, 1)}'
        )


def _check_encoding(name: str) -> None:
    try:
        "a".encode(name)
    except LookupError:
        raise ValueError(
            f'--encoding: got "{name}"; a text encoding that Python knows; for example latin-1'
        ) from None


def allowed(bad_rows: str, rows: int) -> int:
    """How many of `rows` may be bad under `bad_rows`.

    >>> allowed("skip:20", 1000), allowed("skip:0.5%", 1000), allowed("", 1000)
    (20, 5, 0)
    """
    if not bad_rows:
        return 0
    match = re.fullmatch(r"skip:(\d+(?:\.\d+)?)(%?)", bad_rows)
    if not match or (not match[2] and "." in match[1]) or (match[2] and float(match[1]) > 100):
        raise ValueError(
            f'--bad-rows: got "{bad_rows}"; a count "skip:20" or a share "skip:0.1%"; '
            "leave it out to stop at the first bad row"
        )
    return math.floor(float(match[1]) / 100 * rows) if match[2] else int(match[1])


def size(text: str) -> int:
    """Bytes of "3G", "500M" or "1000000".

    >>> size("2K")
    2048
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", text.strip().upper())
    if not match:
        raise ValueError(f'--mem: got "{text}"; a size like 500M or 3G; name one')
    return int(float(match[1]) * SIZES[match[2]])


def budget(options: ReadOptions) -> int:
    """Bytes that reading may take."""
    if options.mem:
        return options.mem
    return int(0.8 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def within(options: ReadOptions, needed: int, name: str) -> None:
    """Refuses before memory runs out.

    Raises:
        MemoryError: `needed` bytes are more than the budget; both are named.
    """
    limit = budget(options)
    if needed > limit:
        raise MemoryError(
            f"{name}: needs {told(needed)} of memory; limit {told(limit)}; "
            "raise --mem, or import the file in parts"
        )


def told(count: int) -> str:
    """A number of bytes for a message.

    >>> told(1024), told(7_200_000_000)
    ('0.000977 MB', '6.71 GB')
    """
    return f"{count / 2**30:.2f} GB" if count >= 2**30 else f"{count / 2**20:.3g} MB"
