"""What a stream hands to an objective: requests with their answers, or rows with labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyrec.data.events import Events
from polyrec.kernels.ranges import packed_ids, places
from polyrec.types import Ragged, Requests

I64 = NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Requests and the item that answered each (a `PairBatch`)."""

    requests: Requests  # [B]
    positives: Tensor  # [B], int64
    weight: Tensor  # [B], float32


@dataclass(frozen=True)
class Labels:
    """Rows with labels (a `LabelBatch`)."""

    rows: Tensor  # [B], ids of the rows, 1..n
    features: Mapping[str, Tensor | Ragged]  # name -> [B], [B, D] or B packed rows
    labels: Mapping[str, Tensor]  # task -> [B], float32
    weight: Mapping[str, Tensor]  # task -> [B], float32; 0 = outside the task's space
    group: Tensor  # [B], the unit of independence


@dataclass(frozen=True)
class Stretch:
    """Where the histories of some requests lie in a log: `first[r]:stop[r]`."""

    actor: I64  # [R]
    first: I64  # [R]
    stop: I64  # [R]
    asked: I64 | None  # [R], milliseconds; None = no clock


def requests(events: Events, at: Stretch, columns: Sequence[str] = ()) -> Requests:
    """Requests whose histories are stretches of a log.

    `columns` of the log ("time", "kind" or a name of `extra`) travel beside the history, as
    `aligned`.
    """
    values, start = packed_ids(events.target, at.first, at.stop)
    where = places(at.first, at.stop) if columns else None
    return Requests(
        actor=torch.from_numpy(at.actor),
        history=Ragged(torch.from_numpy(values), torch.from_numpy(start)),
        time=None if at.asked is None else torch.from_numpy(at.asked),
        aligned={name: torch.from_numpy(column(events, name)[where]) for name in columns},
    )


def after_last(
    events: Events, history: int, at_once: int = 1024, columns: Sequence[str] = ()
) -> Iterator[tuple[Tensor, Requests]]:
    """Every actor of a log and its question after the last event, in blocks: what caches ask.

    Arguments:
        history: events of a request at most, the latest ones.
    """
    actors = np.flatnonzero(np.diff(events.start))
    for first in range(0, len(actors), at_once):
        some = actors[first : first + at_once]
        stop = events.start[some + 1]
        at = Stretch(
            actor=some,
            first=np.maximum(events.start[some], stop - history),
            stop=stop,
            asked=events.time[stop - 1] if events.clock else None,
        )
        yield torch.from_numpy(some), requests(events, at, columns)


def known_targets(events: Events) -> Ragged:
    """[actors + 1]: all targets of each actor, row 0 those of nobody: what masks leave out."""
    target = torch.from_numpy(events.target.astype(np.int64))
    return Ragged(target, torch.from_numpy(events.start.astype(np.int64)))


def column(events: Events, name: str) -> NDArray[Any]:
    """A column of the log by its name.

    Raises:
        KeyError: there is no such column, or it is the time of a set without a clock.
    """
    if name == "time" and not events.clock:
        raise KeyError("column time: this set has order only; leave out time features")
    if name not in events.columns:
        known = ", ".join(events.columns)
        raise KeyError(f"no column {name!r} beside the events; there are {known}")
    return events.columns[name]
