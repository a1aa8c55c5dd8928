"""Histories without padding, laid out place by place.

Event e is the `place[e]`-th kept item of row `row[e]`; rows are ranked by length, longest first,
and all events of one place lie together: `starts[t] + rank`. So each place's map is one matrix
product over just the rows that reach it, a recurrent net takes the layout as it stands, and no
work is spent on padding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from polyrec.types import NOTHING, Ragged, Requests


@dataclass(frozen=True)
class Packed:
    """The last events of R rows; E events in all, T = the longest kept history."""

    ids: Tensor  # [E], never 0
    row: Tensor  # [E]
    place: Tensor  # [E], 0 = oldest kept
    order: Tensor  # [R], the row of each rank
    lengths: Tensor  # [R], by rank, never increasing; on the host
    counts: Tensor  # [T], rows that reach each place; on the host

    @property
    def starts(self) -> Tensor:
        """[T]: the first event of each place; on the host."""
        return self.counts.cumsum(0) - self.counts

    @property
    def rows(self) -> int:
        """R."""
        return self.order.numel()

    @property
    def width(self) -> int:
        """T."""
        return self.counts.numel()

    @property
    def empty(self) -> Tensor:
        """[R], bool, by row: histories without a known item."""
        return self.by_row(self.lengths) == 0

    @property
    def some_empty(self) -> bool:
        """Whether any history is empty."""
        return self.rows > 0 and int(self.lengths[-1]) == 0

    def padded(self, values: Tensor) -> Tensor:
        """[E, D] -> [R, T, D] in row order, zeros at the right."""
        flat = values.new_zeros(self.rows * self.width, values.shape[-1])
        flat = flat.index_copy(0, self.row * self.width + self.place, values)
        return flat.view(self.rows, self.width, values.shape[-1])

    def summed(self, values: Tensor) -> Tensor:
        """[E, D] -> [R, D]: the sum over each row's events."""
        return values.new_zeros(self.rows, values.shape[-1]).index_add(0, self.row, values)

    def by_row(self, ranked: Tensor) -> Tensor:
        """[R] by rank on the host -> [R] by row, beside `order`."""
        return torch.empty_like(self.order).index_copy(0, self.order, ranked.to(self.order))


def pack(requests: Requests, length: int, device: torch.device) -> Packed:
    """The last `length` known items before each question. Id 0 is nothing and is left out."""
    first, stop, values = bounds(requests)
    kept = (stop - first).clamp(max=length)
    lengths, order = kept.sort(descending=True, stable=True)
    width = int(lengths[0]) if lengths.numel() else 0
    reached = torch.arange(width)[:, None] < lengths
    place, rank = reached.nonzero(as_tuple=True)
    ids = values[(stop - kept)[order][rank] + place]
    return Packed(
        ids=ids.to(device),
        row=order[rank].to(device),
        place=place.to(device),
        order=order.to(device),
        lengths=lengths,
        counts=reached.sum(1),
    )


def bounds(requests: Requests) -> tuple[Tensor, Tensor, Tensor]:
    """First and stop of each question's history in packed values that hold no 0."""
    values, start = requests.history.values.cpu(), requests.history.start.cpu()
    first, stop = start[:-1], start[1:]
    if requests.asked is not None:
        stop = requests.asked.cpu() + 1
        first = start[torch.searchsorted(start, stop, side="left") - 1]
    known = values != NOTHING
    if bool(known.all()):
        return first, stop, values
    before = torch.cat([start.new_zeros(1), known.cumsum(0)])
    return before[first], before[stop], values[known]


def known(requests: Requests) -> Ragged:
    """[R]: all known items before each question, oldest first."""
    first, stop, values = bounds(requests)
    if requests.asked is None and len(values) == len(requests.history.values):
        return Ragged(values, requests.history.start.cpu())
    lengths = stop - first
    start = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    shift = torch.repeat_interleave(first - start[:-1], lengths)
    return Ragged(values[torch.arange(int(start[-1])) + shift], start)
