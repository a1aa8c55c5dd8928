"""Who did what, when: columns of numpy, sorted by (actor, time, place in the file)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyrec.data.keys import Keys
from polyrec.data.tables import Table
from polyrec.data.vocab import Order, Vocab
from polyrec.kernels.sort import by_actor_then_time

if TYPE_CHECKING:
    from polyrec.data.splits import Split, SplitConfig

JSON = str | int | float | bool | None | list["JSON"] | dict[str, "JSON"]
Column = NDArray[Any]


@dataclass(frozen=True)
class Events:
    """A log. Events of actor a (1..actors) are places `start[a]:start[a + 1]`; 0 has none.

    `clock=False`: the set has order only, and `time` is the place in the file.
    """

    actor: NDArray[np.int32]  # [E], ids 1..actors, ascending
    target: NDArray[np.int32]  # [E], ids 1..n
    time: NDArray[np.int64]  # [E], milliseconds, ascending inside an actor
    kind: NDArray[np.int8]  # [E], place in the data set's kinds
    start: NDArray[np.int64]  # [actors + 2]
    extra: Mapping[str, Column] = field(default_factory=dict)  # name -> [E]
    clock: bool = True

    def __len__(self) -> int:
        return len(self.actor)

    @property
    def actors(self) -> int:
        """U: the number of actors, those without events among them."""
        return len(self.start) - 2

    @property
    def lengths(self) -> NDArray[np.int64]:
        """[actors + 1]: events of each actor, 0 for actor 0."""
        return np.diff(self.start)

    @property
    def columns(self) -> dict[str, Column]:
        """Every column of length E, base columns first."""
        base: dict[str, Column] = {
            "actor": self.actor,
            "target": self.target,
            "time": self.time,
            "kind": self.kind,
        }
        return base | {name: self.extra[name] for name in sorted(self.extra)}

    def subset(self, keep: NDArray[np.bool_]) -> Events:
        """The events where `keep` [E] is True, with the same ids: a copy, sharing nothing."""
        actor = self.actor[keep]
        start = np.zeros_like(self.start)
        np.cumsum(np.bincount(actor, minlength=self.actors + 1), out=start[1:])
        return Events(
            actor=actor,
            target=self.target[keep],
            time=self.time[keep],
            kind=self.kind[keep],
            start=start,
            extra={name: column[keep] for name, column in self.extra.items()},
            clock=self.clock,
        )

    def counts(self, items: int) -> NDArray[np.int64]:
        """[items + 1]: events of each target."""
        return np.bincount(self.target, minlength=items + 1)


class Sizes(NamedTuple):
    """How much there is."""

    actors: int
    targets: int
    events: int


class Count(NamedTuple):
    """What one filter left."""

    filter: str
    before: Sizes
    after: Sizes


@dataclass(frozen=True)
class Source:
    """Where a data set comes from, and everything that was assumed or dropped on the way."""

    name: str = ""
    address: str = ""
    licence: str = ""
    sha256: Mapping[str, str] = field(default_factory=dict)  # file name -> hash
    reader: str = ""
    options: Mapping[str, JSON] = field(default_factory=dict)
    counts: tuple[Count, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Log:
    """What a reader hands over: columns of one length, in the order of the file."""

    actor: Keys
    target: Keys
    time: NDArray[np.int64] | None = None  # milliseconds; None = the file's order is all there is
    kind: NDArray[np.integer] | None = None  # places in `kinds`; None = all of the first
    kinds: tuple[str, ...] = ("event",)
    extra: Mapping[str, Column] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """A log with its vocabularies ("actor", "target") and tables. Tables of these two names
    have a row for every id; other tables have their own keys."""

    events: Events
    vocabs: Mapping[str, Vocab]
    source: Source
    tables: Mapping[str, Table] = field(default_factory=dict)
    kinds: tuple[str, ...] = ("event",)
    stored_hash: str = ""  # as written by the store; empty = not stored yet

    @property
    def items(self) -> int:
        """n: the number of real targets. Comes from the vocabulary only, never from the data."""
        return self.vocabs["target"].size

    @property
    def sizes(self) -> Sizes:
        """Actors and targets that have ids, and events."""
        return Sizes(self.vocabs["actor"].size, self.items, len(self.events))

    @cached_property
    def hash(self) -> str:
        """sha256 over all columns in a fixed order: what the data are, not how they came."""
        return self.stored_hash or _hash(self)

    def split(self, how: SplitConfig) -> Split:
        """Train, valid and test, as `how` says."""
        from polyrec.data.splits import split  # the splits are built on this file

        return split(self, how)

    def noted(self, *notes: str) -> Dataset:
        """The same data with more said about their source."""
        return replace(self, source=replace(self.source, notes=(*self.source.notes, *notes)))


def build(
    log: Log,
    source: Source,
    order: Order = "frequency",
    actors: Order = "first",
    tables: Mapping[str, Table] | None = None,
) -> Dataset:
    """From keys in file order to a sorted, numbered data set.

    Args:
        order: how targets are numbered; by frequency suits log-uniform samplers.
        actors: how actors are numbered; by first appearance keeps the order that published
            splits by actor shuffle.
        tables: "actor" and "target" tables are brought into the order of ids; their keys that
            have no event become ids after all others (cold) and are noted.

    Raises:
        ValueError: columns differ in length, a key is missing, a kind is unknown.
    """
    _same_length(log)
    actor_vocab, actor = Vocab.build(log.actor, actors)
    beside = tables["target"].keys.column if tables and "target" in tables else None
    target_vocab, target = Vocab.build(log.target, order, beside)
    vocabs, joined, notes = _joined({"actor": actor_vocab, "target": target_vocab}, tables or {})
    events = arrange(log, actor, target, vocabs["actor"].size)
    said = replace(source, notes=(*source.notes, *_shifts(vocabs), *notes))
    return Dataset(events, vocabs, said, joined, log.kinds)


def arrange(log: Log, actor: NDArray[np.int32], target: NDArray[np.int32], actors: int) -> Events:
    """Sorts numbered columns by (actor, time, place in the file)."""
    place, start = by_actor_then_time(actor, log.time, actors)
    kind = np.zeros(len(actor), np.int8) if log.kind is None else log.kind.astype(np.int8)[place]
    time = place.astype(np.int64) if log.time is None else log.time[place]
    return Events(
        actor=np.repeat(np.arange(actors + 1, dtype=np.int32), np.diff(start)),
        target=target[place],
        time=time,
        kind=kind,
        start=start,
        extra={name: column[place] for name, column in log.extra.items()},
        clock=log.time is not None,
    )


def _same_length(log: Log) -> None:
    columns = {"target": log.target, "time": log.time, "kind": log.kind, **log.extra}
    for name, column in columns.items():
        if column is not None and len(column) != len(log.actor):
            raise ValueError(
                f"column {name} has {len(column)} rows, the actor column {len(log.actor)}"
            )
    if log.kind is not None and len(log.kind):
        low, high = int(log.kind.min()), int(log.kind.max())
        if low < 0 or high >= len(log.kinds):
            raise ValueError(f"kinds {low}..{high} for {len(log.kinds)} names {log.kinds}")


def _joined(
    vocabs: dict[str, Vocab], tables: Mapping[str, Table]
) -> tuple[dict[str, Vocab], dict[str, Table], list[str]]:
    """Tables of actors and targets in the order of ids, and vocabularies with their cold keys."""
    joined, notes = dict(tables), []
    for name in vocabs.keys() & tables.keys():
        known = vocabs[name].size
        keys = tables[name].keys
        vocabs[name], ids = vocabs[name].extended(keys.column)
        cold, bare = vocabs[name].size - known, known - int((ids <= known).sum())
        joined[name] = tables[name].aligned(vocabs[name], ids)
        if cold:
            notes.append(f"{cold:,} rows of the {name} table have no event: kept, cold")
        if bare:
            notes.append(f"{bare:,} {name}s have no row in the table: empty features (id 0)")
    return vocabs, joined, sorted(notes)


def _shifts(vocabs: Mapping[str, Vocab]) -> list[str]:
    return [
        f"{n} ids start at 0 in the file: all moved up by 1" for n, v in vocabs.items() if v.shift
    ]


def _hash(dataset: Dataset) -> str:
    told = hashlib.sha256()

    def tell(name: str, column: Column) -> None:
        little = np.ascontiguousarray(column, column.dtype.newbyteorder("<"))
        told.update(f"{name}|{little.dtype.str}|{little.shape}|".encode())
        told.update(little.reshape(-1).view(np.uint8).data)

    for name, column in dataset.events.columns.items():
        tell(name, column)
    told.update(f"{dataset.events.clock}|{dataset.kinds}".encode())
    for name in sorted(dataset.vocabs):
        told.update(f"{name}|{dataset.vocabs[name].hash}".encode())
    for name in sorted(dataset.tables):
        told.update(f"{name}|{dataset.tables[name].keys.hash}".encode())
        for label in sorted(dataset.tables[name].columns):
            for part, array in dataset.tables[name].columns[label].arrays().items():
                tell(f"{name}.{label}.{part}", array)
            vocab = getattr(dataset.tables[name].columns[label], "vocab", None)
            told.update(b"" if vocab is None else vocab.hash.encode())
    return told.hexdigest()
