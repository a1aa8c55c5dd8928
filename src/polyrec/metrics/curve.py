"""One sort of the scores, and what follows from it: AUC, its influence values, precision.

Equal scores share a threshold, so AUC counts them half and average precision takes no side.

Letters: R rows, T distinct scores, B columns of row weights (resamples), G groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from polyrec.types import Scored


@dataclass(frozen=True)
class Curve:
    """Weighted counts of positives and negatives at or above each distinct score."""

    true: Tensor  # [T, B], float64
    false: Tensor  # [T, B]
    threshold: Tensor  # [T], falling
    group: Tensor  # [R], which threshold a row reaches

    @property
    def positives(self) -> Tensor:
        """[B]"""
        return self.true[-1]

    @property
    def negatives(self) -> Tensor:
        """[B]"""
        return self.false[-1]


def curve(scored: Scored, weight: Tensor | None = None) -> Curve:
    """Sorts once, O(R log R). `weight` [R, B] multiplies the rows' own."""
    own = scored.weight.double()[:, None]
    w = own if weight is None else own * weight.double()
    order = scored.score.argsort(descending=True)
    ordered = scored.score[order]
    last = torch.ones(len(order), dtype=torch.bool)
    last[:-1] = ordered[:-1] != ordered[1:]
    at = last.nonzero()[:, 0]
    true = (w * scored.label.double()[:, None])[order].cumsum(0)[at]
    every = w[order].cumsum(0)[at]
    group = torch.empty_like(order)
    group[order] = torch.cat([last.new_zeros(1), last[:-1]]).long().cumsum(0)
    return Curve(true, every - true, ordered[at], group)


def auc(c: Curve) -> Tensor:
    """[B]: P(positive above negative) + half P(equal); NaN with one class."""
    before = torch.cat([torch.zeros_like(c.true[:1]), c.true[:-1]])
    step = torch.diff(c.false, dim=0, prepend=torch.zeros_like(c.false[:1]))
    area = (step * (c.true + before) / 2).sum(0)
    return area / (c.positives * c.negatives).where(_both(c), torch.nan)


def auc_each(scored: Scored) -> Tensor:
    """[R]: the AUC plus each row's influence: mean = AUC, variance / R = DeLong's variance.

    Source: DeLong et al. 1988 (placement values).
    """
    c = curve(scored)
    value = auc(c)[0]
    up, down = placements(c)
    positive = scored.label > 0
    share = scored.weight.double() * len(scored.score)
    gain = torch.where(positive, (up - value) / c.positives[0], (down - value) / c.negatives[0])
    return value + share * gain


def placements(c: Curve) -> tuple[Tensor, Tensor]:
    """[R] each: share of negatives below a row, and of positives above it, ties half."""
    true, false = c.true[:, 0], c.false[:, 0]
    true_before = torch.cat([true.new_zeros(1), true[:-1]])
    false_before = torch.cat([false.new_zeros(1), false[:-1]])
    up = 1 - (false + false_before) / 2 / false[-1]
    down = (true + true_before) / 2 / true[-1]
    return up[c.group], down[c.group]


def average_precision(c: Curve) -> Tensor:
    """[B]: sum of (recall step) x precision over distinct thresholds; no interpolation."""
    step = torch.diff(c.true, dim=0, prepend=torch.zeros_like(c.true[:1]))
    precision = c.true / (c.true + c.false).clamp(min=1e-300)
    return (step * precision).sum(0) / c.positives.where(_both(c), torch.nan)


def best_threshold(scored: Scored) -> float:
    """The threshold of largest F1, the larger one on ties. For validation parts only."""
    c = curve(scored)
    f1 = 2 * c.true[:, 0] / (c.true + c.false)[:, 0].add(c.positives[0])
    return float(c.threshold[int(f1.argmax())])


@dataclass(frozen=True)
class GroupAUC:
    """AUC of each group with both classes; `groups` = the share of groups that have both."""

    auc: Tensor  # [G]
    weight: Tensor  # [G]
    groups: float
    size: Tensor  # [every group], rows
    both: Tensor  # [every group], bool

    @property
    def value(self) -> float:
        """Weighted mean; NaN if no group has both classes."""
        return float((self.auc * self.weight).sum() / self.weight.sum())

    @property
    def rows(self) -> float:
        """Share of rows kept."""
        return float(self.size[self.both].sum() / self.size.sum())


def group_auc(scored: Scored, weigh: Literal["rows", "positives", "one"] = "rows") -> GroupAUC:
    """AUC within each group that has both classes, and how much each counts."""
    group = torch.unique(scored.group, return_inverse=True)[1]
    order = scored.score.argsort(descending=True, stable=True)
    order = order[group[order].argsort(stable=True)]
    g, s, y = group[order], scored.score[order], scored.label[order].double()
    w = scored.weight[order].double()
    count = int(group.max()) + 1
    new = torch.ones(len(g), dtype=torch.bool)
    new[1:] = (g[1:] != g[:-1]) | (s[1:] != s[:-1])
    run = new.long().cumsum(0) - 1
    true, false = torch.bincount(run, w * y), torch.bincount(run, w * (1 - y))
    owner = g[new]
    positives, negatives = (torch.bincount(owner, x, count) for x in (true, false))
    start = positives.cumsum(0) - positives
    above = true.cumsum(0) - true / 2 - start[owner]
    area = torch.bincount(owner, false * above, count)
    both = (positives > 0) & (negatives > 0)
    rows = torch.bincount(g, minlength=count)
    how = {"rows": rows.double(), "positives": positives, "one": torch.ones(count).double()}
    value = area[both] / (positives * negatives)[both]
    return GroupAUC(value, how[weigh][both], float(both.double().mean()), rows, both)


def _both(c: Curve) -> Tensor:
    return (c.positives > 0) & (c.negatives > 0)
