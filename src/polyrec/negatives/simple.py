"""Samplers that look at the catalogue alone: every item alike, or all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from numbers import Integral
from typing import Literal, Self

import torch
from torch import Tensor

from polyrec.kernels.draws import unique_uniform
from polyrec.negatives.source import (
    Drawn,
    Share,
    check_count,
    check_share,
    meet,
    own_purpose,
    resized,
    sets_of,
)
from polyrec.types import Negatives, PairBatch, Progress


@dataclass(frozen=True, eq=False)
class Uniform:
    """Every item alike: nothing to correct, nothing to know.

    The safe first choice. Popular items are rarely met, so with a large catalogue the positives
    soon win and the loss says little: then LogUniform or Popular.

    Arguments:
        count: negatives of a set; what a row meets, whatever the batch.
        draws: "replacement" (an id may come twice) or "unique".
        share: one set for the batch, one a sequence, or one a row.
        mask_history: also mask negatives in the row's own history.
        parts: of share="batch": the batch in so many parts, each with a set of its own. An item in
            the only set of a large batch is pushed by all rows at once and rarely; Adam takes that
            for noise and moves it less. More parts meet more of the catalogue for the same product.
            Several processes share the parts of the whole batch; each must bring as many rows.
    """

    items: int
    count: int
    draws: Literal["replacement", "unique"] = "replacement"
    share: Share = "batch"
    mask_history: bool = False
    parts: int = 1

    per_set = False

    def __post_init__(self) -> None:
        if self.draws not in ("replacement", "unique"):
            raise ValueError(f"uniform: draws={self.draws!r}, use replacement or unique")
        check_count(self.count, self.items, unique=self.draws == "unique")
        check_share(self.share)
        if not isinstance(self.parts, Integral) or self.parts < 1:
            raise ValueError(f"uniform: parts={self.parts}, need a whole number from 1")
        if self.parts > 1 and self.share != "batch":
            raise ValueError(
                f"uniform: parts={self.parts} needs share=batch, got share={self.share}"
            )

    def with_count(self, count: int) -> Self:
        """The same sampler with another number of negatives."""
        return resized(self, count, self.items, unique=self.draws == "unique")

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives:
        """Pure in the seed, the stage and the step of `progress`."""
        return meet((self.draw(batch, progress, "negatives"),), batch, progress)

    def draw(self, batch: PairBatch, progress: Progress, purpose: str) -> Drawn:
        """Ids before masking, for `meet`."""
        sets, row = sets_of(batch, self.share)
        if self.parts > 1:
            ranks, rows = progress.ranks, len(row)
            place = torch.arange(rows) + ranks.rank * rows  # in the batch of all processes
            sets, row = self.parts, place * self.parts // max(ranks.size * rows, 1)
        own = own_purpose(purpose, self.share, progress)
        if self.draws == "unique":
            found = unique_uniform(self.items, self.count, sets, progress.seed_of(own))[0]
            ids = torch.from_numpy(found)
        else:
            shape = (sets, self.count)
            ids = torch.randint(1, self.items + 1, shape, generator=progress.generator(own))
        rate = self.count / self.items
        return Drawn(ids, row, lambda ids, _: _constant(ids, rate), mask_history=self.mask_history)


@dataclass(frozen=True, eq=False)
class All:
    """The whole catalogue as negatives: sampled softmax over it is the full cross-entropy.

    For catalogues up to about 50,000 items.

    Arguments:
        budget_mb: refuses a batch whose scores and gradient need more.

    Raises:
        MemoryError: B x n scores do not fit the budget.
    """

    items: int
    budget_mb: int = 1024
    mask_history: bool = False

    share: Share = field(default="batch", init=False)
    per_set = False

    def __post_init__(self) -> None:
        check_count(1, self.items, unique=False)

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives:
        """The same for every step; nothing is drawn."""
        return meet((self.draw(batch, progress, "negatives"),), batch, progress)

    def draw(self, batch: PairBatch, progress: Progress, purpose: str) -> Drawn:
        """Ids before masking, for `meet`."""
        rows = batch.positives.numel()
        need = math.ceil(rows * self.items * 4 * 3 / 2**20)  # scores, their softmax, gradient
        if need > self.budget_mb:
            raise MemoryError(
                f"full softmax of {rows:,} rows over {self.items:,} items needs {need:,} MB, "
                f"budget_mb={self.budget_mb:,}: use a sampled softmax, or fewer rows a batch"
            )
        ids = torch.arange(1, self.items + 1)[None]
        row = torch.zeros(rows, dtype=torch.int64)
        return Drawn(ids, row, lambda ids, _: _constant(ids, 1.0), mask_history=self.mask_history)


def _constant(ids: Tensor, value: float) -> Tensor:
    return torch.full((1,) * ids.ndim, value, dtype=torch.float64)  # broadcasts to the ids
