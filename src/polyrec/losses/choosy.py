"""Losses that look at some of the drawn negatives only: the hardest, or the trustworthy.

Each wraps another loss; `kept(scores)` tells which entries it looks at, so that the log can say
how many of those are false.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from polyrec.losses.ranking import bpr, sampled_softmax
from polyrec.types import RankingLoss, Scores


@runtime_checkable
class Choosy(Protocol):
    """A loss that looks at some of its negatives."""

    def kept(self, s: Scores) -> Tensor: ...  # bool [B, N]


@dataclass(frozen=True)
class Hardest:
    """Another loss on the `count` highest of each row's drawn negatives: dynamic sampling.

    Best of M draws by the current model: with `Uniform(n, M, share="row")`, or any shared set.
    The more draws, the harder, and the more of them false. What is kept was not drawn by any
    known law: log_q becomes NaN, and losses that need it refuse.

    Source: DNS, Zhang et al. 2013, algorithm 1, with BPR.
    """

    loss: RankingLoss = bpr
    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"hardest: count={self.count}, need at least 1")

    def __call__(self, s: Scores) -> Tensor:
        place = self._places(s)
        unknown = s.neg.new_full((1,), torch.nan)
        return self.loss(
            replace(
                s,
                neg=s.neg.gather(1, place),
                valid=s.valid.expand_as(s.neg).gather(1, place),
                pos_log_q=unknown,
                neg_log_q=unknown,
            )
        )

    def kept(self, s: Scores) -> Tensor:
        """[B, N], bool: the highest valid scores of each row."""
        chosen = torch.zeros_like(s.neg, dtype=torch.bool).scatter(1, self._places(s), True)
        return chosen & s.valid

    def _places(self, s: Scores) -> Tensor:
        """[B, count], columns of the highest valid scores."""
        scores = s.neg.detach().masked_fill(~s.valid, -torch.inf)
        if self.count == 1 and s.neg.shape[1]:
            return scores.argmax(1, keepdim=True)
        return scores.sort(dim=1, descending=True, stable=True).indices[:, : self.count]


@dataclass(frozen=True)
class PositiveAware:
    """Another loss without negatives that score above s+ - `width`: they may be positives.

    For hard negatives late in training; a model that knows nothing learns from few pairs, so
    train with the loss itself first. log_q stays.

    Source: positive-aware mining with an absolute margin, NV-Retriever (Moreira et al. 2024).
    """

    loss: RankingLoss = sampled_softmax
    width: float = 0.0

    def __call__(self, s: Scores) -> Tensor:
        return self.loss(replace(s, valid=self.kept(s)))

    def kept(self, s: Scores) -> Tensor:
        """[B, N], bool."""
        return s.valid & (s.neg.detach() <= s.pos.detach()[:, None] - self.width)
