"""Edge lists (`a b [weight]`) and adjacency lists (`node neighbour neighbour ...`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyrec.data.readers.faults import fault, shown
from polyrec.data.readers.graphs.tokens import Tokens, all_integers, distinct, numbers, tokens
from polyrec.data.readers.options import ReadOptions
from polyrec.data.vocab import Vocab
from polyrec.kernels.keys import Packed, find, table_of

I32 = NDArray[np.int32]
F32 = NDArray[np.float32]


@dataclass(frozen=True)
class EdgeFile:
    """Edges as a file has them. `source` and `target` are places in `keys`."""

    name: str
    keys: Packed  # distinct node keys, by first appearance
    source: I32  # [E]
    target: I32  # [E]
    weight: F32 | None
    line: NDArray[np.int64]  # [E], where each edge stands
    sha256: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.source)

    def within(self, vocab: Vocab) -> tuple[EdgeFile, int]:
        """The edges between known keys, numbered as its 0-based nodes; how many were left out."""
        held = Packed(np.asarray(vocab.data), np.asarray(vocab.at))
        node = find(table_of(held), self.keys)
        source, target = node[self.source], node[self.target]
        known = (source >= 0) & (target >= 0)
        kept = replace(
            self,
            keys=held,
            source=source[known],
            target=target[known],
            weight=None if self.weight is None else self.weight[known],
            line=self.line[known],
        )
        return kept, int((~known).sum())


def read_edges(path: Path, options: ReadOptions = ReadOptions()) -> EdgeFile:
    """An edge a line: `a b`, or `a b weight` on every line. Keys are any text.

    Raises:
        ValueError: a line of another length, a weight that is no number of 0 or more, or a
            header; file and line are named.
        FileNotFoundError: there is no such file.
    """
    found = tokens(path, options)
    _refuse_nothing(found)
    length = _lengths(found)
    _refuse_lengths(found, length)
    _refuse_header(found)
    weight = _weights(found.take(found.place == 2)) if length[0] == 3 else None
    keys, codes = distinct(found.take(found.place < 2))
    return EdgeFile(
        name=found.name,
        keys=keys,
        source=codes[0::2],
        target=codes[1::2],
        weight=weight,
        line=found.line[found.place == 0],
        sha256=found.sha256,
        notes=found.notes,
    )


def read_adjacency(path: Path, options: ReadOptions = ReadOptions()) -> EdgeFile:
    """A line a node: the node, then its neighbours; a node alone on its line has none.

    Raises:
        ValueError: a node begins two lines; file and lines are named.
        FileNotFoundError: there is no such file.
    """
    found = tokens(path, options)
    _refuse_nothing(found)
    keys, codes = distinct(found)
    begins = np.flatnonzero(found.place == 0)
    refuse_twins(found, codes, "one line a node", "is it an edge list? --format edges")
    owner = np.repeat(codes[begins], np.diff(begins, append=len(codes)))
    other = found.place > 0
    notes = list(found.notes)
    if alone := int((_lengths(found) == 1).sum()):
        notes.append(f"{alone} nodes have no neighbour on their line")
    return EdgeFile(
        name=found.name,
        keys=keys,
        source=owner[other],
        target=codes[other],
        weight=None,
        line=found.line[other],
        sha256=found.sha256,
        notes=tuple(notes),
    )


def refuse_twins(found: Tokens, codes: I32, rule: str, remedy: str) -> None:
    """A key begins one line.

    Raises:
        ValueError: one begins two; both lines are named.
    """
    begins = np.flatnonzero(found.place == 0)
    order = begins[np.argsort(codes[begins], kind="stable")]
    same = np.flatnonzero(np.diff(codes[order]) == 0)
    if len(same):
        first, second = order[same[0]], order[same[0] + 1]
        raise fault(
            f"{found.name}:{found.line[second]}",
            f"node {shown(found.word(second))} stands on lines {found.line[first]} and "
            f"{found.line[second]} ({len(same)} such lines)",
            rule,
            remedy,
        )


def _refuse_nothing(found: Tokens) -> None:
    if not len(found):
        raise fault(found.name, "holds comments only", "at least one edge", "name another file")


def _lengths(found: Tokens) -> NDArray[np.int64]:
    begins = np.flatnonzero(found.place == 0)
    return np.diff(begins, append=len(found))


def _refuse_lengths(found: Tokens, length: NDArray[np.int64]) -> None:
    wanted = int(length[0])
    bad = (length != wanted) | (length < 2) | (length > 3)
    if bad.any():
        row = int(bad.argmax())
        line = found.line[found.place == 0][row]
        expected = f"{wanted} as on the first" if 2 <= wanted <= 3 else "2 or 3"
        raise fault(
            f"{found.name}:{line}",
            f"{length[row]} words ({int(bad.sum())} such lines)",
            f"an edge list has {expected} on every line: a b, or a b weight",
            "correct the line; a line of neighbours is --format adjacency, a log --format log",
        )


def _refuse_header(found: Tokens) -> None:
    """A first line of words over lines of integers is a header, not an edge."""
    ends = found.place < 2
    later = found.line > found.line[0]
    if not (ends & later).any():
        return
    first, rest = found.take(ends & ~later), found.take(ends & later)
    if all_integers(rest.words) and not all_integers(first.words):
        raise fault(
            f"{found.name}:{found.line[0]}",
            f"{shown(first.word(0))} among nodes that are integers: a header",
            "an edge list has none",
            "begin the line with #, or --format log for a table",
        )


def _weights(found: Tokens) -> F32:
    rule = "weights are finite numbers of 0 or more"
    with np.errstate(over="ignore"):
        weight = numbers(found, "weight", rule).astype(np.float32)
    bad = ~(np.isfinite(weight) & (weight >= 0))
    if bad.any():
        row = int(bad.argmax())
        raise fault(
            found.where(row),
            f"weight {shown(found.word(row))} ({int(bad.sum())} such lines)",
            rule,
            "drop the line or correct the weight",
        )
    return weight
