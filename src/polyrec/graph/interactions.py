"""A log as builders see it: who met what, when, with 0-based nodes.

Id 0 of a vocabulary ("nothing") is no node, so ids go down by one here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from polyrec.data import Events
from polyrec.graph.csr import I64


@dataclass(frozen=True)
class Interactions:
    """Rows sorted by (actor, time). `time=None`: the order of an actor's rows is all there is."""

    actor: I64  # [E], 0-based, ascending
    target: I64  # [E], 0-based
    actors: int
    targets: int
    time: I64 | None = None  # [E], milliseconds
    kind: I64 | None = None  # [E], place in the data set's kinds

    def __len__(self) -> int:
        return len(self.actor)

    @classmethod
    def of(cls, events: Events, items: int) -> Interactions:
        """The rows of a log; `items` is the data set's, not the largest id met.

        Raises:
            ValueError: a target is outside 1..items.
        """
        bad = (events.target < 1) | (events.target > items)
        if bad.any():
            row = int(bad.argmax())
            raise ValueError(
                f"event {row:,}: target {events.target[row]}, allowed are 1..{items:,}; "
                "give the number of items of the data set that the events belong to"
            )
        return cls(
            actor=events.actor.astype(np.int64) - 1,
            target=events.target.astype(np.int64) - 1,
            actors=events.actors,
            targets=items,
            time=np.asarray(events.time, np.int64) if events.clock else None,
            kind=events.kind.astype(np.int64),
        )

    @classmethod
    def arrange(
        cls,
        actor: NDArray[np.integer],
        target: NDArray[np.integer],
        sizes: tuple[int, int],
        time: NDArray[np.integer] | None = None,
        kind: NDArray[np.integer] | None = None,
    ) -> Interactions:
        """From plain 0-based columns in any order; rows of one time keep their order.

        Raises:
            ValueError: an id outside its size, or columns of different lengths.
        """
        for name, ids, size in (("actor", actor, sizes[0]), ("target", target, sizes[1])):
            bad = (ids < 0) | (ids >= size)
            if bad.any():
                row = int(bad.argmax())
                raise ValueError(
                    f"row {row:,}: {name} {ids[row]}, allowed are 0..{size - 1:,}; "
                    "give the size of its vocabulary, or drop the row"
                )
        lengths = {len(column) for column in (actor, target, time, kind) if column is not None}
        if len(lengths) > 1:
            raise ValueError(f"columns of {sorted(lengths)} rows; one value for each row")
        order = np.argsort(actor, kind="stable") if time is None else np.lexsort((time, actor))
        return cls(
            actor=actor[order].astype(np.int64),
            target=target[order].astype(np.int64),
            actors=sizes[0],
            targets=sizes[1],
            time=None if time is None else time[order].astype(np.int64),
            kind=None if kind is None else kind[order].astype(np.int64),
        )

    def take(self, rows: NDArray[np.bool_] | I64) -> Interactions:
        """The named rows, which must keep their order."""
        return replace(
            self,
            actor=self.actor[rows],
            target=self.target[rows],
            time=None if self.time is None else self.time[rows],
            kind=None if self.kind is None else self.kind[rows],
        )

    def until(self, time: int | None) -> tuple[Interactions, Mapping[str, int]]:
        """The rows before `time` (milliseconds; None = all), and how many were left out.

        Raises:
            ValueError: the log has no clock to cut by.
        """
        if time is None:
            return self, {}
        if self.time is None:
            raise ValueError(
                f"until={time}, but the log has no times; give the train part of a split instead"
            )
        early = self.time < time
        return self.take(early), {"events at or after the cut": int((~early).sum())}

    def distinct(self) -> Interactions:
        """Each (actor, target) once, at its first row."""
        code = self.actor * max(self.targets, 1) + self.target
        _, first = np.unique(code, return_index=True)
        return self.take(np.sort(first))

    def swapped(self) -> Interactions:
        """The same rows with actor and target exchanged."""
        return Interactions.arrange(
            self.target, self.actor, (self.targets, self.actors), self.time, self.kind
        )

    def sessions(self, gap: float | None) -> Interactions:
        """The same rows, with a session for an actor: cut where `gap` seconds are passed.

        A log without times has one session an actor. Sessions are numbered from 0 in row order.
        """
        session = self.session_of(gap)
        return replace(self, actor=session, actors=int(session[-1]) + 1 if len(session) else 0)

    def session_of(self, gap: float | None) -> I64:
        """[E]: the number of each row's session."""
        new = np.diff(self.actor, prepend=-1) != 0
        if gap is not None and self.time is not None:
            new |= np.diff(self.time, prepend=self.time[:1]) > gap * 1000
        return np.cumsum(new) - 1
