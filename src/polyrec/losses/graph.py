"""Losses of graph models: cosine contrast, logistic terms with weights, two views of one node.

Letters: B rows, N negatives, D width.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec.losses.ranking import over_negatives, row_mean, valid_count
from polyrec.losses.softplus import Weight, softplus_sum
from polyrec.types import Scores


def ccl(s: Scores, margin: float = 0.9, weight: float = 300.0) -> Tensor:
    """The positive's cosine to 1, a negative's below `margin`: (1 - s+) + w mean_j max(0, s_j - m).

    Goes with Cosine(1.0): the margin is in units of the cosine. Most negatives cost nothing, so
    many of them may be drawn. Source: SimpleX (Mao et al. 2021), eq. 1.

    Raises:
        ValueError: the weight is negative.
    """
    if not (math.isfinite(weight) and weight >= 0):
        raise ValueError(f"ccl: weight={weight}, need >= 0; usual 50 to 1,000")
    return row_mean(1 - s.pos + weight * over_negatives(F.relu(s.neg - margin), s), s)


def weighted_bce(s: Scores, pos: Tensor, neg: Tensor | Weight, balance: float = 300.0) -> Tensor:
    """-p ln sigma(s+) - balance mean_j n_j ln sigma(-s_j): logistic terms, each with its weight.

    Arguments:
        pos: [B] and neg: [B, N] (or a slice of rows -> theirs), weights of the terms: UltraGCN's
            come from degrees.

    Source: UltraGCN (Mao et al. 2021), eq. 9, as its code balances the two parts.
    """
    below = softplus_sum(s.neg, s.valid, neg) / valid_count(s)
    return row_mean(pos * F.softplus(-s.pos) + balance * below, s)


def linked(s: Scores, balance: float = 20.0) -> Tensor:
    """Who met is close, who was drawn is far: -ln sigma(s+) - Q mean_j ln sigma(-s_j).

    For vectors of nodes from short walks, with negatives drawn by degree^.75; `balance` is Q, the
    number of negatives that one pair stands against, however many are drawn.
    Source: Hamilton et al. 2017 (GraphSAGE), eq. 1.

    Raises:
        ValueError: the balance is negative.
    """
    if not (math.isfinite(balance) and balance >= 0):
        raise ValueError(f"linked: balance={balance}, need >= 0; 20 is published")
    below = softplus_sum(s.neg, s.valid) / valid_count(s)
    return row_mean(F.softplus(-s.pos) + balance * below, s)


def info_nce(first: Tensor, second: Tensor, tau: float = 0.2) -> Tensor:
    """Two views [B, D] of the same nodes: each nearer to its own than to the others', by cosine.

    -ln softmax over the columns of cos(first, second) / tau, at the diagonal; the mean over rows.

    Source: Wu et al. 2021 (SGL), eq. 10.

    Raises:
        ValueError: the temperature is not positive.
    """
    if not tau > 0:
        raise ValueError(f"info_nce: tau={tau}, need > 0; usual .1 to .5")
    scores = F.normalize(first, dim=1) @ F.normalize(second, dim=1).T / tau
    return (torch.logsumexp(scores, 1) - scores.diagonal()).mean()
