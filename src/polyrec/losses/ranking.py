"""Ranking losses: from the scores of a positive and its negatives to one number.

Every loss is the weighted mean over rows of its row's loss. Entries with `valid` False and rows
of weight 0 change nothing; a row whose negatives are all masked says nothing, so it counts 0 and is
left out of the mean (`counted` tells which rows are in). Rows that are learnt perfectly stay in.

Scores come with the temperature applied. Only softmax losses use log_q, and subtract it after the
temperature: divided by it, the correction would be multiplied by 1 / temperature.

Letters: B rows, N negatives.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec.losses.logsumexp import logsumexp, matched
from polyrec.losses.softplus import softplus_sum
from polyrec.types import RankingLoss, Scores


def sampled_softmax(s: Scores) -> Tensor:
    """The positive against its negatives, corrected for how often each is drawn.

    Subtracts ln E[c] from every score, so that popular items are not punished for being sampled
    more often: the optimum is the full softmax's. First choice for retrieval.

    Source: Bengio and Senécal 2008; Jean et al. 2015, section 3.

    Raises:
        ValueError: a log_q is NaN: the sampler does not know it.
    """
    _need_log_q(s, "sampled_softmax")
    below = logsumexp(s.neg, s.neg_log_q, s.valid)
    return row_mean(F.softplus(below - (s.pos - s.pos_log_q)), s)


def sampled_softmax_uncorrected(s: Scores) -> Tensor:
    """The positive against its negatives as they come: a deliberate bias towards rare items.

    The same as `sampled_softmax` for uniform negatives. With popular or in-batch negatives it
    learns preference relative to popularity (pointwise mutual information).

    Source: InfoNCE, van den Oord et al. 2018, eq. 4.
    """
    below = logsumexp(s.neg, s.neg.new_zeros(1, 1), s.valid)
    return row_mean(F.softplus(below - s.pos), s)


def interest_aware(s: Scores, beta: float = 1.0) -> Tensor:
    """Sampled softmax that weighs each negative by how near it is: w_j = e^(beta s_j) / mean.

    Hard negatives without extra sampling; the gradient flows through the weights. beta = 0 is
    `sampled_softmax`; published: 10 on Books, 1 on Gowalla, .1 on RetailRocket, with uniform
    negatives. log_q enters the softmax, not the weights.

    Source: REMI (Xie et al. 2023), interest-aware hard negatives, in log space:
    ln Ng = logsumexp((1 + beta) s - log_q) - logsumexp(beta s) + ln N.

    Raises:
        ValueError: beta is negative, or a log_q is NaN.
    """
    if not (math.isfinite(beta) and beta >= 0):
        raise ValueError(f"interest_aware: beta={beta}, need >= 0; 0 is plain sampled softmax")
    _need_log_q(s, "interest_aware")
    sharpened = logsumexp(s.neg, s.neg_log_q, s.valid, scale=1 + beta)
    flat = logsumexp(s.neg, s.neg.new_zeros(1, 1), s.valid, scale=beta)
    hard = sharpened - flat + valid_count(s).to(s.neg.dtype).log()
    return row_mean(F.softplus(hard - (s.pos - s.pos_log_q)), s)


def bce(s: Scores) -> Tensor:
    """Positive up, each negative down, each by itself: -ln sigma(s+) - sum_j ln sigma(-s_j).

    SASRec's loss with one negative. Scores become probabilities among the sampled, so they are
    too sure of themselves; with few negatives `gbce` repairs that, a softmax does better.

    Source: Kang and McAuley 2018, eq. 6.
    """
    return gbce(s, beta=1.0)


def gbce(s: Scores, beta: float = 1.0) -> Tensor:
    """BCE whose positive part weighs `beta`, so that fewer negatives do not mean overconfidence.

    `gbce_beta` gives beta for a sampling rate; beta = 1 is `bce`.

    Source: gSASRec (Petrov and Macdonald 2023), eq. 9: sigma^beta(s+) in closed form.

    Raises:
        ValueError: beta is outside (0, 1].
    """
    if not 0 < beta <= 1:
        raise ValueError(f"gbce: beta={beta}, need 0 < beta <= 1; see gbce_beta")
    return row_mean(beta * F.softplus(-s.pos) + softplus_sum(s.neg, s.valid), s)


def gbce_beta(items: int, count: int, t: float = 0.75) -> float:
    """beta of `gbce` for `count` negatives of `items`: t = 0 is BCE, t = 1 fully calibrated.

    >>> round(gbce_beta(3416, 256), 4)
    0.3062
    """
    if not (0 <= t <= 1 and 1 <= count <= items - 1):
        raise ValueError(
            f"gbce: t={t}, count={count}, items={items}: need 0 <= t <= 1 and 1 <= count < items"
        )
    rate = count / (items - 1)
    return rate * (t * (1 - 1 / rate) + 1 / rate)


def gbce_at(items: int, count: int, t: float = 0.75) -> partial[Tensor]:
    """`gbce` for `count` negatives of `items`: what gSASRec trains with (256 negatives, t = .75).

    >>> round(gbce_at(3416, 256).keywords["beta"], 4)
    0.3062
    """
    return partial(gbce, beta=gbce_beta(items, count, t))


def bpr(s: Scores) -> Tensor:
    """The positive above each negative: mean_j -ln sigma(s+ - s_j). Order alone counts.

    Source: Rendle et al. 2009, BPR-Opt, without its regulariser.
    """
    return row_mean(over_negatives(F.softplus(s.neg - s.pos[:, None]), s), s)


def margin(s: Scores, width: float = 0.2) -> Tensor:
    """The positive above each negative by at least `width`; the gap costs, not the level.

    Goes with a bounded similarity (Cosine, then width is in units of score, temperature
    included): on raw dots the model can buy margin with length.

    Source: Weston et al. 2011, eq. 3, without the rank weight.

    Raises:
        ValueError: width is not positive.
    """
    if not width > 0:
        raise ValueError(f"margin: width={width}, need > 0; use bpr for a margin-free loss")
    return row_mean(over_negatives(F.relu(width - s.pos[:, None] + s.neg), s), s)


def satisfied(s: Scores, width: float = 0.2) -> Tensor:
    """Share of pairs that `margin` no longer learns from: the positive leads by `width`.

    Near 1 the negatives are too easy or `width` too small. As a note of `Rank`:
    `notes={"satisfied": partial(satisfied, width=.3)}`.
    """
    pairs = s.valid & (s.weight > 0)[:, None]
    pairs = pairs.expand_as(s.neg)
    lead = (s.pos[:, None] - s.neg >= width) & pairs
    return lead.sum() / pairs.sum().clamp(min=1)


def place(s: Scores) -> Tensor:
    """Mean place of the positive among its negatives, 1 = above all: tells more than the loss.

    Losses with different numbers of negatives are not comparable; (place - 1) / N is.
    """
    rows = counted(s)
    above = ((s.neg > s.pos[:, None]) & s.valid).sum(1)
    return torch.where(rows, above + 1, 0).sum() / rows.sum().clamp(min=1)


def chance(loss: RankingLoss, s: Scores) -> Tensor:
    """What `loss` is for a model that knows nothing, on these very negatives.

    All scores 0: for a softmax the mean of ln(1 + sum_j e^(log_q+ - log_q_j)), for BCE
    (1 + N) ln 2, for BPR ln 2. Printed beside the loss, which means nothing alone.
    """
    return loss(replace(s, pos=torch.zeros_like(s.pos), neg=torch.zeros_like(s.neg)))


def counted(s: Scores) -> Tensor:
    """[B], bool: rows that enter the mean: weight above 0 and a negative to be held against."""
    return (s.weight > 0) & matched(s.valid.expand_as(s.neg))


def _need_log_q(s: Scores, name: str) -> None:
    if bool(s.neg_log_q.isnan().any()) or bool(s.pos_log_q.isnan().any()):
        raise ValueError(
            f"{name}: log_q is NaN, need ln of each id's expected count: the sampler does not "
            "know it; use sampled_softmax_uncorrected, bce, bpr or margin"
        )


def _masked(entry_BN: Tensor, s: Scores) -> Tensor:
    return entry_BN.masked_fill(~s.valid, 0)


def over_negatives(entry_BN: Tensor, s: Scores) -> Tensor:
    """[B]: mean over the row's valid negatives; 0 where there is none."""
    return _masked(entry_BN, s).sum(1) / valid_count(s)


def valid_count(s: Scores) -> Tensor:
    """[B]: valid negatives of each row, 1 where there is none."""
    return s.valid.expand_as(s.neg).sum(1, dtype=torch.int32).clamp(min=1)


def row_mean(row: Tensor, s: Scores) -> Tensor:
    """Weighted mean over the counted rows; 0 where there is none."""
    rows = counted(s)
    weight = torch.where(rows, s.weight, 0).to(row.dtype)
    total = weight.sum().clamp(min=torch.finfo(row.dtype).tiny)
    return (torch.where(rows, row, 0) * weight).sum() / total
