"""What a test part can show: against the worked figures."""

import numpy as np
import pytest
import torch

from polyrec.trust.power import (
    Spread,
    advice,
    pairs_needed,
    pilot,
    requests_needed,
    seeds_needed,
    smallest,
    smallest_auc,
)


@pytest.mark.parametrize(
    ("requests", "rho", "value"),
    [
        (1_000, 0.0, 0.0251),
        (1_000, 0.7, 0.0137),
        (1_000, 0.9, 0.0079),
        (10_000, 0.0, 0.0079),
        (10_000, 0.7, 0.0043),
        (10_000, 0.9, 0.0025),
        (60_367, 0.0, 0.0032),
        (60_367, 0.7, 0.0018),
        (60_367, 0.9, 0.0010),
    ],
)
def test_the_request_part_gives_the_worked_figures(requests, rho, value):
    assert smallest(requests, 1, Spread(rho=rho, tau=0)) == pytest.approx(value, abs=5e-5)


def test_seeds_add_their_part_in_quadrature():
    both, alone = smallest(10_000, 5), smallest(10_000, 5, Spread(tau=0))
    assert (both**2 - alone**2) ** 0.5 == pytest.approx(0.0035, abs=5e-5)


@pytest.mark.parametrize(("rho", "pairs"), [(0.0, 3760), (0.7, 1130)])
def test_two_proportions_need_the_worked_number_of_pairs(rho, pairs):
    assert pairs_needed(0.67, 0.70, rho) == pytest.approx(pairs, abs=2)


@pytest.mark.parametrize(("positives", "value"), [(10_000, 0.0023), (100_000, 0.0007)])
def test_two_aucs_need_the_worked_number_of_positives(positives, value):
    assert smallest_auc(0.834, positives, 5 * positives, 0.95) == pytest.approx(value, abs=5e-5)


def test_a_published_auc_gain_needs_about_23_thousand_positives():
    assert smallest_auc(0.834, 23_000, 115_000, 0.95) == pytest.approx(0.0015, abs=2e-5)


def test_what_is_needed_is_just_enough():
    needed = requests_needed(0.005, 5)
    assert smallest(needed, 5) <= 0.005 < smallest(needed - 1, 5)
    seeds = seeds_needed(0.004, 60_000)
    assert smallest(60_000, seeds) <= 0.004 < smallest(60_000, seeds - 1)


def test_no_number_of_requests_makes_up_for_too_few_seeds():
    assert requests_needed(0.001, 1) is None


def test_advice_names_what_would_do():
    assert "requests" in advice(0.005, 1_000, 5)
    assert advice(0.05, 10_000, 5).count(";") == 1


def test_a_pilot_tells_the_spread():
    draw = np.random.default_rng(0)
    x = draw.normal(0, 0.3, 5000)
    a, b = ([Seed(torch.from_numpy(x + draw.normal(0, 0.1, 5000)))] for _ in range(2))
    got = pilot(a, b, "recall@10")
    assert got.source == "pilot, tau assumed"
    assert got.rho == pytest.approx(0.9, abs=0.02)
    assert got.sigma == pytest.approx(0.1**0.5, abs=0.01)


class Seed:
    """One report, just what a pilot reads."""

    def __init__(self, x):
        self.values, self.per_request = {}, {"recall@10": x}
        self.key = self.cluster = torch.arange(len(x))
