"""seq.jsonl, a line a user: records of what was shown and done, and one of who it is."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from polyrec.data.readers.faults import Fault, Faults, fault, shown
from polyrec.data.readers.formats.tencentgr.coded import (
    ITEM_SPARSE,
    USER_ARRAYS,
    USER_SPARSE,
    Broken,
    Codes,
    Features,
    Value,
    refuse_key,
)
from polyrec.data.readers.formats.tencentgr.line import Line, parsed
from polyrec.data.readers.options import ReadOptions, allowed, within
from polyrec.data.readers.rows import Rows
from polyrec.data.readers.text.content import stream

KINDS = ("exposure", "click", "conversion")  # action_type 0, 1, 2
BYTES = 24  # an event, in the columns kept here


class Lines:
    """The lines of a text file with number and byte offset; a block in memory at a time."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of the decompressed bytes that were read so far."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[tuple[int, int, bytes]]:
        number, offset, rest = 0, 0, b""
        for block in stream(self.path):
            self._digest.update(block)
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                number += 1
                yield number, offset, line
                offset += len(line) + 1
        if rest:
            yield number + 1, offset, rest


class Records:
    """Columns of all events and the tables beside them, filled a user at a time.

    Nothing of a line is kept unless the whole line is right.
    """

    def __init__(self, options: ReadOptions) -> None:
        self.options = options
        self.users, self.items = Codes(), Codes()
        self.about_users = Features("user", USER_SPARSE, USER_ARRAYS, options)
        self.about_items = Features("item", ITEM_SPARSE, (), options)
        self.bare: set[int] = set()  # items of which nothing is known yet
        self.lengths, self.lines = array("q"), array("q")  # a user each
        self.item, self.action, self.time = array("i"), array("b"), array("q")
        self.broken: list[tuple[int, int, Broken]] = []

    def read(self, lines: Lines) -> None:
        """Every line.

        Raises:
            ValueError: a line is wrong, and `bad_rows` does not allow for it.
        """
        for number, offset, line in lines:
            if not line.strip():
                continue
            try:
                self._line(number, line)
            except Broken as broken:
                self.broken.append((number, offset, broken))
                if not self.options.bad_rows:
                    break
            if number % 1024 == 0:
                within(self.options, BYTES * len(self.item), lines.name)
        self.notes = self._settle(lines.name)

    def rows(self, lines: Lines, users: Codes, items: Codes) -> Rows:
        """The events as columns; `users` and `items` hold the keys to write."""
        lengths = np.frombuffer(self.lengths, np.int64)
        start = np.cumsum(lengths) - lengths
        codes = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
        kinds = pa.DictionaryArray.from_arrays(
            pa.array(np.frombuffer(self.action, np.int8)), pa.array(KINDS, pa.string())
        )
        columns = {
            "user": users.column(codes),
            "item": items.column(np.frombuffer(self.item, np.int32)),
            "timestamp": pa.array(np.frombuffer(self.time, np.int64)),
            "action": kinds,
        }
        return Rows(
            name=lines.name,
            columns={name: pa.chunked_array([column]) for name, column in columns.items()},
            count=len(self.item),
            place={},
            line=lambda row: self.lines[int(np.searchsorted(start, row, "right")) - 1],
            sha256=lines.sha256,
            left_out=len(self.broken),
            notes=tuple(self.notes),
        )

    def _line(self, number: int, text: bytes) -> None:
        line = parsed(text)
        user = str(line.user)
        refuse_key(user, "user", self.options)
        if user in self.users.known:
            first = self.lines[self.users.code(user)]
            what = f"user {shown(user)} stands on line {first} too"
            raise Broken("a user twice", what, "a line holds all records of a user")
        about, new = self.about_users.checked(line.about), self._new(line)
        self.users.code(user)  # nothing above this line keeps anything
        self.about_users.append(about)
        for item, features in new.items():
            self.add_item(item, features)
        code = self.items.code
        self.item.extend([code(item) for item in line.items])
        self.action.extend(line.actions)
        self.time.extend(line.times)
        self.lengths.append(len(line.items))
        self.lines.append(number)

    def _new(self, line: Line) -> dict[Value, Mapping[str, object]]:
        """The items of a line that are new or were bare, with their features."""
        new: dict[Value, Mapping[str, object]] = {}
        known, bare = self.items.known, self.bare
        for item, features in zip(line.items, line.features, strict=True):
            code = known.get(item)
            if (code is None or code in bare) and not new.get(item):
                refuse_key(str(item), "item", self.options)
                new[item] = self.about_items.checked(features or {})
        return new

    def add_item(self, item: Value, features: Mapping[str, object]) -> bool:
        """An item with its features; False where it has others already (these stay)."""
        before = len(self.items)
        row = self.items.code(item)
        if row == before:
            self.about_items.append(features)
            if not features:
                self.bare.add(row)
            return True
        if row in self.bare:
            if features:
                self.about_items.refill(row, features)
                self.bare.discard(row)
            return True
        return not self.about_items.differs(row, features)

    def _settle(self, name: str) -> list[str]:
        total = len(self.lines) + len(self.broken)
        if not total:
            raise fault(name, "holds blank lines only", "at least one user", "name another file")
        if not self.broken:
            return []
        limit = allowed(self.options.bad_rows, total)
        _, offset, first = self.broken[0]
        faults = Faults(lambda row: f"{name}:{self.broken[row][0]}", total)
        faults.add(
            Fault(
                kind="wrong line",
                rows=np.arange(len(self.broken)),
                column=0,
                say=lambda row: f"{first.what} (the line begins at byte {offset})",
                rule=first.rule,
                remedy=f"{first.remedy}, or --bad-rows skip:N leaves the user out",
            )
        )
        if len(self.broken) == total:
            limit = 0
        _, notes = faults.settle(limit)
        kinds = ", ".join(dict.fromkeys(broken.kind for _, _, broken in self.broken))
        return [f"{note} ({kinds})" for note in notes]
