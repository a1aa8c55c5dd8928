"""From a draft (columns with roles) to a data set: keys, times and numbers read, rows settled."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyrec.data import events, filters
from polyrec.data.events import JSON, Dataset, Log, Source
from polyrec.data.readers.columns.keys import keys
from polyrec.data.readers.columns.mapping import Mapping, condition
from polyrec.data.readers.columns.numbers import finite, labels, whole
from polyrec.data.readers.columns.times import times
from polyrec.data.readers.faults import Faults, fault, shown
from polyrec.data.readers.options import ReadOptions, allowed, within
from polyrec.data.readers.rows import Rows
from polyrec.data.splits.parts import PART
from polyrec.data.tables import Table

PARTS = {"train": 0, "valid": 1, "test": 2, "0": 0, "1": 1, "2": 2}
BYTES_AN_EVENT = 64  # keys, ids, times and the sort, at once


@dataclass(frozen=True)
class Draft:
    """What a reader found in its files."""

    reader: str
    rows: Rows
    mapping: Mapping
    options: ReadOptions
    tables: MappingOf[str, Table] = field(default_factory=dict)
    part: np.ndarray | None = None  # [rows] int8, of a given split
    order: Literal["frequency", "first", "given"] = "frequency"
    sha256: MappingOf[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def assemble(draft: Draft) -> Dataset:
    """Reads every column by its role and builds the data set.

    Raises:
        ValueError: bad rows beyond what `bad_rows` allows, and whatever a column may have.
        MemoryError: the estimate passes the budget.
    """
    within(draft.options, BYTES_AN_EVENT * draft.rows.count, draft.rows.name)
    log, clock, notes = _settled(draft)
    source = _source(draft, notes)
    order = draft.order if draft.options.order == "auto" else draft.options.order
    dataset = events.build(log, source, order, tables=draft.tables)
    if not clock:
        dataset = replace(dataset, events=replace(dataset.events, clock=False))
    return _positive(dataset, draft)


def _settled(draft: Draft) -> tuple[Log, bool, list[str]]:
    """The columns without bad rows, whether there is a clock, and what was noticed."""
    rows, columns = draft.rows, _Columns(draft)
    log, clock, notes = columns.read()
    bad, dropped = columns.faults.settle(_left(draft.options, rows))
    if len(bad):
        log = _rows_of(log, _kept(rows.count, bad))
    if not len(log.actor):
        raise fault(
            rows.name,
            f"all {rows.count} rows are left out ({'; '.join(dropped)})",
            "at least one event is needed",
            "fix the rows",
        )
    return log, clock, notes + dropped


def _source(draft: Draft, notes: list[str]) -> Source:
    from polyrec.data.catalogue import known  # it reads through this room

    rows = draft.rows
    sha256 = dict(draft.sha256) or {rows.name: rows.sha256}
    entry = known(sha256)
    more = (f"the catalogue knows this as {entry.name}", entry.note) if entry else ()
    said = dict.fromkeys(note for note in (*rows.notes, *draft.notes, *notes, *more) if note)
    return Source(
        name=rows.name,
        address=entry.address if entry else "",
        licence=entry.licence if entry else "",
        sha256=sha256,
        reader=draft.reader,
        options={"mapping": _told(draft.mapping), **draft.options.told()},
        notes=tuple(said),
    )


class _Columns:
    """Reads the columns of one draft; bad rows gather in `faults`."""

    def __init__(self, draft: Draft) -> None:
        self.draft, self.rows, self.options = draft, draft.rows, draft.options
        self.roles = draft.mapping.roles
        self.faults = Faults(self.rows.where, self.rows.count)

    def read(self) -> tuple[Log, bool, list[str]]:
        actor, notes = keys(self.rows, self.roles["actor"], "actor", self.options, self.faults)
        target, more = keys(self.rows, self.roles["target"], "target", self.options, self.faults)
        notes += more
        time, clock, said = self._time()
        kind, kinds = self._kind()
        log = Log(actor, target, time, kind, kinds, self._extra())
        return log, clock, notes + said

    def _time(self) -> tuple[np.ndarray | None, bool, list[str]]:
        if "time" not in self.roles:
            return None, False, ["no time column: the order of the file is the order of events"]
        read = times(self.rows, self.roles["time"], self.options, self.faults)
        return read.values, read.clock, list(read.notes)

    def _kind(self) -> tuple[np.ndarray | None, tuple[str, ...]]:
        if "kind" not in self.roles:
            return None, ("event",)
        column, _ = keys(self.rows, self.roles["kind"], "kind", self.options, self.faults)
        coded = pa.chunked_array([column.cast(pa.string()).combine_chunks().dictionary_encode()])
        levels = coded.chunk(0).dictionary.to_pylist()
        if len(levels) > 127:
            raise fault(
                self.rows.name,
                f'column "{self.roles["kind"]}" has {len(levels)} kinds',
                "at most 127 kinds",
                "is this the right column? --kind NAME",
            )
        kinds = sorted(levels)
        place = np.array([kinds.index(level) for level in levels], np.int8)
        return place[coded.chunk(0).indices.to_numpy()], tuple(kinds)

    def _extra(self) -> dict[str, np.ndarray]:
        out: dict[str, np.ndarray] = {}
        rows, options, faults = self.rows, self.options, self.faults
        for role in ("rating", "weight"):
            if role in self.roles:
                values = finite(rows, self.roles[role], role, options, faults)
                out[role] = values.astype(np.float32)
        if "session" in self.roles:
            out["session"] = whole(rows, self.roles["session"], np.int32, options, faults)
        if "position" in self.roles:
            out["position"] = whole(rows, self.roles["position"], np.int16, options, faults)
        for column in self.draft.mapping.labels:
            out[column] = labels(rows, column, options, faults)
        for new, column in self.draft.mapping.extra.items():
            out[new] = finite(rows, column, "column", options, faults).astype(np.float32)
        if self.draft.part is not None:
            out[PART] = self.draft.part
        elif "part" in self.roles:
            out[PART] = self._parts(self.roles["part"])
        return out

    def _parts(self, column: str) -> np.ndarray:
        """[rows] int8: a column of a given split."""
        words, codes = np.unique(
            np.array(self.rows.columns[column].cast(pa.string()).to_pylist(), object).astype(str),
            return_inverse=True,
        )
        unknown = [str(word) for word in words if word not in PARTS]
        if unknown:
            row = int(np.flatnonzero(words[codes] == unknown[0])[0])
            raise fault(
                self.rows.where(row, column),
                f"part {shown(unknown[0])}",
                "a part is train, valid or test (0, 1, 2)",
                "--map or fix the column",
            )
        return np.array([PARTS[str(word)] for word in words], np.int8)[codes]


def _left(options: ReadOptions, rows: Rows) -> int:
    """Bad rows still allowed after those that never became rows."""
    return allowed(options.bad_rows, rows.count + rows.left_out) - rows.left_out


def _kept(count: int, bad: np.ndarray) -> np.ndarray:
    keep = np.ones(count, bool)
    keep[bad] = False
    return keep


def _positive(dataset: Dataset, draft: Draft) -> Dataset:
    """The events that `--positive` keeps, counted as a filter."""
    if not draft.options.positive:
        rated = "rating" in draft.mapping.roles
        return dataset.noted("every row is one event") if rated else dataset
    wanted = condition(draft.options.positive)
    names = {column: role for role, column in draft.mapping.roles.items()}
    names |= {column: new for new, column in draft.mapping.extra.items()}
    name = names.get(wanted.column, wanted.column)
    kept = filters.positives(dataset, f"{name}{wanted.compare}{wanted.value:g}")
    if not len(kept.events):
        raise fault(
            draft.rows.name,
            f"none of {len(dataset.events)} rows has {draft.options.positive}",
            "at least one event is needed",
            "loosen --positive",
        )
    return kept


def _rows_of(log: Log, keep: np.ndarray) -> Log:
    mask = pa.array(keep)
    return Log(
        actor=pc.filter(log.actor, mask),
        target=pc.filter(log.target, mask),
        time=None if log.time is None else log.time[keep],
        kind=None if log.kind is None else log.kind[keep],
        kinds=log.kinds,
        extra={name: column[keep] for name, column in log.extra.items()},
    )


def _told(mapping: Mapping) -> JSON:
    out: dict[str, JSON] = dict(mapping.roles)
    if mapping.labels:
        out["label"] = list(mapping.labels)
    return out | dict(mapping.extra)
