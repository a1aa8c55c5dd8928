"""What most people chose, the same for everybody."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from polyrec.data.events import Events
from polyrec.types import Requests


class MostPopular(nn.Module):
    """What most events went to, the same for everybody; equal counts in order of id.

    A score is the number of items that come after the item in that order.
    """

    counts: Tensor
    score: Tensor

    def __init__(self, items: int) -> None:
        super().__init__()
        self.register_buffer("counts", torch.zeros(items + 1, dtype=torch.int64))
        self.register_buffer("score", torch.zeros(items + 1))

    def solve(self, events: Events) -> None:
        """Counts the events of each item."""
        self.counts.copy_(torch.from_numpy(events.counts(len(self.counts) - 1)))
        self.score.copy_(popularity(self.counts))

    def prepare(self) -> Self:
        """Nothing to do once."""
        return self

    def scores(self, requests: Requests) -> Tensor:
        """[R, n + 1]."""
        return self.score.expand(len(requests), -1)


def popularity(counts: Tensor) -> Tensor:
    """[n + 1] counts -> how many items each item comes before: by count, then by id."""
    order = counts[1:].argsort(descending=True, stable=True) + 1
    score = torch.zeros(len(counts))
    score[order] = torch.arange(len(order) - 1, -1, -1, dtype=score.dtype)
    return score
