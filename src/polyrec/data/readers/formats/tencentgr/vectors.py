"""creative_emb/emb_ID_DIM/: vectors of what items show and say, as JSON lines in parts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as arrow_json

from polyrec.data.readers.faults import fault, shown
from polyrec.data.readers.formats.tencentgr.beside import refuse_pickle
from polyrec.data.readers.options import ReadOptions, within
from polyrec.data.readers.text.content import stream
from polyrec.data.tables import Dense
from polyrec.data.vocab import Vocab

FOLDER = re.compile(r"emb_(\d+)(?:_(\d+))?(\.pkl)?")
KNOWN = tuple(str(id) for id in range(81, 87))
SCHEMA = pa.schema([("anonymous_cid", pa.string()), ("emb", pa.list_(pa.float64()))])
RULE = 'a line is {"anonymous_cid": key, "emb": [numbers]}'
LINES = f"write it as JSON lines into the folder of that name, where it was made: {RULE}"
COPIES = 3  # of a column, while a table is brought into the order of ids


@dataclass
class Found:
    """Columns of vectors by feature id, hashes of their files, and notes."""

    columns: dict[str, Dense] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_vectors(folder: Path, items: Vocab, options: ReadOptions) -> Found:
    """The columns below `creative_emb`, a row an item; their width is that of the vectors.

    Raises:
        ValueError: an unknown id, a pickle, a broken line, vectors of several widths, vectors of
            which none belongs to an item.
        MemoryError: a column passes the budget.
    """
    found = Found()
    parts = (
        sorted((folder / "creative_emb").iterdir()) if (folder / "creative_emb").is_dir() else []
    )
    for part in parts:
        match = FOLDER.fullmatch(part.name)
        if match is None or match[1] in options.ignore:
            continue
        if match[3]:
            if not part.with_suffix("").is_dir():
                refuse_pickle(part, options, LINES)
            continue
        if match[1] not in KNOWN:
            _unknown(part, match[1], options, found)
        elif part.is_dir():
            _column(part, match[1], items, options, found)
    return found


def _unknown(part: Path, id: str, options: ReadOptions, found: Found) -> None:
    if not options.ignore_unknown:
        raise fault(
            f"creative_emb/{part.name}",
            f"unknown feature {id}",
            f"vectors are those of {', '.join(KNOWN)}",
            "--ignore-unknown drops it",
        )
    found.notes.append(f"unknown vectors {part.name} dropped")


def _column(part: Path, id: str, items: Vocab, options: ReadOptions, found: Found) -> None:
    filling = _Filling(items, options)
    for file in sorted(path for path in part.iterdir() if path.is_file()):
        if file.name.startswith((".", "_")):  # _SUCCESS, .crc
            continue
        name = f"creative_emb/{part.name}/{file.name}"
        digest = hashlib.sha256()
        for first, block in _blocks(file, digest):
            filling.add(name, first, block)
        found.sha256[name] = digest.hexdigest()
    if filling.values is None:
        raise fault(f"creative_emb/{part.name}", "holds no vector", RULE, f"--ignore {id}")
    if not filling.present.any():
        raise fault(
            f"creative_emb/{part.name}",
            f"none of {filling.seen:,} vectors belongs to an item of the log",
            "vectors have the original keys, the log has numbers",
            "put indexer.json beside it, which names the numbers; or --ignore " + id,
        )
    found.columns[id] = Dense(filling.values, filling.present)
    gone, none = filling.seen - int(filling.present.sum()), int((~filling.present[1:]).sum())
    if gone:
        found.notes.append(f"{gone:,} vectors of feature {id} belong to no item: left out")
    if none:
        found.notes.append(f"feature {id} is missing for {none:,} items")


class _Filling:
    """A column of vectors, filled a block of lines at a time."""

    def __init__(self, items: Vocab, options: ReadOptions) -> None:
        self.items, self.options = items, options
        self.values: np.ndarray | None = None  # [n + 1, W]
        self.present = np.zeros(items.size + 1, bool)
        self.seen = 0

    def add(self, name: str, first: int, block: bytes) -> None:
        keys, vectors, lengths, lines = _arrow(first, block) or _slow(name, first, block)
        if not len(keys):
            return
        values = self._room(name, int(lengths[0]))
        width = values.shape[1]
        wrong = np.flatnonzero(lengths != width)
        if len(wrong):
            raise fault(
                f"{name}:{lines[wrong[0]]}",
                f"a vector of {lengths[wrong[0]]} numbers, the first has {width}",
                "vectors of one feature have one length",
                "fix the line",
            )
        with np.errstate(over="ignore"):
            rows = vectors.reshape(-1, width).astype(np.float32)
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(bad):
            where = f"{name}:{lines[bad[0]]}"
            raise fault(where, "a number that is not finite", "vectors are finite", "fix the line")
        self._put(name, lines, self.items.ids(keys), rows)

    def _room(self, name: str, width: int) -> np.ndarray:
        if self.values is None:
            if not width:
                raise fault(name, "a vector of 0 numbers", RULE, "fix the line")
            within(self.options, COPIES * 4 * width * (self.items.size + 1), name)
            self.values = np.zeros((self.items.size + 1, width), np.float32)
        return self.values

    def _put(self, name: str, lines: np.ndarray, ids: np.ndarray, rows: np.ndarray) -> None:
        assert self.values is not None, "room was made"
        self.seen += len(ids)
        real = np.flatnonzero(ids > 0)
        order = real[np.argsort(ids[real], kind="stable")]
        twin = np.flatnonzero(ids[order][1:] == ids[order][:-1])
        again = [*order[twin + 1], *real[self.present[ids[real]]]]
        if again:
            raise fault(
                f"{name}:{lines[again[0]]}",
                f"a second vector of item {shown(self.items.key(int(ids[again[0]])))}",
                "an item has one vector a feature",
                "remove one",
            )
        self.values[ids[real]], self.present[ids[real]] = rows[real], True


def _blocks(file: Path, digest: hashlib._Hash) -> Iterator[tuple[int, bytes]]:
    """(number of its first line, bytes) of blocks of whole lines."""
    rest, number = b"", 1
    for block in stream(file):
        digest.update(block)
        head, cut, tail = (rest + block).rpartition(b"\n")
        rest = tail
        if cut:
            yield number, head + cut
            number += head.count(b"\n") + 1
    if rest.strip():
        yield number, rest


Block = tuple[pa.Array, np.ndarray, np.ndarray, np.ndarray]


def _arrow(first: int, block: bytes) -> Block | None:
    """Keys, all numbers in a row, how many each vector has, lines; None where Arrow refuses."""
    try:
        table = arrow_json.read_json(
            pa.BufferReader(block),
            read_options=arrow_json.ReadOptions(block_size=max(len(block), 1)),
            parse_options=arrow_json.ParseOptions(
                explicit_schema=SCHEMA, unexpected_field_behavior="ignore"
            ),
        ).combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    keys, vectors = table["anonymous_cid"].combine_chunks(), table["emb"].combine_chunks()
    lines = block.count(b"\n") + (not block.endswith(b"\n"))
    flat = pc.list_flatten(vectors)
    if len(keys) != lines or keys.null_count or vectors.null_count or flat.null_count:
        return None
    lengths = pc.list_value_length(vectors).to_numpy()
    return keys, flat.to_numpy(), lengths, np.arange(first, first + lines)


def _slow(name: str, first: int, block: bytes) -> Block:
    """The same a line at a time, for keys that are numbers, blank lines, and to name what is
    wrong."""
    keys: list[str] = []
    vectors: list[np.ndarray] = []
    lengths: list[int] = []
    lines: list[int] = []
    for number, line in enumerate(block.split(b"\n"), first):
        if not line.strip():
            continue
        try:
            record = json.loads(line.decode())
            key, vector = record["anonymous_cid"], record["emb"]
            plain = type(vector) is list and {*map(type, vector)} <= {int, float}
            if type(key) not in (int, str) or not plain:
                raise TypeError("anonymous_cid is a key, emb a list of numbers")
            values = np.array(vector, np.float64)  # an integer may be too large
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            what = f"broken record: {shown(error)} in {shown(line)}"
            raise fault(f"{name}:{number}", what, RULE, "fix the line") from None
        keys.append(str(key))
        vectors.append(values)
        lengths.append(len(vector))
        lines.append(number)
    return (
        pa.array(keys, pa.string()),
        np.concatenate([*vectors, np.empty(0)]),
        np.array(lengths, np.int64),
        np.array(lines, np.int64),
    )
