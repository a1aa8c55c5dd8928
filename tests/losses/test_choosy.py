"""Losses that look at some of their negatives, and the numbers that stand beside a loss."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor

from polyrec.losses import (
    Hardest,
    PositiveAware,
    bpr,
    gbce,
    gbce_at,
    gbce_beta,
    margin,
    place,
    sampled_softmax,
    satisfied,
)
from polyrec.types import Scores


def scores(pos: Tensor, neg: Tensor) -> Scores:
    rows = len(pos)
    zero = torch.zeros(1)
    return Scores(pos, neg, zero, zero, torch.ones_like(neg, dtype=torch.bool), torch.ones(rows))


S = scores(torch.tensor([1.0, 0.0]), torch.tensor([[0.5, 3.0, 2.0, -1.0], [-2.0, -3.0, 0.1, -0.1]]))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_hardest_of_the_draws_are_the_highest(count: int) -> None:
    best = S.neg.sort(1, descending=True).values[:, :count]
    assert torch.equal(Hardest(bpr, count)(S), bpr(scores(S.pos, best)))
    assert torch.equal(Hardest(bpr, count).kept(S), best[:, -1:] <= S.neg)


def test_a_masked_draw_is_never_the_hardest() -> None:
    masked = S.valid.clone()
    masked[0, 1] = False
    assert Hardest().kept(replace(S, valid=masked)).nonzero().tolist() == [[0, 2], [1, 2]]


def test_more_than_was_drawn_is_all_of_it() -> None:
    assert torch.allclose(Hardest(bpr, 9)(S), bpr(S))


def test_a_softmax_refuses_draws_of_no_known_law() -> None:
    with pytest.raises(ValueError, match="log_q is NaN"):
        Hardest(sampled_softmax, 2)(S)


def test_negatives_above_the_positive_are_left_out() -> None:
    kept = PositiveAware(sampled_softmax, 0.2).kept(S)
    assert kept.tolist() == [[True, False, False, True], [True, True, False, False]]
    assert torch.equal(
        PositiveAware(sampled_softmax, 0.2)(S), sampled_softmax(replace(S, valid=kept))
    )


def test_pairs_that_cost_nothing_are_counted() -> None:
    pairs = 1.0 - S.neg[0] >= 0.3, 0.0 - S.neg[1] >= 0.3
    share = torch.cat(pairs).float().mean()
    assert torch.equal(satisfied(S, 0.3), share)
    assert satisfied(replace(S, neg=S.neg - 9), 0.3) == 1
    assert margin(replace(S, neg=S.neg - 9), 0.3) == 0


def test_masked_pairs_and_rows_of_weight_0_are_not_counted() -> None:
    only = replace(
        S, valid=torch.tensor([[True, False, False, False]]), weight=torch.tensor([1, 0])
    )
    assert satisfied(only, 0.3) == 1
    assert satisfied(only, 0.6) == 0


def test_the_place_of_the_positive_is_one_plus_the_negatives_above() -> None:
    assert place(S) == (3 + 2) / 2
    assert place(replace(S, weight=torch.tensor([1.0, 0.0]))) == 3


def test_gbce_for_a_sampling_rate_is_gbce_with_its_beta() -> None:
    loss = gbce_at(3416, 256, 0.75)
    assert torch.equal(loss(S), gbce(S, gbce_beta(3416, 256, 0.75)))
    assert torch.equal(gbce_at(3416, 256, 0)(S), partial(gbce, beta=1.0)(S))
