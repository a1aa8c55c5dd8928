"""The other rows' positives as negatives: free to compute, and popular by nature.

Without the correction an item is pushed down as often as it is anybody's positive, and the model
learns popularity with the wrong sign; with it, the same softmax as any other sampler's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from polyrec.negatives.source import Drawn, Share, check_count, meet
from polyrec.types import NOTHING, Negatives, PairBatch, Progress


@dataclass(frozen=True, eq=False)
class InBatch:
    """The batch's other positives, E[c] = (B - 1) * p: p from the stream that draws them.

    Arguments:
        probability: [n + 1], the chance that the stream draws an item as a target
            (`stream.target_probability()`): uniform over people is not the event share.
        most: of a larger batch this many, drawn anew each step, E[c] = most * p; None = all.
            Where people have long sequences a batch has thousands of answers, and each meeting
            each costs their square.

    Duplicates of a row's target are masked. Processes share their ids, not vectors.
    """

    probability: Tensor
    mask_history: bool = False
    most: int | None = None
    _least: float = field(init=False, repr=False)

    share: Share = field(default="batch", init=False)
    per_set = False

    def __post_init__(self) -> None:
        total = float(self.probability.double().sum())
        if not abs(total - 1) < 1e-3 or bool((self.probability < 0).any()):
            raise ValueError(
                f"in-batch: probability sums to {total:.4g}, need entries >= 0 and sum 1: pass "
                "stream.target_probability()"
            )
        if self.most is not None and self.most < 1:
            raise ValueError(f"in-batch: most={self.most}, need at least 1; None takes all")
        positive = self.probability[self.probability > 0].double()
        object.__setattr__(self, "_least", float(positive.min()))

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives:
        """The positives of all processes; nothing is drawn but which of them, under `most`."""
        return meet((self.draw(batch, progress, "negatives"),), batch, progress)

    def draw(self, batch: PairBatch, progress: Progress, purpose: str) -> Drawn:
        """Ids before masking, for `meet`."""
        ids = progress.ranks.gather(batch.positives)
        others = max(ids.numel() - 1, 1)
        if self.most is not None and ids.numel() > self.most:
            chosen = torch.randperm(ids.numel(), generator=progress.generator(purpose))
            ids, others = ids[chosen[: self.most]], self.most
        return _others(
            batch,
            ids,
            lambda ids, _: others * self.probability[ids].double(),
            others * self._least,
            self.mask_history,
        )


class InBatchStreaming(nn.Module):
    """The batch's other positives, p estimated while training: no pass over the log before.

    Keeps for each item the last event at which it was a target and a moving average of the gaps
    between; p is 1 / gap. Its memory belongs into the stage's `keeps`.

    Source: Yi et al. 2019, algorithm 2. Ours counts events rather than batches, so that an item
    that occurs more than once in a batch keeps its share, and starts with the plain mean of an
    item's gaps until 1 / rate of them are known, so that the first one does not decide.
    """

    last: Tensor
    gap: Tensor
    times: Tensor
    events: Tensor

    per_set = False

    def __init__(self, items: int, rate: float = 0.05, mask_history: bool = False) -> None:
        super().__init__()
        check_count(1, items, unique=False)
        if not 0 < rate <= 1:
            raise ValueError(f"in-batch streaming: rate={rate}, need 0 < rate <= 1; 0.05 is usual")
        self.rate, self.mask_history = rate, mask_history
        self.share: Share = "batch"
        self.register_buffer("last", torch.zeros(items + 1, dtype=torch.float64))
        self.register_buffer("gap", torch.full((items + 1,), torch.inf, dtype=torch.float64))
        self.register_buffer("times", torch.zeros(items + 1, dtype=torch.float64))
        self.register_buffer("events", torch.zeros((), dtype=torch.float64))

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives:
        """The positives of all processes. Learns from them first: not pure, its buffers change."""
        return meet((self.draw(batch, progress, "negatives"),), batch, progress)

    def draw(self, batch: PairBatch, progress: Progress, purpose: str) -> Drawn:
        """Ids before masking, for `meet`."""
        ids = progress.ranks.gather(batch.positives)
        self._learn(ids)
        others = max(ids.numel() - 1, 1)
        seen = self.gap.clone()
        return _others(
            batch,
            ids,
            lambda ids, _: others / seen[ids],
            others / max(float(self.events), 1.0),
            self.mask_history,
        )

    @torch.no_grad()
    def _learn(self, ids: Tensor) -> None:
        found, times = torch.unique(ids, return_counts=True)
        self.events += ids.numel()
        gap = (self.events - self.last[found]) / times
        known = self.times[found]
        kept = torch.minimum((1 - self.rate) ** times, known / (known + times))
        old = torch.where(known > 0, self.gap[found], gap)
        self.gap[found] = kept * old + (1 - kept) * gap
        self.times[found] = known + times
        self.last[found] = self.events


def _others(
    batch: PairBatch,
    ids: Tensor,
    expected: Callable[[Tensor, Tensor], Tensor],
    least: float,
    mask_history: bool,
) -> Drawn:
    row = torch.zeros(batch.positives.numel(), dtype=torch.int64)
    real = (ids != NOTHING)[None]
    return Drawn(ids[None], row, expected, valid=real, mask_history=mask_history, least=least)
