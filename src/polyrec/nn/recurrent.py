"""A recurrent layer over packed rows, one state after each event."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from polyrec.nn.dropout import Dropout
from polyrec.nn.sequences import Asking, Layout


class Recurrent(nn.Module):
    """A gated recurrent layer whose state after each event is kept (Cho et al. 2014).

    Rows run side by side, longest first, so no step is spent on padding.
    """

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.cell, self.out = nn.GRU(dim, dim), nn.Linear(dim, dim)
        self.drop = Dropout(dropout)

    def forward(self, x: Tensor, asking: Asking) -> Tensor:
        """[E, D] -> [N, D]."""
        order, counts = _by_place(asking.layout)
        states = self.cell(PackedSequence(F.embedding(order.to(x.device), x), counts))[0].data
        back = torch.empty_like(order)
        back[order] = torch.arange(len(order))
        found = asking.of(F.embedding(back.to(x.device), states))
        return cast(Tensor, self.drop(self.out(found)))


def _by_place(layout: Layout) -> tuple[Tensor, Tensor]:
    """[E]: all first events, longest rows first, then all second ones; and how many of each."""
    lengths, rows = layout.lengths.sort(descending=True, stable=True)
    reached = torch.arange(int(lengths[0]))[:, None] < lengths
    place, rank = reached.nonzero(as_tuple=True)
    return layout.start[rows[rank]] + place, reached.sum(1)
