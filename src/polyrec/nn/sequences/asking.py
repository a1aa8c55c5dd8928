"""Which events of packed rows look back: all of them, or the last of each.

Letters: S rows, E events, N that ask, R questions, T the longest row of a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec.kernels.rows.attention import Rows
from polyrec.nn.sequences.layout import Group, Layout


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

    def rows(self) -> Rows:
        """Rows that have events, and which of these ask."""
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

    def rows(self) -> Rows:
        """Whole rows."""
        first, events = self.layout.filled()
        return Rows(first, events, first, events)

    def place(self, group: Group) -> Tensor:
        """[1, 1, T]: events before each."""
        return torch.arange(group.at.shape[1], device=group.at.device)[None, None]


@dataclass(frozen=True)
class Ends:
    """The last event of each row asks: all that serving needs of the last block.

    N rows that have events, in their order.
    """

    layout: Layout

    @property
    def at(self) -> Tensor:
        """[N]: the last event of each row."""
        ends = self.layout.start[1:][self.layout.lengths > 0] - 1
        return ends.to(self.layout.ids.device)

    def of(self, x: Tensor) -> Tensor:
        """[E, D] -> [N, D]."""
        return F.embedding(self.at, x)

    def padded(self, x: Tensor) -> list[Tensor]:
        """[N, D] -> a [r, 1, D] for each group."""
        rank = self._rank()
        return [F.embedding(rank[group.ends], x)[:, None] for group in self.layout.groups]

    def packed(self, parts: Sequence[Tensor]) -> Tensor:
        """The inverse of `padded`."""
        rank = self._rank()
        order = torch.cat([rank[group.ends] for group in self.layout.groups])
        return F.embedding(order.argsort(), torch.cat([part[:, 0] for part in parts]))

    def rows(self) -> Rows:
        """One query a row."""
        first, events = self.layout.filled()
        return Rows(first, events, np.arange(len(first)), np.ones_like(first))

    def place(self, group: Group) -> Tensor:
        """[r, 1, 1]: events before each row's last."""
        return group.lengths[:, None, None] - 1

    def answers(self, x: Tensor) -> Tensor:
        """[N, D] -> [R, D]: every question comes after the last event of a row."""
        return F.embedding(self._rank()[self.layout.last], x)

    def _rank(self) -> Tensor:
        """[E]: for the last event of a row the number of rows with events before it."""
        rank = torch.zeros_like(self.layout.ids)
        rank[self.at] = torch.arange(len(self.at), device=rank.device)
        return rank
