"""Hard negatives from a window of ranks: near enough to teach, not so near that they are wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from polyrec.negatives.cache import HardCache
from polyrec.negatives.masks import sequence_of
from polyrec.negatives.source import (
    Drawn,
    Share,
    check_count,
    check_share,
    meet,
    own_purpose,
    sets_of,
)
from polyrec.types import NOTHING, Negatives, PairBatch, Progress


@dataclass(frozen=True, eq=False)
class HardWindow:
    """Items that the model ranks high for the actor, drawn uniformly inside a window of ranks.

    Given the window q = 1 / |window|, so log_q exists. In `Mixed` beside uniform ones: alone it
    says nothing about items outside, so its log_q is the same for all. A target that would stand
    in the window counts N / |window|, though it is never drawn. An actor without a window meets
    nobody.

    Arguments:
        cache: the windows; in the stage's `keeps`, refreshed by `train.hard_hook`.
        share: "sequence" = one set an actor's sequence, "row" = one a row.

    Source: Qu et al. 2021 (RocketQA) on why the first ranks mislead: most are false negatives.
    Ours skips them instead of judging them by a second model.
    """

    cache: HardCache
    count: int
    share: Share = "sequence"
    mask_history: bool = False

    per_set = True

    def __post_init__(self) -> None:
        check_count(self.count, self.cache.items, unique=False)
        check_share(self.share)
        if self.share == "batch":
            raise ValueError("hard window: share='batch', use sequence or row: it is an actor's")

    def with_count(self, count: int) -> Self:
        """The same sampler with another number of negatives; the windows are shared."""
        return replace(self, count=count)

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives:
        """Pure in `progress` and the windows."""
        alone = self.draw(batch, progress, "negatives")
        same = alone.expected(torch.full_like(alone.row, NOTHING), alone.row)
        return meet((replace(alone, own=same),), batch, progress)

    def draw(self, batch: PairBatch, progress: Progress, purpose: str) -> Drawn:
        """Ids before masking, for `meet`."""
        age = self.cache.age(progress)
        if age is not None:
            progress.note("age/hard", age)
        sets, row = sets_of(batch, self.share)
        actor = batch.requests.actor
        if self.share == "row":
            actor = actor[sequence_of(batch.requests)]
        windows = _Windows.of(self.cache.of(actor), self.count, self.cache.items)
        random = progress.generator(own_purpose(purpose, self.share, progress))
        unit = torch.rand((sets, self.count), generator=random, dtype=torch.float64)
        some = windows.size > 0
        beside = self.cache.stands_beside(actor[row], batch.positives)
        own = windows.expected(batch.positives, row)
        return Drawn(
            windows.pick(unit),
            row,
            windows.expected,
            valid=None if bool(some.all()) else some[row][:, None],
            mask_history=self.mask_history,
            per_set=True,
            own=torch.where(beside, windows.rate[row], own),
            hard=True,
        )


@dataclass(frozen=True)
class _Windows:
    """The windows [G, W] of a batch's sets, ascending, as something to look up in."""

    ids: Tensor  # [G, W], zeros first
    size: Tensor  # [G]
    rate: Tensor  # [G], float64: expected number of times that one of them is drawn
    stride: int

    @classmethod
    def of(cls, ids: Tensor, count: int, items: int) -> _Windows:
        size = (ids > 0).sum(1)
        return cls(ids, size, count / size.clamp(min=1).double(), items + 1)

    def pick(self, unit: Tensor) -> Tensor:
        """[G, N]: numbers in [0, 1) as ids of each window; 0 from an empty one."""
        empty = self.ids.shape[1] - self.size[:, None]
        place = empty + (unit * self.size[:, None]).long()
        return self.ids.gather(1, place.clamp(max=self.ids.shape[1] - 1))

    def expected(self, ids: Tensor, sets: Tensor) -> Tensor:
        """How often each id is drawn for the named set; id 0, which is masked, as any other."""
        keys = (torch.arange(len(self.ids))[:, None] * self.stride + self.ids).flatten()
        wanted = sets * self.stride + ids
        place = torch.searchsorted(keys, wanted).clamp(max=max(keys.numel() - 1, 0))
        inside = (ids == NOTHING) | (keys[place] == wanted)
        return torch.where(inside, self.rate[sets], 0.0)
