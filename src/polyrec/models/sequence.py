"""One interest from the order of events: recurrent retrievers."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from polyrec.models.history import FromHistory
from polyrec.nn import Init, ItemTable, Packed
from polyrec.nn.interests import Found


class GRU4Rec(FromHistory):
    """A gated recurrent layer's state after the last real event (Hidasi et al. 2016).

    One layer, width dim; the losses and negatives are the caller's, as in Cen et al. 2020.
    """

    def __init__(
        self,
        items: int,
        dim: int,
        length: int = 20,
        init: Init = "small",
        similarity: nn.Module | None = None,
    ) -> None:
        super().__init__(ItemTable(items, dim, init), length, _LastState(dim), similarity)


class _LastState(nn.Module):
    """State after the last event of each row; zero for rows without any."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.cell = nn.GRU(dim, dim)
        for name, weight in self.cell.named_parameters():
            if name.startswith("bias"):
                nn.init.zeros_(weight)
            else:
                nn.init.xavier_uniform_(weight)

    def forward(self, h: Tensor, packed: Packed) -> Found:
        state = h.new_zeros(packed.rows, h.shape[1])
        if packed.width:
            last = self.cell(PackedSequence(h, packed.counts))[1][0]  # [rows with events, D]
            state = state.index_copy(0, packed.order[: len(last)], last)
        return state[:, None], {}
