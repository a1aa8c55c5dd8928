"""Ragged integers, a line an actor: `user item item ...`.

Two formats share the shape and differ in meaning: in a LightGCN list the order of items says
nothing, in a sequence list (S3-Rec, ICLRec) it is the order in time. Neither has a clock. Last.fm,
the fourth set of LightGCN's code, is a table instead: `user item weight`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from polyrec.data.readers.assemble import Draft
from polyrec.data.readers.columns.mapping import Mapping
from polyrec.data.readers.faults import fault, shown
from polyrec.data.readers.options import ReadOptions, within
from polyrec.data.readers.rows import Rows, joined
from polyrec.data.readers.text.content import Text, open_text
from polyrec.data.readers.text.parse import parse
from polyrec.data.readers.text.shape import Shape

ROLES = Mapping({"actor": "user", "target": "item"})
PARTS = {"train": 0, "valid": 1, "test": 2}
PLAYS = {"data1": 0, "test1": 2}
NOT_TEXT_OF_INTEGERS = re.compile(rb"[^0-9 \t\n]")
LONGEST = 18  # digits that surely fit into 64 bits


def lightgcn(path: Path, options: ReadOptions) -> Draft:
    """LightGCN lists: train.txt and test.txt beside each other are the split; no clock."""
    files = part_files(path)
    texts = {part: open_text(file, options) for part, file in files.items()}
    rows = [read_lists(text, options) for text in texts.values()]
    note = "no times, and the order of a list means nothing"
    draft = Draft("lightgcn", rows[0], ROLES, options, notes=(note,))
    return draft if len(rows) == 1 else _split(draft, rows, [PARTS[name] for name in texts])


def lastfm(path: Path, options: ReadOptions) -> Draft:
    """Last.fm as LightGCN's code has it: data1.txt and test1.txt, `user item weight`, a split."""
    files = play_files(path)
    if missing := [f"{part}.txt" for part in PLAYS if part not in files]:
        raise fault(
            path.name,
            f"no {' and no '.join(missing)} beside it",
            "the split is data1.txt and test1.txt",
            "put them together, or --reader delimited for one file alone",
        )
    texts = [open_text(file, options) for file in files.values()]
    rows = [_whole(parse(text, _triple(text), options)) for text in texts]
    roles = Mapping({"actor": "user", "target": "item", "weight": "weight"})
    draft = Draft("lastfm", rows[0], roles, options, notes=("no times",))
    return _split(draft, rows, list(PLAYS.values()))


def _triple(text: Text) -> Shape:
    tabs = b"\t" in text.data.partition(b"\n")[0]
    return Shape("\t" if tabs else " ", "", ("user", "item", "weight"), 0, 1)


def _whole(rows: Rows) -> Rows:
    """The rows with ids as int64."""
    ids = {}
    for name in ROLES.roles.values():
        try:
            ids[name] = rows.columns[name].cast(pa.int64())
        except pa.ArrowInvalid:
            keys = rows.columns[name].to_pylist()
            bad = next(i for i, key in enumerate(keys) if not re.fullmatch(r"\d{1,18}", str(key)))
            raise fault(
                rows.where(bad),
                f"{name} {shown(keys[bad])} is no whole number",
                f"ids have at most {LONGEST} digits",
                "--reader delimited reads text keys",
            ) from None
    return replace(rows, columns={**rows.columns, **ids})


def _split(draft: Draft, rows: list[Rows], parts: list[int]) -> Draft:
    """The draft of several files that are the parts of a split."""
    whole = joined(" + ".join(r.name for r in rows), rows)
    part = np.repeat(parts, [r.count for r in rows]).astype(np.int8)
    refuse_overlap(whole, part, draft.options)
    return replace(draft, rows=whole, part=part, sha256={r.name: r.sha256 for r in rows})


def sequences(path: Path, options: ReadOptions) -> Draft:
    """Sequence lists (S3-Rec, ICLRec): a line a user, items in time order, repeats kept."""
    rows = read_lists(open_text(path, options), options)
    note = "no times: the order in a line is taken as the order in time"
    return Draft("sequences", rows, ROLES, options, notes=(note,))


def part_files(path: Path) -> dict[str, Path]:
    """The files train, valid and test of a folder, or those beside one of them."""
    folder = path if path.is_dir() else path.parent
    found: dict[str, Path] = {}
    for part in PARTS:
        for name in sorted(folder.glob(f"{part}.txt*")):
            found.setdefault(part, name)
    if path.is_dir() or path in found.values():
        return found
    return {"train": path}


def play_files(path: Path) -> dict[str, Path]:
    """Last.fm's files of a folder, or of the folder of a file."""
    folder = path if path.is_dir() else path.parent
    found = {part: sorted(folder.glob(f"{part}.txt*")) for part in PLAYS}
    return {part: names[0] for part, names in found.items() if names}


