"""Ranking losses against numbers and identities that can be checked on paper."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from polyrec.losses import (
    LOSSES,
    bce,
    bpr,
    chance,
    counted,
    gbce,
    gbce_beta,
    interest_aware,
    margin,
    sampled_softmax,
    sampled_softmax_uncorrected,
)
from polyrec.types import Scores


def scores(rows: int = 6, count: int = 9, dtype: torch.dtype = torch.float32) -> Scores:
    draw = torch.Generator().manual_seed(1)
    return Scores(
        pos=torch.randn(rows, generator=draw, dtype=dtype),
        neg=torch.randn(rows, count, generator=draw, dtype=dtype),
        pos_log_q=torch.randn(rows, generator=draw, dtype=dtype),
        neg_log_q=torch.randn(1, count, generator=draw, dtype=dtype),
        valid=torch.rand(rows, count, generator=draw) > 0.2,
        weight=torch.rand(rows, generator=draw, dtype=dtype),
    )


def one_row(pos: float, neg: list[float]) -> Scores:
    zero = torch.zeros(1)
    true = torch.ones(1, 1, dtype=torch.bool)
    return Scores(torch.tensor([pos]), torch.tensor([neg]), zero, zero[None], true, torch.ones(1))


def test_sampled_softmax_is_cross_entropy_over_shifted_logits() -> None:
    s = scores(dtype=torch.float64)
    negatives = (s.neg - s.neg_log_q).masked_fill(~s.valid, -torch.inf)
    logits = torch.cat([(s.pos - s.pos_log_q)[:, None], negatives], 1)
    rows = F.cross_entropy(logits, torch.zeros(6, dtype=torch.int64), reduction="none")
    assert torch.allclose(sampled_softmax(s), (rows * s.weight).sum() / s.weight.sum())


def test_sampled_softmax_over_all_other_items_is_the_full_cross_entropy() -> None:
    logits = torch.randn(4, 30, dtype=torch.float64)
    target = torch.tensor([3, 0, 29, 11])
    valid = torch.ones(4, 30, dtype=torch.bool)
    valid[torch.arange(4), target] = False
    zero = torch.zeros(1, dtype=torch.float64)
    s = Scores(logits[torch.arange(4), target], logits, zero, zero[None], valid, torch.ones(4))
    assert torch.allclose(sampled_softmax(s), F.cross_entropy(logits, target))


def test_a_constant_shift_of_log_q_cancels() -> None:
    s = scores(dtype=torch.float64)
    moved = replace(s, pos_log_q=s.pos_log_q + 7, neg_log_q=s.neg_log_q + 7)
    assert torch.allclose(sampled_softmax(s), sampled_softmax(moved))


def test_blocks_of_rows_do_not_change_the_loss_or_its_gradient() -> None:
    draw = torch.Generator().manual_seed(5)
    neg = torch.randn(700, 900, generator=draw, requires_grad=True)  # three blocks
    flat = Scores(
        torch.zeros(700), neg, torch.zeros(1), torch.zeros(1, 1), torch.ones(1, 1).bool(),
        torch.ones(700),
    )  # fmt: skip
    plain = F.softplus(neg.logsumexp(1)).mean()
    assert torch.allclose(sampled_softmax(flat), plain, atol=1e-6)
    ours, theirs = torch.autograd.grad(sampled_softmax(flat), neg), torch.autograd.grad(plain, neg)
    assert torch.allclose(ours[0], theirs[0], atol=1e-8, rtol=1e-5)


def test_without_correction_log_q_plays_no_role() -> None:
    s = scores()
    unknown = replace(s, neg_log_q=torch.full((1, 1), torch.nan))
    none = replace(s, pos_log_q=torch.zeros(1), neg_log_q=torch.zeros(1, 1))
    assert torch.equal(sampled_softmax_uncorrected(unknown), sampled_softmax(none))


def test_interest_aware_with_beta_0_is_sampled_softmax() -> None:
    s = scores(dtype=torch.float64)
    assert torch.allclose(interest_aware(s, beta=0), sampled_softmax(s), rtol=1e-12)


def test_interest_aware_is_its_published_form() -> None:
    s = scores(dtype=torch.float64)
    s = replace(s, neg_log_q=torch.zeros(1, 1), pos_log_q=torch.zeros(1), weight=torch.ones(6))
    rows = []
    for pos, neg, valid in zip(s.pos, s.neg, s.valid, strict=True):
        near = torch.exp(2.0 * neg[valid])
        ng = (near / near.mean() * neg[valid].exp()).sum()
        rows.append(-(pos.exp() / (pos.exp() + ng)).log())
    assert torch.allclose(interest_aware(s, beta=2.0), torch.stack(rows).mean())


def test_bce_and_bpr_and_margin_of_two_negatives_on_paper() -> None:
    s = one_row(1.0, [0.0, 2.0])
    soft = [math.log1p(math.exp(x)) for x in (-1, 0, 2, -1, 1)]
    assert bce(s).item() == pytest.approx(soft[0] + soft[1] + soft[2], rel=1e-6)
    assert bpr(s).item() == pytest.approx((soft[3] + soft[4]) / 2, rel=1e-6)
    assert margin(s, width=0.5).item() == pytest.approx((0 + 1.5) / 2, rel=1e-6)


def test_gbce_without_calibration_is_bce() -> None:
    s = scores()
    assert gbce_beta(3416, 256, t=0) == pytest.approx(1)
    assert torch.equal(gbce(s, beta=1.0), bce(s))


def test_gbce_weighs_the_positive_as_published_for_movielens() -> None:
    assert gbce_beta(3416, 256, t=0.75) == pytest.approx(0.3062, abs=5e-5)


def test_rows_learnt_perfectly_stay_in_the_mean() -> None:
    learnt, wrong = one_row(9.0, [0.0]), one_row(0.0, [1.0])
    both = Scores(
        torch.cat([learnt.pos, wrong.pos]), torch.cat([learnt.neg, wrong.neg]), torch.zeros(1),
        torch.zeros(1, 1), torch.ones(1, 1).bool(), torch.ones(2),
    )  # fmt: skip
    assert margin(both, width=1.0).item() == pytest.approx((0 + 2) / 2)


def test_counted_names_rows_with_weight_and_a_negative() -> None:
    s = scores(rows=3, count=2)
    valid = torch.tensor([[True, False], [False, False], [True, True]])
    s = replace(s, valid=valid, weight=torch.tensor([1.0, 1.0, 0.0]))
    assert counted(s).tolist() == [True, False, False]


@pytest.mark.parametrize("name", ["sampled_softmax", "interest_aware"])
def test_a_softmax_refuses_unknown_log_q(name: str) -> None:
    s = replace(scores(), neg_log_q=torch.full((1, 1), torch.nan))
    with pytest.raises(ValueError, match=f"{name}: log_q is NaN"):
        LOSSES[name](s)


def test_chance_of_a_softmax_follows_the_negatives() -> None:
    s = scores(dtype=torch.float64)
    s = replace(s, valid=torch.ones(1, 1).bool(), weight=torch.ones(6, dtype=torch.float64))
    ratio = (s.pos_log_q[:, None] - s.neg_log_q).exp().sum(1)
    assert torch.allclose(chance(sampled_softmax, s), ratio.log1p().mean())


def test_chance_of_bce_and_bpr_is_known() -> None:
    s = replace(scores(), valid=torch.ones(1, 1).bool())
    assert chance(bce, s).item() == pytest.approx((1 + 9) * math.log(2), rel=1e-6)
    assert chance(bpr, s).item() == pytest.approx(math.log(2), rel=1e-6)


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (lambda s: margin(s, width=0), "width=0, need > 0"),
        (lambda s: interest_aware(s, beta=-1), "beta=-1, need >= 0"),
        (lambda s: gbce(s, beta=0), "beta=0, need 0 < beta <= 1"),
    ],
)
def test_a_setting_out_of_range_is_refused(loss, text) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=text):
        loss(scores())
