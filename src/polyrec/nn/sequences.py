"""Histories read once, however many questions are put along them, and no work on padding.

Events lie packed, [E, D], row after row. Whatever looks at one event alone (projections, feed-
forward, norms) runs on them as they are; only attention needs rows, and gets them in groups of
similar length, padded at the right to the longest of the group.

Letters: S rows, E events, R questions, T the longest row of a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec.nn.packed import bounds
from polyrec.types import NOTHING, Requests

WASTE = 0.5  # a group's shortest row is at least this part of its longest, if long enough to tell
FEW = 0.02  # the same on an accelerator, where a further group costs more than padding
SHORT = 4  # rows up to this length share a group


@dataclass(frozen=True)
class Group:
    """Rows of similar length: places of their events, padded at the right."""

    at: Tensor  # [r, T], indices of events; padding repeats the row's last event
    lengths: Tensor  # [r]

    @property
    def ends(self) -> Tensor:
        """[r]: the last event of each row."""
        return self.at[:, -1]


@dataclass(frozen=True)
class Layout:
    """S rows of the last events before the last question of each, packed.

    `back` leads from the groups' padded places, one group after another, to the events.
    """

    ids: Tensor  # [E], never 0
    source: Tensor  # [E], the place of each event in the request's own packed columns
    start: Tensor  # [S + 1], on the host
    last: Tensor  # [R], the event after which each question is put; 0 where there is none
    empty: Tensor  # [R], bool: nothing known to answer from
    actor: Tensor  # [S]
    time: Tensor | None  # [E], milliseconds, where the request tells them
    groups: tuple[Group, ...]
    back: Tensor  # [E]

    @property
    def lengths(self) -> Tensor:
        """[S], on the host."""
        return self.start[1:] - self.start[:-1]

    @property
    def row(self) -> Tensor:
        """[E]: the row of each event."""
        return torch.repeat_interleave(torch.arange(len(self.lengths)), self.lengths)

    @property
    def age(self) -> Tensor:
        """[E]: events that follow in the row; the last has 0, however long the row is."""
        return (self.start[1:] - 1)[self.row] - torch.arange(len(self.ids))

    @property
    def place(self) -> Tensor:
        """[E]: events before it in the row."""
        return torch.arange(len(self.ids)) - self.start[self.row]

    def padded(self, x: Tensor) -> list[Tensor]:
        """[E, D] -> a [r, T, D] for each group."""
        return [F.embedding(group.at, x) for group in self.groups]

    def packed(self, parts: Sequence[Tensor]) -> Tensor:
        """The inverse of `padded`: what stands at padding is left behind."""
        flat = [part.flatten(0, 1) for part in parts]
        return F.embedding(self.back, flat[0] if len(flat) == 1 else torch.cat(flat))


class Asking(Protocol):
    """Which events of the rows look back: each of them, or the last of each row alone.

    N of the E events ask; in training N = E.
    """

    @property
    def layout(self) -> Layout: ...
    def of(self, x: Tensor) -> Tensor:
        """[E, D] -> [N, D]: what the asking events have."""
        ...

    def padded(self, x: Tensor) -> list[Tensor]:
        """[N, D] -> a [r, Q, D] for each group; Q = T, or 1."""
        ...

    def packed(self, parts: Sequence[Tensor]) -> Tensor:
        """The inverse of `padded`."""
        ...

    def place(self, group: Group) -> Tensor:
        """[r or 1, 1, Q]: events before the asking ones in their rows."""
        ...

    def answers(self, x: Tensor) -> Tensor:
        """[N, D] -> [R, D]: what answers each question."""
        ...


@dataclass(frozen=True)
class Each:
    """Every event asks, of itself and those before it."""

    layout: Layout

    def of(self, x: Tensor) -> Tensor:
        """[E, D], as it is."""
        return x

    def padded(self, x: Tensor) -> list[Tensor]:
        """[E, D] -> a [r, T, D] for each group."""
        return self.layout.padded(x)

    def packed(self, parts: Sequence[Tensor]) -> Tensor:
        """The inverse of `padded`."""
        return self.layout.packed(parts)

    def answers(self, x: Tensor) -> Tensor:
        """[E, D] -> [R, D]: of the event after which each question is put."""
        return F.embedding(self.layout.last, x)

    def place(self, group: Group) -> Tensor:
        """[1, 1, T]: events before each."""
        return torch.arange(group.at.shape[1], device=group.at.device)[None, None]


@dataclass(frozen=True)
class Ends:
    """The last event of each row asks: all that serving needs of the last block.

    N rows that have events, in the order of their groups.
    """

    layout: Layout

    @property
    def at(self) -> Tensor:
        """[N]: the last event of each row."""
        return torch.cat([group.ends for group in self.layout.groups])

    def of(self, x: Tensor) -> Tensor:
        """[E, D] -> [N, D]."""
        return F.embedding(self.at, x)

    def padded(self, x: Tensor) -> list[Tensor]:
        """[N, D] -> a [r, 1, D] for each group."""
        parts = torch.split(x, [len(group.lengths) for group in self.layout.groups])
        return [part[:, None] for part in parts]

    def packed(self, parts: Sequence[Tensor]) -> Tensor:
        """The inverse of `padded`."""
        return torch.cat([part[:, 0] for part in parts])

    def place(self, group: Group) -> Tensor:
        """[r, 1, 1]: events before each row's last."""
        return group.lengths[:, None, None] - 1

    def answers(self, x: Tensor) -> Tensor:
        """[N, D] -> [R, D]: every question comes after the last event of a row."""
        rank = torch.zeros_like(self.layout.back)
        rank[self.at] = torch.arange(len(self.at), device=rank.device)
        return F.embedding(rank[self.layout.last], x)


