"""What is known when somebody asks: packed histories, no answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import torch
from torch import Tensor

Side = Literal["left", "right"]


@dataclass(frozen=True)
class Ragged:
    """Rows of unequal length, packed: row r is `values[start[r]:start[r + 1]]`.

    >>> Ragged.of([[5, 6, 7], [], [8]]).padded(2).tolist()
    [[6, 7], [0, 0], [8, 0]]
    """

    values: Tensor  # [sum]
    start: Tensor  # [R + 1], int64, start[0] = 0

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> Self:
        """Packs Python lists: for tests, the CLI and single requests."""
        lengths = torch.tensor([0, *(len(row) for row in rows)], dtype=torch.int64)
        flat = [value for row in rows for value in row]
        return cls(torch.tensor(flat, dtype=torch.int64), lengths.cumsum(0))

    def __len__(self) -> int:
        return self.start.numel() - 1

    @property
    def lengths(self) -> Tensor:
        """[R]: number of values of each row."""
        return self.start[1:] - self.start[:-1]

    @property
    def row(self) -> Tensor:
        """[sum]: the row that each value belongs to."""
        return torch.repeat_interleave(self.lengths)

    def padded(self, length: int, side: Side = "right") -> Tensor:
        """[R, length]: the last `length` values of each row, 0 elsewhere.

        `side` names where the zeros go; with "right" position 0 is the oldest kept value.
        """
        kept = self.lengths.clamp(max=length)
        place = torch.arange(length)
        if side == "left":
            place = place - (length - kept)[:, None]
        else:
            place = place.expand(len(self), length)
        real = (place >= 0) & (place < kept[:, None])
        if self.values.numel() == 0:
            return torch.zeros(len(self), length, dtype=self.values.dtype)
        at = torch.where(real, (self.start[1:] - kept)[:, None] + place, 0)
        return self.values[at] * real

    def last(self, count: int) -> Ragged:
        """The last `count` values of each row."""
        kept = self.lengths.clamp(max=count)
        return self._ranges(self.start[1:] - kept, kept)

    def to(self, device: torch.device) -> Ragged:
        """The same rows on a device."""
        return Ragged(self.values.to(device), self.start.to(device))

    def select(self, rows: Tensor) -> Ragged:
        """[len(rows)]: the named rows, in that order."""
        return self._ranges(self.start[:-1][rows], self.lengths[rows])

    def _ranges(self, first: Tensor, lengths: Tensor) -> Ragged:
        start = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        shift = torch.repeat_interleave(first - start[:-1], lengths)
        return Ragged(self.values[torch.arange(len(shift), device=shift.device) + shift], start)


@dataclass(frozen=True)
class Requests:
    """All that may be known when somebody asks, and no answers.

    `asked` names places in `history.values` after which a question is put (sequence training
    asks after every event); None asks once a row, after its last event. So R is `len(self)`.
    """

    actor: Tensor  # [S], id of the person, 0 = unknown
    history: Ragged  # [S], item ids, oldest first
    time: Tensor | None = None  # [S], milliseconds when asked
    aligned: Mapping[str, Tensor] = field(
        default_factory=dict
    )  # name -> [sum], beside history.values
    context: Mapping[str, Tensor] = field(default_factory=dict)  # name -> [S]
    asked: Tensor | None = None  # [R], indices into history.values

    def __len__(self) -> int:
        return len(self.history) if self.asked is None else self.asked.numel()

    def asked_throughout(self) -> Requests:
        """The same histories, asked after each of their events."""
        return replace(self, asked=torch.arange(self.history.values.numel()))

    def last(self, count: int) -> Requests:
        """The last `count` events of each row, with what stands beside them; asks once a row."""
        assert self.asked is None, "last() is for requests that ask once a row"
        places = Ragged(torch.arange(self.history.values.numel()), self.history.start).last(count)
        history = Ragged(self.history.values[places.values], places.start)
        aligned = {name: column[places.values] for name, column in self.aligned.items()}
        return replace(self, history=history, aligned=aligned)

    def select(self, rows: Tensor) -> Requests:
        """The named rows; only for requests that ask once a row."""
        assert self.asked is None, "select() is for requests that ask once a row"
        places = Ragged(torch.arange(self.history.values.numel()), self.history.start).select(rows)
        return Requests(
            actor=self.actor[rows],
            history=Ragged(self.history.values[places.values], places.start),
            time=None if self.time is None else self.time[rows],
            aligned={name: column[places.values] for name, column in self.aligned.items()},
            context={name: column[rows] for name, column in self.context.items()},
        )
