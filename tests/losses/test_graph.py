"""Losses of graph models: numbers that can be checked on paper."""

import math

import pytest
import torch

from polyrec.losses import ccl, info_nce, linked, weighted_bce
from polyrec.types import Scores


def scores(pos, neg, valid=None):
    pos, neg = torch.tensor(pos), torch.tensor(neg)
    zero = torch.zeros(1)
    seen = torch.ones_like(neg, dtype=torch.bool) if valid is None else torch.tensor(valid)
    return Scores(pos, neg, zero, zero, seen, torch.ones(len(pos)))


def test_ccl_counts_negatives_above_the_margin_alone():
    s = scores([0.8], [[0.95, 0.5, -0.9, 0.92]])
    assert ccl(s, 0.9, 100.0).item() == pytest.approx(0.2 + 100 * (0.05 + 0.02) / 4, abs=1e-5)


def test_ccl_leaves_masked_negatives_out_of_the_mean():
    s = scores([0.8], [[0.95, 0.95]], [[True, False]])
    assert ccl(s, 0.9, 100.0).item() == pytest.approx(0.2 + 100 * 0.05, abs=1e-5)


def test_weights_of_logistic_terms_multiply_them():
    s = scores([0.0], [[0.0, 0.0]])
    found = weighted_bce(s, torch.tensor([3.0]), torch.tensor([[1.0, 2.0]]), 10.0)
    assert found.item() == pytest.approx((3 + 10 * 1.5) * math.log(2), abs=1e-5)


def test_linked_is_one_logistic_term_and_q_times_the_mean_of_others():
    s = scores([2.0], [[0.0, -1.0]])
    others = (math.log(2) + math.log1p(math.exp(-1))) / 2
    assert linked(s, 20.0).item() == pytest.approx(math.log1p(math.exp(-2)) + 20 * others, abs=1e-5)


def test_info_nce_of_orthogonal_views_is_known():
    views = torch.eye(3)
    expected = math.log(math.e**5 + 2) - 5
    assert info_nce(views, 7 * views, 0.2).item() == pytest.approx(expected, abs=1e-6)


def test_large_logits_stay_finite():
    s = scores([1e4], [[-1e4, 1e4]])
    assert torch.isfinite(weighted_bce(s, torch.ones(1), torch.ones(1, 2)))
    assert torch.isfinite(info_nce(1e8 * torch.eye(2), torch.eye(2), 0.005))


@pytest.mark.parametrize("call", [lambda s: ccl(s, 0.9, -1.0)])
def test_negative_weights_are_refused(call):
    with pytest.raises(ValueError, match="weight"):
        call(scores([0.0], [[0.0]]))


def test_a_temperature_of_0_is_refused():
    with pytest.raises(ValueError, match="tau"):
        info_nce(torch.eye(2), torch.eye(2), 0.0)
