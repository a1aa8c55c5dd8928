"""What a model does with codes: vectors from them, and guessing those of the next item.

Codes are buffers of a shape known at construction, filled once by a Solve stage, so checkpoints,
resume and serving hold them like any weight.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.nn.embed import Init, ItemTable
from polyrec.nn.quantize.codes import Codes

Start = Literal["zero", "small"]


class HoldsCodes(nn.Module):
    """Whatever holds the codes of all items; `fill` puts them in."""

    codes: Tensor

    def __init__(self, items: int, levels: int, size: int) -> None:
        super().__init__()
        if min(items, levels, size) < 1:
            raise ValueError(f"codes need items, levels and size >= 1: {items}, {levels}, {size}")
        self.levels, self.size = levels, size
        self.register_buffer("codes", torch.zeros(items + 1, levels, dtype=torch.int64))

    def fill(self, codes: Codes) -> None:
        """Takes over the codes of all items.

        Raises:
            ValueError: they are of other shape than this module was made for.
        """
        wanted, given = (*self.codes.shape, self.size), (*codes.ids.shape, codes.size)
        if wanted != given:
            raise ValueError(
                f"codes of (rows, levels, size) {given} for a module made for {wanted}: "
                "make both with the same items, levels and size"
            )
        self.codes.copy_(codes.ids)


class CodeEmbedding(HoldsCodes):
    """An item's vector as the sum of its codes' vectors, one a level: items alike share them.

    So an item that few have met learns from its neighbours. Zero for id 0 and without codes.
    `start="zero"`: added to id vectors, training starts as if there were no codes.
    """

    def __init__(
        self, items: int, levels: int, size: int, dim: int, start: Start = "small"
    ) -> None:
        super().__init__(items, levels, size)
        if start not in ("zero", "small"):
            raise ValueError(f"no start {start!r}; there are: zero, small")
        self.table = ItemTable(levels * size, dim)  # row 0: no code
        if start == "zero":
            nn.init.zeros_(self.table.weight)

    def forward(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D]."""
        codes = self.codes[ids.to(self.codes.device)]
        shift = torch.arange(self.levels, device=codes.device) * self.size
        vectors: Tensor = self.table((codes + shift) * (codes > 0))
        return vectors.sum(-2)


class CodedTable(ItemTable):
    """A vector an item plus those of its codes, in place of a model's table of items.

    Starts equal to the table alone: the codes' vectors are zero.
    """

    def __init__(self, items: int, dim: int, levels: int, size: int, init: Init = "small") -> None:
        super().__init__(items, dim, init)
        self.by_code = CodeEmbedding(items, levels, size, dim, "zero")

    def forward(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D]."""
        shared: Tensor = self.by_code(ids)
        return super().forward(ids) + shared


class CodeHead(HoldsCodes):
    """Guesses an item's codes from a query, each level by itself: an auxiliary task."""

    def __init__(self, items: int, levels: int, size: int, dim: int) -> None:
        super().__init__(items, levels, size)
        self.layer = nn.Linear(dim, levels * size)

    def forward(self, query: Tensor) -> Tensor:
        """[B, D] -> [B, levels, size], logits."""
        logits: Tensor = self.layer(query)
        return logits.view(*query.shape[:-1], self.levels, self.size)

    def known(self, ids: Tensor) -> Tensor:
        """[*S], bool: items that have codes."""
        return self.codes[ids.to(self.codes.device), 0] > 0

    def loss(self, query: Tensor, ids: Tensor) -> Tensor:
        """[B, D], [B] -> [B]: cross-entropy, the mean over levels; 0 for items without codes."""
        wanted = self.codes[ids.to(self.codes.device)] - 1
        logits = self(query).transpose(1, 2)
        return F.cross_entropy(logits, wanted, ignore_index=-1, reduction="none").mean(1)
