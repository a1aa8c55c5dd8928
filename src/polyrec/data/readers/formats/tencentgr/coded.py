"""Keys and features as numbers, in compact columns, while a file streams by."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from polyrec.data.readers.columns.keys import LONGEST, NULL_WORDS
from polyrec.data.readers.faults import shown
from polyrec.data.readers.options import ReadOptions
from polyrec.data.tables import Bag, Column, Sparse
from polyrec.data.vocab import Vocab

Value = int | str
ITEM_SPARSE = ("100", "101", "102", "111", "112", *(str(id) for id in range(114, 123)))
USER_SPARSE = ("103", "104", "105", "109")
USER_ARRAYS = ("106", "107", "108", "110")
HALF = re.compile("[\ud800-\udfff]")
NOTHING = ("", "0")  # values are numbered from 1 in the files; 0 is their padding


class Broken(Exception):  # noqa: N818  # a finding on its way to a message, not an error to raise
    """What is wrong with a line, which rule it breaks, what to do."""

    def __init__(self, kind: str, what: str, rule: str, remedy: str = "fix the line") -> None:
        super().__init__(what)
        self.kind, self.what, self.rule, self.remedy = kind, what, rule, remedy


class Codes:
    """Numbers distinct values 0, 1, … in order of appearance; 5 and "5" are the same one."""

    def __init__(self) -> None:
        self.known: dict[Value, int] = {}  # both spellings
        self.texts: list[str] = []

    def __len__(self) -> int:
        return len(self.texts)

    def code(self, value: Value) -> int:
        """The number of a value."""
        found = self.known.get(value)
        if found is not None:
            return found
        text = str(value)
        found = self.known.get(text)
        if found is None:
            found = len(self.texts)
            self.texts.append(text)
            self.known[text] = found
        self.known[value] = found
        return found

    def column(self, codes: np.ndarray) -> pa.DictionaryArray:
        """Keys by their numbers, never written out."""
        texts = pa.array(self.texts, pa.large_string())
        return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), texts)


def refuse_key(text: str, what: str, options: ReadOptions) -> None:
    """A key has text, at most 1,024 bytes of it, and is no word for nothing.

    Raises:
        Broken: it is not.
    """
    rule = f"every event needs a key for its {what}"
    if not text.strip():
        raise Broken(f"empty {what}", f"empty {what}", rule)
    if len(text.encode("utf-8", "surrogatepass")) > LONGEST:
        rule = f"a key has at most {LONGEST} bytes"
        raise Broken(f"overlong {what}", f"{what} key {shown(text)} of {len(text)}", rule)
    if text in NULL_WORDS and not options.keep_null_keys:
        remedy = "--keep-null-keys keeps it"
        raise Broken(f"null word as {what}", f"{what} {shown(text)}", rule, remedy)
    if text == "0":
        raise Broken(f"{what} 0", f"{what} 0", "ids count from 1; 0 is the files' padding")
    refuse_halves(text, what)


def refuse_halves(value: object, what: str) -> None:
    """Texts hold whole characters.

    Raises:
        Broken: one is half of a surrogate pair.
    """
    if type(value) is str and not value.isascii() and HALF.search(value):
        raise Broken(f"broken {what}", f"{what} {shown(value)}", "texts hold whole characters")


@dataclass
class Features:
    """Columns of one kind of thing, a row a thing: sparse ids, and arrays of ids."""

    owner: str  # "item" or "user", for messages
    sparse: Sequence[str]
    arrays: Sequence[str]
    options: ReadOptions
    dropped: Counter[str] = field(default_factory=Counter)  # unknown ids, as asked
    _codes: dict[str, Codes] = field(default_factory=dict)
    _cells: dict[str, array[int]] = field(default_factory=dict)  # 0 = missing, else code + 1
    _lengths: dict[str, array[int]] = field(default_factory=dict)  # of arrays

    def __post_init__(self) -> None:
        ignored = {*self.options.ignore}
        self.sparse = [id for id in self.sparse if id not in ignored]
        self.arrays = [id for id in self.arrays if id not in ignored]
        self._known = {*ITEM_SPARSE} if self.owner == "item" else {*USER_SPARSE, *USER_ARRAYS}
        self._known |= ignored
        self._singles, self._lists = frozenset(self.sparse), frozenset(self.arrays)
        for id in (*self.sparse, *self.arrays):
            self._codes[id], self._cells[id] = Codes(), array("i")
        self._lengths = {id: array("i") for id in self.arrays}

    def checked(self, features: Mapping[str, object]) -> Mapping[str, object]:
        """The features of one thing, each known and of its kind; null, 0 and "" are missing.

        Raises:
            Broken: one is not.
        """
        for id, value in features.items():
            if id in self._singles:
                if value is not None and type(value) is not int and type(value) is not str:
                    raise self._wrong(id, value, "one value, an integer or text")
                refuse_halves(value, f"feature {id}")
            elif id in self._lists:
                plain = type(value) is list and {*map(type, value)} <= {int, str}
                if value is not None and not plain:
                    raise self._wrong(id, value, "a list of integers or texts")
                for entry in value if type(value) is list else ():
                    refuse_halves(entry, f"feature {id}")
            elif id not in self._known:
                self._unknown(id)
        return features

    def append(self, features: Mapping[str, object]) -> None:
        """A row for the next thing."""
        for id in self._singles:
            self._cells[id].append(self._cell(id, features.get(id)))
        for id in self._lists:
            held = features.get(id)
            cells = [self._cell(id, value) for value in held] if isinstance(held, list) else []
            real = [cell for cell in cells if cell]
            self._cells[id].extend(real)
            self._lengths[id].append(len(real))

    def refill(self, row: int, features: Mapping[str, object]) -> bool:
        """Sets a row of sparse cells; False where it differs from what stood there."""
        cells = {id: self._cell(id, features.get(id)) for id in self._singles}
        same = all(self._cells[id][row] == cell for id, cell in cells.items())
        for id, cell in cells.items():
            self._cells[id][row] = cell
        return same

    def differs(self, row: int, features: Mapping[str, object]) -> bool:
        """Whether a row of sparse cells holds something else than `features` says."""
        return any(self._cells[id][row] != self._cell(id, features.get(id)) for id in self._singles)

    def columns(self) -> dict[str, Column]:
        """The columns that hold anything, by feature id."""
        out: dict[str, Column] = {}
        for id in (*self.sparse, *self.arrays):
            cells = (
                np.frombuffer(self._cells[id], np.int32) if self._cells[id] else np.empty(0, int)
            )
            codes = self._codes[id].column((cells[cells > 0] - 1).astype(np.int32))
            if not len(codes):
                continue
            if id in self._lists:
                out[id] = Bag.of(codes, np.frombuffer(self._lengths[id], np.int32))
            else:
                vocab, ids = Vocab.build(codes, "frequency")
                values = np.zeros(len(cells) + 1, np.int32)
                values[1:][cells > 0] = ids
                out[id] = Sparse(values, vocab)
        return out

    def notes(self) -> list[str]:
        """What was dropped."""
        return [
            f"unknown {self.owner} feature {id} dropped ({count:,} times)"
            for id, count in sorted(self.dropped.items())
        ]

    def _cell(self, id: str, value: object) -> int:
        """The cell of a value: 0 where there is none."""
        if value is None or not isinstance(value, int | str) or str(value) in NOTHING:
            return 0
        return self._codes[id].code(value) + 1

    def _unknown(self, id: str) -> None:
        if self.options.ignore_unknown:
            self.dropped[id] += 1
            return
        raise Broken(
            "unknown feature id",
            f"unknown {self.owner} feature {shown(id)}",
            f"{self.owner} features are {', '.join((*self.sparse, *self.arrays))}",
            "--ignore-unknown drops it",
        )

    def _wrong(self, id: str, value: object, rule: str) -> Broken:
        what = f"{self.owner} feature {id} is {shown(value)}"
        return Broken("feature of another kind", what, f"feature {id} is {rule}", f"--ignore {id}")
