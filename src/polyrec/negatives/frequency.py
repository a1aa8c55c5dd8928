"""Samplers that know how often each item occurs: popular items are met more often.

What they oversample they correct: `log_q` is ln of the expected number of times an id is in its
set, and a softmax loss subtracts it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor

from polyrec.kernels.draws import alias_table, unique_log_uniform
from polyrec.negatives.source import (
    Drawn,
    Share,
    check_count,
    check_counts,
    check_share,
    meet,
    own_purpose,
    resized,
    sets_of,
)
from polyrec.types import Negatives, PairBatch, Progress


@dataclass(frozen=True, eq=False)
class LogUniform:
    """Zipf's law over the frequency rank r: p(r) = ln((r + 1) / r) / ln(n + 1).

    The sampler of the multi-interest papers, and a good one for catalogues of 10^5 and more. It
    ranks the items by `counts` itself: ids need not be sorted by frequency.

    Arguments:
        counts: [n + 1], how often each item is a training event; entry 0 is ignored.
        draws: "unique" draws T times until `count` are distinct, E[c] = 1 - (1 - p)^T;
            "replacement" draws `count` times, E[c] = count * p; "tf" is "unique" over n + 1
            classes of which padding is the most frequent, as TensorFlow's candidate sampler was
            used by published code: id 0 is then a negative in nearly every batch.

    Source: TensorFlow's log-uniform candidate sampler; ComiRec's use of it.
    """

    items: int
    counts: Tensor
    count: int
    draws: Literal["unique", "replacement", "tf"] = "unique"
    share: Share = "batch"
    mask_history: bool = False
    _order: Tensor = field(init=False, repr=False)  # class - 1 -> id
    _chance: Tensor = field(init=False, repr=False)  # [n + 1], p of each id, float64

    def __post_init__(self) -> None:
        if self.draws not in ("unique", "replacement", "tf"):
            raise ValueError(f"log-uniform: draws={self.draws!r}, use unique, replacement or tf")
        check_count(self.count, self.items, unique=self.draws != "replacement")
        check_share(self.share)
        counts = check_counts(self.counts, self.items)
        order = torch.argsort(counts[1:], descending=True, stable=True) + 1
        if self.draws == "tf":
            order = torch.cat([order.new_zeros(1), order])
        rank = torch.arange(1, order.numel() + 1, dtype=torch.float64)
        chance = torch.zeros(self.items + 1, dtype=torch.float64)
        chance[order] = torch.log1p(1 / rank) / math.log(order.numel() + 1)
        chance[0] = chance[0] if self.draws == "tf" else chance[order[-1]]  # padding rows: finite
        object.__setattr__(self, "_order", order)
        object.__setattr__(self, "_chance", chance)

    @property
    def per_set(self) -> bool:
        """Unique draws: T differs from set to set, and the expected counts with it."""
        return self.draws != "replacement"

    def with_count(self, count: int) -> Self:
        """The same sampler with another number of negatives."""
        return resized(self, count, self.items, unique=self.draws != "replacement")

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives:
        """Pure in the seed, the stage and the step of `progress`."""
        return meet((self.draw(batch, progress, "negatives"),), batch, progress)

    def draw(self, batch: PairBatch, progress: Progress, purpose: str) -> Drawn:
        """Ids before masking, for `meet`."""
        sets, row = sets_of(batch, self.share)
        own = own_purpose(purpose, self.share, progress)
        if self.draws == "replacement":
            shape = (sets, self.count)
            unit = torch.rand(shape, generator=progress.generator(own), dtype=torch.float64)
            rank = torch.exp(unit * math.log(self.items + 1)).long().clamp(max=self.items)
            return Drawn(self._order[rank - 1], row, self._often, mask_history=self.mask_history)
        classes = self._order.numel()
        found, drawn = unique_log_uniform(classes, self.count, sets, progress.seed_of(own))
        trials = torch.from_numpy(drawn).double()

        def expected(ids: Tensor, of: Tensor) -> Tensor:
            times = trials if sets == 1 else trials[of]
            return -torch.expm1(times * torch.log1p(-self._chance[ids]))

        ids = self._order[torch.from_numpy(found) - 1]
        return Drawn(ids, row, expected, mask_history=self.mask_history, per_set=True)

    def _often(self, ids: Tensor, _: Tensor) -> Tensor:
        return self.count * self._chance[ids]


@dataclass(frozen=True, eq=False)
class Popular:
    """Items in proportion to count^alpha, drawn with replacement from an alias table.

    alpha = 0 is uniform over the items that occur, 1 the event share; .75 is word2vec's choice.
    An item of count 0 is never drawn; where it is a positive its log_q is that of count 1, and a
    warning says so.

    Source: Mikolov et al. 2013, section 2.2.
    """

    items: int
    counts: Tensor
    count: int
    alpha: float = 0.75
    share: Share = "batch"
    mask_history: bool = False
    _chance: Tensor = field(init=False, repr=False)  # [n + 1], p of each id, float64
    _keep: Tensor = field(init=False, repr=False)
    _alias: Tensor = field(init=False, repr=False)
    _one: float = field(init=False, repr=False)  # p of an item of count 1

    per_set = False

    def __post_init__(self) -> None:
        check_count(self.count, self.items, unique=False)
        check_share(self.share)
        if not (math.isfinite(self.alpha) and self.alpha >= 0):
            raise ValueError(f"popular: alpha={self.alpha}, need >= 0; 0.75 is the usual choice")
        counts = check_counts(self.counts, self.items).clone()
        counts[0] = 0
        weight = torch.where(counts > 0, counts**self.alpha, 0.0)
        total = float(weight.sum())
        keep, alias = alias_table(np.asarray(weight))
        object.__setattr__(self, "_chance", weight / total)
        object.__setattr__(self, "_keep", torch.from_numpy(keep))
        object.__setattr__(self, "_alias", torch.from_numpy(alias))
        object.__setattr__(self, "_one", 1 / total)

    def with_count(self, count: int) -> Self:
        """The same sampler with another number of negatives."""
        return resized(self, count, self.items, unique=False)

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives:
        """Pure in the seed, the stage and the step of `progress`."""
        return meet((self.draw(batch, progress, "negatives"),), batch, progress)

    def draw(self, batch: PairBatch, progress: Progress, purpose: str) -> Drawn:
        """Ids before masking, for `meet`."""
        sets, row = sets_of(batch, self.share)
        shape = (sets, self.count)
        random = progress.generator(own_purpose(purpose, self.share, progress))
        place = torch.randint(0, self.items + 1, shape, generator=random)
        unit = torch.rand(shape, generator=random, dtype=torch.float64)
        ids = torch.where(unit < self._keep[place], place, self._alias[place])
        least = self.count * self._one
        return Drawn(ids, row, self._often, mask_history=self.mask_history, least=least)

    def _often(self, ids: Tensor, _: Tensor) -> Tensor:
        return self.count * self._chance[ids]
