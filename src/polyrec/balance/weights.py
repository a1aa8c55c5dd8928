"""Balances that weigh losses by a rule, a schedule, a learnt noise or their rate of descent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from polyrec.balance.base import Weighing, everywhere, named, places, weigh
from polyrec.types import Progress, Schedule

Kind = Literal["classification", "regression"]


class Equal(Weighing):
    """The plain sum of the losses: every weight 1. The reference of every comparison."""

    def total(self, losses: Mapping[str, Tensor], progress: Progress) -> Tensor:
        """Sum of L_i."""
        return weigh(losses, dict.fromkeys(losses, 1.0))


class Fixed(Weighing):
    """Constant weights, normalised to sum T, so that the learning rate keeps its meaning.

    Raises:
        ValueError: a weight is negative, or all are 0.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        named(tuple(weights))
        self.weights = _normalised(weights)

    def total(self, losses: Mapping[str, Tensor], progress: Progress) -> Tensor:
        """Sum of w_i L_i. A task that is absent from the batch leaves the others' weights alone."""
        places(losses, tuple(self.weights))
        _note(progress, {task: self.weights[task] for task in losses})
        return weigh(losses, self.weights)


class Scheduled(Weighing):
    """Weights that follow a schedule each, normalised to sum T at every step."""

    def __init__(self, weights: Mapping[str, Schedule[float]]) -> None:
        super().__init__()
        named(tuple(weights))
        self.weights = dict(weights)

    def total(self, losses: Mapping[str, Tensor], progress: Progress) -> Tensor:
        """Sum of w_i(progress) L_i."""
        places(losses, tuple(self.weights))
        now = _normalised({task: make(progress) for task, make in self.weights.items()})
        _note(progress, {task: now[task] for task in losses})
        return weigh(losses, now)


class UWL(Weighing):
    """Uncertainty weights: each task's loss over its own learnt noise, s = ln sigma^2.

    Classification (ranking losses too): e^-s L + s/2, at rest where sigma^2 = 2 L; regression:
    e^-s L / 2 + s/2, at rest where sigma^2 = L. So a weight follows the size of the loss, not the
    difficulty of the task. No clamp (the total may fall below 0) and no weight decay on s.

    Source: Kendall et al. 2018, eq. 7 and 10, in ln sigma^2.
    """

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        super().__init__()
        self.tasks = named(tuple(kinds))
        for task, kind in kinds.items():
            if kind not in ("classification", "regression"):
                raise ValueError(
                    f"uwl: task {task!r} is {kind!r}, use classification or regression"
                )
        self.scale = tuple(1.0 if kind == "classification" else 0.5 for kind in kinds.values())
        # one parameter a task: an absent task has no gradient, and its optimiser leaves it alone
        self.s = nn.ParameterList([nn.Parameter(torch.zeros(())) for _ in kinds])

    @property
    def group(self) -> Mapping[str, float]:
        """s must not be pulled to 0."""
        return {"weight_decay": 0.0}

    def total(self, losses: Mapping[str, Tensor], progress: Progress) -> Tensor:
        """Sum of scale_i e^-s_i L_i + s_i / 2."""
        at = dict(zip(losses, places(losses, self.tasks), strict=True))
        weights = {task: self.scale[i] * torch.exp(-self.s[i]) for task, i in at.items()}
        _note(progress, {task: float(weight.detach()) for task, weight in weights.items()})
        return weigh(losses, weights) + torch.stack([self.s[i] for i in at.values()]).sum() / 2


class DWA(Weighing):
    """Weights by rate of descent: a task whose epoch-mean loss falls more slowly gets more.

    w_k = T exp(r_k / tau) / sum_i exp(r_i / tau), r_k = L_k(e - 1) / L_k(e - 2); r = 1 for the
    first two epochs. It sees ratios alone: a task that diverges gains weight.

    Source: Liu et al. 2019 (MTAN), eq. 7.
    """

    sums: Tensor
    counts: Tensor
    means: Tensor
    epoch: Tensor

    def __init__(self, tasks: Sequence[str], tau: float = 2.0) -> None:
        super().__init__()
        self.tasks = named(tasks)
        if not tau > 0:
            raise ValueError(f"dwa: tau={tau}, need > 0; 2 is the published value")
        self.tau = tau
        size = len(self.tasks)
        self.register_buffer("sums", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(size, dtype=torch.float64))
        # epoch means, newest first; NaN = none yet
        self.register_buffer("means", torch.full((2, size), torch.nan, dtype=torch.float64))
        self.register_buffer("epoch", torch.zeros((), dtype=torch.int64))

    def weights(self) -> Tensor:
        """[T], sum T."""
        ratio = self.means[0] / self.means[1].clamp(min=1e-8)
        ratio = torch.where(ratio.isnan(), 1.0, ratio)
        return len(self.tasks) * torch.softmax(ratio / self.tau, 0)

    def total(self, losses: Mapping[str, Tensor], progress: Progress) -> Tensor:
        """Sum of w_i L_i; remembers the losses for the epochs to come."""
        at = places(losses, self.tasks)
        if progress.epoch != int(self.epoch):
            self._close_epoch(progress.epoch)
        self.sums[at] += everywhere(losses, progress.ranks).double()
        self.counts[at] += 1
        weights = self.weights()[at].tolist()
        now = dict(zip(losses, weights, strict=True))
        _note(progress, now)
        return weigh(losses, now)

    def _close_epoch(self, epoch: int) -> None:
        seen = self.counts > 0
        mean = self.sums / self.counts.clamp(min=1)
        self.means[1] = torch.where(seen, self.means[0], self.means[1])
        self.means[0] = torch.where(seen, mean, self.means[0])
        self.sums.zero_()
        self.counts.zero_()
        self.epoch.fill_(epoch)


def _normalised(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    if any(not (math.isfinite(w) and w >= 0) for w in weights.values()) or total <= 0:
        raise ValueError(f"balance: weights {dict(weights)}, need each >= 0 and one above 0")
    return {task: w * len(weights) / total for task, w in weights.items()}


def _note(progress: Progress, weights: Mapping[str, float]) -> None:
    for task, weight in weights.items():
        progress.note(f"weight/{task}", weight)
