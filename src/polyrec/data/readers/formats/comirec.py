"""ComiRec's files: the triples its preprocessing wrote, and the raw logs it started from."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.json as arrow_json

from polyrec.data.readers.assemble import Draft
from polyrec.data.readers.columns.mapping import Mapping, mapping_of
from polyrec.data.readers.faults import Fault, Faults, fault, shown
from polyrec.data.readers.options import ReadOptions, allowed
from polyrec.data.readers.rows import Rows, joined
from polyrec.data.readers.text.content import Text, open_text
from polyrec.data.readers.text.parse import parse
from polyrec.data.readers.text.shape import Shape

TRIPLE = re.compile(r"(?P<name>.+)_(?P<part>train|valid|test)\.txt(\.gz|\.zst|\.bz2)?")
PARTS = {"train": 0, "valid": 1, "test": 2}
COLUMNS = ("user", "item", "place")
TAOBAO = ("user", "item", "category", "behaviour", "timestamp")
BLOCK = 8 << 20


def triples(path: Path, options: ReadOptions) -> Draft:
    """ComiRec triples NAME_train.txt, NAME_valid.txt, NAME_test.txt: user,item,place in time.

    The three files are a split by user; items keep their ids (given, by descending count).
    """
    files = triple_files(path)
    if len(files) < 3:
        missing = sorted(set(PARTS) - set(files))
        raise fault(
            path.name,
            f"no file for {' and '.join(missing)} beside it",
            "a split by user has NAME_train.txt, NAME_valid.txt and NAME_test.txt",
            "put them together, or --reader delimited for one file alone",
        )
    rows = [_triple_rows(file, options) for file in files.values()]
    _refuse_shared_users(rows)
    part = np.repeat([PARTS[name] for name in files], [r.count for r in rows]).astype(np.int8)
    return Draft(
        reader="comirec",
        rows=joined(" + ".join(file.name for file in files.values()), rows),
        mapping=Mapping({"actor": "user", "target": "item", "time": "place"}),
        options=replace(options, time_unit="order"),
        part=part,
        order="given",
        sha256={r.name: r.sha256 for r in rows},
        notes=("given split by user", "items keep the ids of the files"),
    )


def triple_files(path: Path) -> dict[str, Path]:
    """part -> file, for a folder or any of the three files."""
    folder = path if path.is_dir() else path.parent
    match = None if path.is_dir() else TRIPLE.fullmatch(path.name)
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        here = TRIPLE.fullmatch(file.name)
        if here and (match is None or here["name"] == match["name"]):
            found.setdefault(here["part"], file)
    return {part: found[part] for part in PARTS if part in found}


def reviews(path: Path, options: ReadOptions, every: bool = False) -> Draft:
    """JSON lines, as Amazon's reviews_Books_5.json: reviewerID, asin, unixReviewTime, overall."""
    text = open_text(path, options)
    names = _names(text)
    mapping = mapping_of(text.name, names, options)
    rows = _json_rows(text, names if every else mapping.used, options)
    return Draft("reviews", rows, mapping, options)


def taobao(path: Path, options: ReadOptions) -> Draft:
    """Taobao's UserBehavior.csv: user, item, category, behaviour (pv, fav, cart, buy), seconds."""
    text = open_text(path, options)
    roles = {"actor": "user", "target": "item", "time": "timestamp", "kind": "behaviour"}
    shape = Shape(",", "", TAOBAO, 0, 1)
    rows = parse(text, shape, options, list(roles.values()))
    note = "the published preparation keeps pv only: --kinds pv"
    return Draft("taobao", rows, Mapping(roles), options, notes=(note,))


def _triple_rows(file: Path, options: ReadOptions) -> Rows:
    text = open_text(file, options)
    return parse(text, Shape(",", "", COLUMNS, 0, 1), options)


def _refuse_shared_users(parts: list[Rows]) -> None:
    users = [np.unique(np.asarray(_numbers(part), np.int64)) for part in parts]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        both = np.intersect1d(users[first], users[second])
        if len(both):
            raise fault(
                f"{parts[second].name}",
                f"{len(both)} users stand in {parts[first].name} too (user {both[0]})",
                "the parts of a split by user share no user",
                "correct the split, or --reader delimited",
            )


