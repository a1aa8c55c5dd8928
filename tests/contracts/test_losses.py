"""Every loss of the catalogue keeps the promises of a loss."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from polyrec.losses import LABEL_LOSSES, LOSSES
from polyrec.types import Scores

every = pytest.mark.parametrize("name", LOSSES)


def scores(rows: int = 5, count: int = 7, dtype: torch.dtype = torch.float64) -> Scores:
    """Random scores in which one entry is masked and one row weighs nothing."""
    draw = torch.Generator().manual_seed(3)
    valid = torch.ones(rows, count, dtype=torch.bool)
    valid[1, 2] = False
    weight = torch.rand(rows, generator=draw, dtype=dtype) + 0.5
    weight[3] = 0
    return Scores(
        pos=torch.randn(rows, generator=draw, dtype=dtype).requires_grad_(),
        neg=torch.randn(rows, count, generator=draw, dtype=dtype).requires_grad_(),
        pos_log_q=torch.randn(rows, generator=draw, dtype=dtype),
        neg_log_q=torch.randn(1, count, generator=draw, dtype=dtype),
        valid=valid,
        weight=weight,
    )


def gradients(name: str, s: Scores) -> tuple[torch.Tensor, torch.Tensor]:
    grads = torch.autograd.grad(LOSSES[name](s), (s.pos, s.neg))
    return grads[0], grads[1]


@every
def test_a_loss_is_a_finite_scalar(name: str) -> None:
    loss = LOSSES[name](scores(dtype=torch.float32))
    assert loss.shape == ()
    assert torch.isfinite(loss)


@every
def test_a_loss_has_a_line_of_documentation(name: str) -> None:
    assert (LOSSES[name].__doc__ or "").splitlines()[0].endswith((".", ":"))


@every
def test_descent_raises_the_positive_and_lowers_the_negatives_as_a_whole(name: str) -> None:
    pos, neg = gradients(name, scores())
    assert bool((pos <= 0).all())
    assert bool((neg.sum(1) >= 0).all())  # interest_aware lets go of a row's easy negatives
    assert bool((pos < 0).any())


@every
def test_a_masked_entry_is_inert(name: str) -> None:
    s = scores()
    neg = s.neg.detach().clone()
    neg[1, 2] = 50.0
    other = replace(s, neg=neg.requires_grad_())
    assert torch.equal(LOSSES[name](s), LOSSES[name](other))
    assert gradients(name, other)[1][1, 2] == 0


@every
def test_a_row_of_weight_0_is_inert(name: str) -> None:
    s = scores()
    pos = s.pos.detach().clone()
    pos[3] = -50.0
    other = replace(s, pos=pos.requires_grad_())
    assert torch.equal(LOSSES[name](s), LOSSES[name](other))
    assert gradients(name, other)[0][3] == 0


@every
def test_weights_count_relative_to_each_other(name: str) -> None:
    s = scores()
    assert torch.allclose(LOSSES[name](s), LOSSES[name](replace(s, weight=s.weight * 3)))


@every
def test_a_row_without_negatives_leaves_the_mean(name: str) -> None:
    s = scores()
    masked = s.valid.clone()
    masked[0] = False
    without = LOSSES[name](replace(s, valid=masked))
    dropped = LOSSES[name](
        replace(
            s,
            pos=s.pos[1:],
            neg=s.neg[1:],
            pos_log_q=s.pos_log_q[1:],
            valid=s.valid[1:],
            weight=s.weight[1:],
        )
    )
    assert torch.allclose(without, dropped)


@every
def test_a_batch_without_any_negative_costs_0_with_finite_gradients(name: str) -> None:
    s = replace(scores(), valid=torch.zeros(1, 1, dtype=torch.bool))
    assert LOSSES[name](s) == 0
    assert all(bool((grad == 0).all()) for grad in gradients(name, s))


@every
def test_the_gradient_is_the_derivative(name: str) -> None:
    s = scores()

    def loss(pos: torch.Tensor, neg: torch.Tensor) -> torch.Tensor:
        return LOSSES[name](replace(s, pos=pos, neg=neg))

    assert torch.autograd.gradcheck(loss, (s.pos, s.neg))


@every
def test_extreme_scores_stay_finite(name: str) -> None:
    s = scores(dtype=torch.float32)
    wild = replace(s, pos=(s.pos.detach() - 500).requires_grad_(), neg=s.neg + 500)
    assert torch.isfinite(LOSSES[name](wild))


@pytest.mark.parametrize("name", LABEL_LOSSES)
def test_a_label_loss_gives_one_finite_number_a_row_that_falls_towards_the_label(name: str) -> None:
    logit = torch.tensor([-60.0, -1.0, 0.0, 1.0, 60.0])
    up = LABEL_LOSSES[name](logit, torch.ones(5))
    down = LABEL_LOSSES[name](logit, torch.zeros(5))
    assert up.shape == (5,)
    assert bool(torch.isfinite(up).all())
    assert bool((up.diff() < 0).all())
    assert bool((down.diff() > 0).all())


@pytest.mark.parametrize("name", LABEL_LOSSES)
def test_a_label_loss_gradient_is_the_derivative(name: str) -> None:
    logit = torch.randn(6, dtype=torch.float64, requires_grad=True)
    label = torch.tensor([0.0, 1, 1, 0, 1, 0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: LABEL_LOSSES[name](x, label), (logit,))
