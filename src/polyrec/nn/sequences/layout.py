"""Histories read once, however many questions are put along them, and no work on padding.

Events lie packed, [E, D], row after row. Whatever looks at one event alone (projections, feed-
forward, norms) runs on them as they are; only attention needs rows. On a processor short ones are
attended as they lie (`short`); others come in groups of similar length, padded at the right to
the longest of the group.

Letters: S rows, E events, R questions, T the longest row of a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from polyrec.nn.packed import bounds
from polyrec.types import NOTHING, Requests

WASTE = 0.5  # a group's shortest row is at least this part of its longest, if long enough to tell
FEW = 0.02  # the same on an accelerator, where a further group costs more than padding
SHORT = 4  # rows up to this length share a group
MIDDLE = 64  # on a processor no group mixes rows up to this length with longer ones


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

    `groups` and `back` are made when they are first asked for.
    """

    ids: Tensor  # [E], never 0
    source: Tensor  # [E], the place of each event in the request's own packed columns
    start: Tensor  # [S + 1], on the host
    last: Tensor  # [R], the event after which each question is put; 0 where there is none
    empty: Tensor  # [R], bool: nothing known to answer from
    actor: Tensor  # [S]
    time: Tensor | None  # [E], milliseconds, where the request tells them

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Rows with events by length."""
        device, start = self.ids.device, self.start[:-1]
        ordered, order = self.lengths.sort(stable=True)
        groups = []
        rule = (WASTE, MIDDLE) if device.type == "cpu" else (FEW, 0)
        for low, high in pairwise(_cuts(ordered, *rule)):
            rows, size = order[low:high], ordered[low:high]
            place = torch.arange(int(size[-1]))
            at = start[rows][:, None] + torch.minimum(place, size[:, None] - 1)
            groups.append(Group(at.to(device), size.to(device)))
        return tuple(groups)

    @cached_property
    def back(self) -> Tensor:
        """[E]: from the groups' padded places, one group after another, to the events."""
        back, before = torch.empty_like(self.ids), 0
        for group in self.groups:
            real = torch.arange(group.at.shape[1], device=back.device) < group.lengths[:, None]
            back[group.at[real]] = before + real.flatten().nonzero()[:, 0]
            before += group.at.numel()
        return back

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

    def filled(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First event and number of events of each row that has any."""
        some = self.lengths > 0
        return self.start[:-1][some].numpy(), self.lengths[some].numpy()

    def padded(self, x: Tensor) -> list[Tensor]:
        """[E, D] -> a [r, T, D] for each group."""
        return [F.embedding(group.at, x) for group in self.groups]

    def packed(self, parts: Sequence[Tensor]) -> Tensor:
        """The inverse of `padded`: what stands at padding is left behind."""
        flat = [part.flatten(0, 1) for part in parts]
        return F.embedding(self.back, flat[0] if len(flat) == 1 else torch.cat(flat))


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
    return Layout(
        ids=ids[at].to(device),
        source=source[at],
        start=start,
        last=last.to(device),
        empty=empty.to(device),
        actor=actor.to(device),
        time=None,
    )


def _cuts(ordered: Tensor, share: float, middle: int) -> list[int]:
    """Where groups begin and end among rows ordered by length; rows without events are outside.

    `share`: of a group's longest row that its shortest has at least, above `SHORT`. No group
    mixes rows up to `middle` with longer ones; 0: any may.
    """
    cut = int((ordered == 0).sum())
    cuts = [cut]
    while cut < len(ordered):
        shortest = int(ordered[cut])
        reach = max(SHORT, int(shortest / share))
        if shortest <= middle:
            reach = min(reach, middle)
        cut = int(torch.searchsorted(ordered, reach, side="right"))
        cuts.append(cut)
    return cuts
