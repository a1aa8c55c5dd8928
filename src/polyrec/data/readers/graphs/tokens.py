"""The words of a text with their lines, and node keys in an order that the file's does not change.

Words are parted by spaces, tabs or commas; lines that begin with # or % are comments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from polyrec.data.keys import binary, by_bytes
from polyrec.data.readers.faults import fault, shown
from polyrec.data.readers.options import ReadOptions, within
from polyrec.data.readers.recognise import need_file
from polyrec.data.readers.text.content import open_text
from polyrec.data.vocab import Vocab
from polyrec.kernels.keys import Packed, find, gather, nothing_seen, see, table_of

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
BLANKS = np.frombuffer(b" \t\n,", np.uint8)
COMMENTS = np.frombuffer(b"#%", np.uint8)
INTEGER = r"^-?(0|[1-9][0-9]{0,17})$"


@dataclass(frozen=True)
class Tokens:
    """Words in the order of the file."""

    name: str  # of the file
    words: Packed  # [W]
    line: I64  # [W], 1-based
    place: I64  # [W], 0-based, inside the line
    sha256: str
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.line)

    def take(self, rows: NDArray[np.bool_]) -> Tokens:
        """The named words, with the places they have in the file."""
        kept = np.flatnonzero(rows)
        words = gather(self.words, kept)
        return replace(self, words=words, line=self.line[kept], place=self.place[kept])

    def where(self, row: int) -> str:
        """FILE:LINE:COLUMN of a word."""
        return f"{self.name}:{self.line[row]}:{self.place[row] + 1}"

    def word(self, row: int) -> bytes:
        """One word."""
        return bytes(self.words.data[self.words.at[row] : self.words.at[row + 1]])


def tokens(path: Path, options: ReadOptions) -> Tokens:
    """All words of a text that are no comment.

    Raises:
        ValueError: the file is empty, binary, no text or a folder.
        FileNotFoundError: there is no such file; the nearest names are given.
        MemoryError: it would take more than the options allow.
    """
    need_file(path)
    text = open_text(path, options)
    within(options, 12 * len(text.data), text.name)
    held = np.frombuffer(text.data, np.uint8)
    edge = np.diff((~np.isin(held, BLANKS)).astype(np.int8), prepend=0, append=0)
    start, end = np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)
    line = np.searchsorted(np.flatnonzero(held == ord("\n")), start) + 1
    begins = np.flatnonzero(np.diff(line, prepend=0))
    length = np.diff(begins, append=len(line))
    comment = np.repeat(np.isin(held[start[begins]], COMMENTS), length)
    place = np.arange(len(line)) - np.repeat(begins, length)
    at = np.concatenate([[0], np.cumsum(end - start)]).astype(np.int64)
    words = Packed(held[~np.isin(held, BLANKS)], at)
    whole = Tokens(text.name, words, line, place, text.sha256, text.notes)
    if not comment.any():
        return whole
    kept = whole.take(~comment)
    count = len(np.unique(line[comment]))
    return replace(kept, notes=(*kept.notes, f"{count} comment lines"))


def numbers(found: Tokens, what: str, rule: str) -> NDArray[np.float64]:
    """The words as numbers.

    Raises:
        ValueError: one is none; its place is named.
    """
    try:
        text = binary(found.words).cast(pa.large_string())
        return np.asarray(pc.cast(text, pa.float64()))
    except pa.ArrowInvalid:
        for row in range(len(found)):
            try:
                float(found.word(row))
            except ValueError:
                raise fault(
                    found.where(row),
                    f"{what} {shown(found.word(row))} is no number",
                    rule,
                    "correct the line, or name the right --format",
                ) from None
        raise


def distinct(found: Tokens) -> tuple[Packed, I32]:
    """The distinct words in order of first appearance, and the number of each word."""
    seen, codes = see(nothing_seen(), found.words)
    at = seen.at[: seen.size + 1].copy()
    return Packed(seen.data[: int(at[-1])].copy(), at), codes


def numbered(*parts: Packed) -> tuple[Vocab, list[I32]]:
    """One vocabulary of all keys, and the 0-based node of each key of each part.

    Integers stand by their value, other keys by their bytes: the order of lines in a file does
    not matter. Id v of the vocabulary is node v - 1.
    """
    seen = nothing_seen()
    for part in parts:
        seen, _ = see(seen, part)
    at = seen.at[: seen.size + 1].copy()
    keys = Packed(seen.data[: int(at[-1])].copy(), at)
    order = np.argsort(_rank(keys), kind="stable")
    whole = gather(keys, order)
    table = table_of(whole)
    return Vocab(*whole, order="first"), [find(table, part) for part in parts]


def all_integers(keys: Packed) -> bool:
    """Every key is a whole number in its plain form: no sign but -, no leading zeros."""
    return bool(pc.all(pc.match_substring_regex(binary(keys), INTEGER)).as_py())


def _rank(keys: Packed) -> I64:
    if len(keys.at) > 1 and all_integers(keys):
        return np.asarray(pc.cast(binary(keys).cast(pa.large_string()), pa.int64()))
    return by_bytes(keys)