def lay(requests: Requests, length: int, device: torch.device) -> Layout:
    """The last `length` known events of each row; id 0 is nothing and is left out.

    Where a row asks along more than `length` events, each of its questions gets a row of its own:
    right, and slower; streams cut their rows to `length`.
    """
    first, stop, ids = bounds(requests)
    source = (requests.history.values.cpu() != NOTHING).nonzero()[:, 0]
    columns = ids, source, requests.actor.cpu()
    if requests.asked is not None:
        rows, row_of = _shared(requests, first, stop)
        if not len(row_of) or int((rows[1] - rows[0]).max()) <= length:
            return _timed(_laid(columns, rows, (row_of, stop), device), requests)
        columns = ids, source, columns[2][row_of]
    first, every = torch.maximum(first, stop - length), torch.arange(len(first))
    return _timed(_laid(columns, (first, stop), (every, stop), device), requests)


def _timed(layout: Layout, requests: Requests) -> Layout:
    """The layout with the events' times, where the request has them."""
    if "time" not in requests.aligned:
        return layout
    time = requests.aligned["time"].cpu()[layout.source]
    return replace(layout, time=time.to(layout.ids.device))


def _shared(
    requests: Requests, first: Tensor, stop: Tensor
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """First and stop of each whole row, up to its last question; and each question's row."""
    assert requests.asked is not None
    start = requests.history.start.cpu()
    row_of = torch.searchsorted(start, requests.asked.cpu(), side="right") - 1
    low = torch.full((len(requests.history),), torch.iinfo(torch.int64).max)
    low.scatter_reduce_(0, row_of, first, "amin")
    high = torch.zeros_like(low).scatter_reduce_(0, row_of, stop, "amax")
    low = torch.minimum(low, high)
    return (low, high), row_of


def _laid(
    columns: tuple[Tensor, Tensor, Tensor],
    rows: tuple[Tensor, Tensor],
    questions: tuple[Tensor, Tensor],
    device: torch.device,
) -> Layout:
    """Rows [first, stop) of the columns; question q lies in row questions[0][q], after [1][q]."""
    (ids, source, actor), (first, stop), (row_of, asked) = columns, rows, questions
    lengths = stop - first
    start = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    at = torch.arange(int(start[-1])) + torch.repeat_interleave(first - start[:-1], lengths)
    empty = asked <= first[row_of]
    last = (start[:-1][row_of] + asked - first[row_of] - 1).masked_fill(empty, 0)
    groups, back = _grouped(lengths, start, WASTE if device.type == "cpu" else FEW)
    return Layout(
        ids=ids[at].to(device),
        source=source[at],
        start=start,
        last=last.to(device),
        empty=empty.to(device),
        actor=actor.to(device),
        time=None,
        groups=tuple(Group(g.at.to(device), g.lengths.to(device)) for g in groups),
        back=back.to(device),
    )


def _grouped(lengths: Tensor, start: Tensor, waste: float) -> tuple[list[Group], Tensor]:
    """Rows with events by length, in groups; and the way back."""
    ordered, order = lengths.sort(stable=True)
    groups, back, before = [], torch.empty(int(start[-1]), dtype=torch.int64), 0
    for low, high in pairwise(_cuts(ordered, waste)):
        rows, size, longest = order[low:high], ordered[low:high], int(ordered[high - 1])
        place = torch.arange(longest)
        at = start[:-1][rows][:, None] + torch.minimum(place, size[:, None] - 1)
        real = place < size[:, None]
        back[at[real]] = before + real.flatten().nonzero()[:, 0]
        before += at.numel()
        groups.append(Group(at, size))
    return groups, back


def _cuts(ordered: Tensor, waste: float) -> list[int]:
    """Where groups begin and end among rows ordered by length; rows without events are outside."""
    cut = int((ordered == 0).sum())
    cuts = [cut]
    while cut < len(ordered):
        reach = max(SHORT, int(int(ordered[cut]) / waste))
        cut = int(torch.searchsorted(ordered, reach, side="right"))
        cuts.append(cut)
    return cuts
