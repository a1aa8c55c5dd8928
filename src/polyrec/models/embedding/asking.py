"""Item vectors at work, wherever they come from: a history's mean asks, the nearest answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.nn import Cosine, known
from polyrec.types import Encoded, Ragged, Requests

COLD = "cold: no vector"
LEARNT = "learnt from the log"


class ItemVectors(nn.Module):
    """A table of item vectors that something else fills: walks, side information, cold start.

    `learner` is what found them; it is kept with the weights, so that an item without a vector
    can be given one later. An item that is not warm is zero: it has no direction and scores 0.
    `placed` marks items whose vector is a guess of cold start: they answer, and nothing rests on
    them.
    """

    vectors: Tensor
    warm: Tensor
    placed: Tensor
    similarity: Cosine

    def __init__(self, items: int, dim: int, learner: nn.Module, length: int | None = None) -> None:
        """`length`: the last events of a history that ask; None = all."""
        super().__init__()
        if length is not None and length < 1:
            raise ValueError(f"length={length}: need at least 1, or None for whole histories")
        self.learner, self.length = learner, length
        self.register_buffer("vectors", torch.zeros(items + 1, dim))
        self.register_buffer("warm", torch.zeros(items + 1, dtype=torch.bool))
        self.register_buffer("placed", torch.zeros(items + 1, dtype=torch.bool))
        self.similarity = Cosine()

    def fill(self, vectors: Tensor, warm: Tensor) -> None:
        """Takes over vectors [n + 1, D] of the items named warm [n + 1]; the rest is zero.

        Raises:
            ValueError: another shape, or a number that is not finite.
        """
        if vectors.shape != self.vectors.shape or warm.shape != self.warm.shape:
            raise ValueError(
                f"vectors of shape {tuple(vectors.shape)} for a table of "
                f"{tuple(self.vectors.shape)}: row 0 is nothing, then one row an item"
            )
        if not bool(torch.isfinite(vectors[warm]).all()):
            raise ValueError("an item's vector holds NaN or inf: lower lr")
        self.warm.copy_(warm)
        self.warm[0] = False
        self.vectors.copy_(vectors.masked_fill(~self.warm[:, None], 0))
        self.placed.zero_()

    def place(self, ids: Tensor, vectors: Tensor) -> None:
        """Gives items without a learnt vector one: ids [C], vectors [C, D].

        Raises:
            ValueError: an item has a learnt vector, or a number is not finite.
        """
        if bool((self.warm & ~self.placed)[ids].any()):
            raise ValueError("place: an item among these has a learnt vector; place cold ones")
        if not bool(torch.isfinite(vectors).all()):
            raise ValueError("place: a vector holds NaN or inf")
        self.vectors[ids] = vectors
        self.warm[ids] = True
        self.placed[ids] = True

    def prepare(self) -> Self:
        """Nothing to do once."""
        return self

    def items(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D]."""
        return self.vectors[ids]

    def queries(self, requests: Requests) -> Tensor:
        """[R, 1, D]: the mean over the warm items of each history."""
        history = known(requests)
        if self.length is not None:
            history = history.last(self.length)
        return mean_of(history, self.warm, self.items)[:, None]

    def forward(self, requests: Requests, ids: Tensor) -> Encoded:
        """Both sides at once."""
        queries, items = self.queries(requests), self.items(ids)
        return Encoded(queries=queries, items=items, meet=(queries, items))


def mean_of(rows: Ragged, counted: Tensor, vectors: Callable[[Tensor], Tensor]) -> Tensor:
    """[R, D]: the mean vector of each row's ids that count; zero where none does.

    `counted` [n + 1], bool.
    """
    chosen = counted[rows.values]
    values = rows.values[chosen]
    start = F.pad(chosen.cumsum(0), (1, 0))[rows.start]
    found = vectors(values)
    total = torch.zeros(len(rows), found.shape[-1])
    total.index_add_(0, torch.repeat_interleave(torch.arange(len(rows)), start.diff()), found)
    return total / start.diff().clamp(min=1)[:, None]
