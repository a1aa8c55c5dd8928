"""Label losses against published identities."""

from __future__ import annotations

import pytest
import torch

from polyrec.losses import focal, label_bce


def minimiser(alpha: float, gamma: float, rate: float) -> float:
    """The constant probability that focal loss prefers at a base rate."""
    p = torch.linspace(0.005, 0.995, 99_001, dtype=torch.float64)
    logit = torch.logit(p)
    cost = rate * focal(logit, torch.ones_like(p), alpha, gamma)
    cost = cost + (1 - rate) * focal(logit, torch.zeros_like(p), alpha, gamma)
    return float(p[cost.argmin()])


def test_focal_without_focus_is_half_of_bce() -> None:
    logit, label = torch.randn(20), torch.randint(0, 2, (20,))
    assert torch.allclose(focal(logit, label, 0.5, 0.0), label_bce(logit, label) / 2)


@pytest.mark.parametrize(
    ("alpha", "gamma", "best"),
    [(0.25, 2.0, 0.2336), (0.5, 2.0, 0.3143), (0.25, 0.0, 0.0396)],
)
def test_focal_is_not_proper_and_its_minimiser_is_known(
    alpha: float, gamma: float, best: float
) -> None:
    assert minimiser(alpha, gamma, rate=0.11) == pytest.approx(best, abs=1e-3)