def read_lists(text: Text, options: ReadOptions) -> Rows:
    """The text as rows (user, item), int64; a user's line may be empty of items.

    Raises:
        ValueError: a token is no integer, or a user stands on two lines.
    """
    within(options, 12 * len(text.data), text.name)
    if NOT_TEXT_OF_INTEGERS.search(text.data):
        raise _no_integer(text)
    numbers, line = _tokens(text)
    first = np.flatnonzero(np.diff(line, prepend=-1))
    _refuse_twin_lines(text, numbers[first], line[first])
    lengths = np.diff(first, append=len(numbers))
    items = np.ones(len(numbers), bool)
    items[first] = False
    users = np.repeat(numbers[first], lengths)[items]
    lines = line[items]
    notes = list(text.notes)
    if alone := int((lengths == 1).sum()):
        notes.append(f"{alone} users have no item")
    if len(users) and (users.min() == 0 or numbers[items].min() == 0):
        notes.append("ids start at 0 in the file: 0 is an ordinary key, internal ids start at 1")
    if not len(users):
        raise fault(text.name, "no user has an item", "at least one event", "name another file")
    columns = {"user": _column(users), "item": _column(numbers[items])}
    place = {"user": 1}
    return Rows(
        name=text.name,
        columns=columns,
        count=len(users),
        place=place,
        line=lambda row: int(lines[row]),
        sha256=text.sha256,
        notes=tuple(notes),
    )


def refuse_overlap(rows: Rows, part: np.ndarray, options: ReadOptions) -> None:
    """A given split must not hold the same event in two parts.

    Raises:
        ValueError: it does, and `accept` does not name L1.
    """
    users, items = (rows.columns[name].to_numpy() for name in ("user", "item"))
    code = users.astype(np.int64) * (int(items.max()) + 1) + items
    train, late = np.sort(code[part == 0]), np.flatnonzero(part != 0)
    place = np.searchsorted(train, code[late])  # numpy's own set routines take ten times as long
    twice = late[np.append(train, -1)[place] == code[late]]
    if len(twice) and "L1" not in options.accept:
        lines = ", ".join(rows.where(int(row)) for row in twice[:3])
        raise fault(
            rows.where(int(twice[0])),
            f"{len(twice)} identical events in train and test ({lines})",
            "the parts of a split share no event",
            "correct the split, or --allow-leak L1 where repeats are real",
        )


def _column(values: np.ndarray) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values)])


def _tokens(text: Text) -> tuple[np.ndarray, np.ndarray]:
    """[tokens] int64 each: the numbers, and the line each stands on."""
    held = np.frombuffer(text.data, np.uint8)
    digit = held >= ord("0")
    edge = np.diff(digit.astype(np.int8), prepend=0, append=0)
    start, end = np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)
    ends = np.flatnonzero(held == ord("\n"))
    line = np.searchsorted(ends, start) + 1
    if len(start) and (end - start).max() > LONGEST:
        at = int((end - start).argmax())
        raise fault(
            f"{text.name}:{line[at]}",
            f"{shown(text.data[start[at] : end[at]])} is too large",
            f"an id has at most {LONGEST} digits",
            "is this file a list of ids?",
        )
    numbers = np.fromstring(text.data.decode(), np.int64, sep=" ")
    assert len(numbers) == len(start), "every token is an integer"
    return numbers, line


def _no_integer(text: Text) -> ValueError:
    """Names the first token that is no integer."""
    for number, line in enumerate(text.data.decode().split("\n"), 1):
        for place, token in enumerate(re.split(r"[ \t]+", line.strip()), 1):
            if line.strip() and not re.fullmatch(r"[0-9]+", token):
                return fault(
                    f"{text.name}:{number}:{place}",
                    f"{shown(token)} is no whole number",
                    "every line is a user and items, all integers from 0 or 1",
                    "fix the line; for text keys use a table of two columns",
                )
    return fault(text.name, "holds blanks of an unknown kind", "ids, spaces, tabs", "clean it")


def _refuse_twin_lines(text: Text, users: np.ndarray, lines: np.ndarray) -> None:
    order = np.argsort(users, kind="stable")
    same = np.flatnonzero(np.diff(users[order]) == 0)
    if not len(same):
        return
    at = order[same].argmin()
    first, second = order[same[at]], order[same[at] + 1]
    raise fault(
        f"{text.name}:{lines[second]}",
        f"user {users[first]} stands on lines {lines[first]} and {lines[second]} "
        f"({len(same)} users stand on several)",
        "one line a user",
        "merge them; or is it a table of two or three columns? --reader delimited",
    )