def _numbers(part: Rows) -> np.ndarray:
    try:
        users: np.ndarray = part.columns["user"].cast(pa.int64()).to_numpy()
        return users
    except pa.ArrowInvalid as error:
        raise fault(
            part.name,
            f"a user is no integer ({shown(error)})",
            "user,item,place are integers",
            "--reader delimited reads text keys",
        ) from None


def _names(text: Text) -> list[str]:
    """Fields of the first record."""
    line, record = next(_records(text))
    if not isinstance(record, dict) or not record:
        raise _broken(text, line, f"a {type(record).__name__}")
    return list(record)


def _json_rows(text: Text, names: list[str], options: ReadOptions) -> Rows:
    """The good path is Arrow's; a file it refuses is walked through line by line."""
    lines = text.lines - text.data.count(b"\n\n")
    _, first = next(_records(text))
    assert isinstance(first, dict), "its names were read"
    try:
        schema = pa.schema([(name, _type(first.get(name))) for name in names])
        table = _read_json(text, schema)
        if table.num_rows != lines or any(table[n].null_count for n in table.column_names):
            table = None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        table = None
    if table is not None:
        columns = {name: table[name] for name in names}
        place = dict.fromkeys(names, 0)
        return Rows(
            text.name, columns, lines, place, lambda row: row + 1, text.sha256, notes=text.notes
        )
    return _slow_json(text, names, options)


def _type(value: object) -> pa.DataType:
    kinds = {int: pa.int64(), float: pa.float64()}
    return kinds.get(type(value), pa.string())


def _read_json(text: Text, schema: pa.Schema) -> pa.Table:
    return arrow_json.read_json(
        pa.BufferReader(text.data),
        read_options=arrow_json.ReadOptions(block_size=BLOCK),
        parse_options=arrow_json.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior="ignore"
        ),
    )


def _slow_json(text: Text, names: list[str], options: ReadOptions) -> Rows:
    cells: dict[str, list[str]] = {name: [] for name in names}
    lines: list[int] = []
    broken: list[tuple[int, str]] = []
    for line, record in _records(text, broken):
        if not isinstance(record, dict):
            broken.append((line, f"a {type(record).__name__}"))
            continue
        values = [record.get(name) for name in names]
        if any(isinstance(v, list | dict | bool) for v in values):
            broken.append((line, "a list or object where a key or number is needed"))
            continue
        lines.append(line)
        for name, value in zip(names, values, strict=True):
            cells[name].append("" if value is None else str(value))
    where = np.array(lines, np.int64)
    notes = _settle(text, sorted(broken), len(lines), options)
    columns = {n: pa.chunked_array([pa.array(c, pa.string())]) for n, c in cells.items()}
    return Rows(
        name=text.name,
        columns=columns,
        count=len(lines),
        place={},
        line=lambda row: int(where[row]),
        sha256=text.sha256,
        left_out=len(broken),
        notes=(*text.notes, *notes),
    )


def _settle(
    text: Text, broken: list[tuple[int, str]], good: int, options: ReadOptions
) -> list[str]:
    faults = Faults(lambda row: f"{text.name}:{broken[row][0]}", good + len(broken))
    faults.add(
        Fault(
            kind="broken JSON line",
            rows=np.arange(len(broken)),
            column=0,
            say=lambda row: f"broken JSON record: {broken[row][1]}",
            rule="a line holds one JSON object with the same fields",
        )
    )
    if not good:
        raise _broken(text, broken[0][0], broken[0][1])
    _, notes = faults.settle(allowed(options.bad_rows, good + len(broken)))
    return notes


def _records(
    text: Text, broken: list[tuple[int, str]] | None = None
) -> Iterator[tuple[int, object]]:
    """(line, record) of every line that is JSON; what is not goes to `broken`, or is raised."""
    for number, line in enumerate(io.BytesIO(text.data), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError) as error:
            what = f"{shown(error)} in {shown(line)}"
            if broken is None:
                raise _broken(text, number, what) from None
            broken.append((number, what))


def _broken(text: Text, line: int, what: str) -> ValueError:
    return fault(
        f"{text.name}:{line}",
        f"broken JSON record: {what}",
        "a line holds one JSON object with the same fields",
        "fix the line or --bad-rows skip:N",
    )
