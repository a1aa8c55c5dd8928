"""The weighted sum of softplus: its value, its gradient, what masks mean."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec.losses import softplus
from polyrec.losses.softplus import softplus_sum

KIND = {"dtype": torch.float64}


def some(rows: int = 5, columns: int = 7) -> tuple[Tensor, Tensor, Tensor]:
    """Scores, a mask with an empty row, weights."""
    draw = torch.Generator().manual_seed(1)
    x, weight = (torch.randn(rows, columns, generator=draw, **KIND) for _ in range(2))
    valid = torch.rand(rows, columns, generator=draw) < 0.7
    valid[2] = False
    return x.requires_grad_(), valid, weight.abs()


def test_it_is_the_sum_over_what_is_valid() -> None:
    x, valid, weight = some()
    plain = torch.where(valid, weight * F.softplus(x), 0).sum(1)
    assert torch.allclose(softplus_sum(x, valid, weight), plain)
    assert torch.allclose(softplus_sum(x, valid), torch.where(valid, F.softplus(x), 0).sum(1))
    assert softplus_sum(x, valid)[2] == 0


def test_its_gradient_is_the_weighted_sigmoid() -> None:
    x, valid, weight = some()
    assert torch.autograd.gradcheck(lambda x: softplus_sum(x, valid, weight), (x,))
    assert torch.autograd.gradcheck(lambda x: softplus_sum(x, valid), (x,))


def test_masks_and_weights_broadcast() -> None:
    x, valid, weight = some()
    row, column = valid[:1], weight[:, :1]
    wide = softplus_sum(x, row.expand_as(x), column.expand_as(x))
    assert torch.equal(softplus_sum(x, row, column), wide)


@pytest.mark.parametrize("stood", [torch.inf, torch.nan])
def test_what_stands_behind_a_mask_says_nothing(stood: float) -> None:
    x, valid, weight = some()
    other = x.detach().masked_fill(~valid, stood).requires_grad_()
    found = softplus_sum(other, valid, weight)
    found.sum().backward()
    assert torch.equal(found, softplus_sum(x, valid, weight))
    assert other.grad is not None
    assert (other.grad[~valid] == 0).all()


@pytest.mark.parametrize("stood", [torch.inf, torch.nan])
def test_a_weight_behind_a_mask_says_nothing(stood: float) -> None:
    x, valid, weight = some()
    other = weight.masked_fill(~valid, stood)
    for each in (other, other.__getitem__):
        found = softplus_sum(x, valid, each)
        assert torch.equal(found, softplus_sum(x, valid, weight))
        (grad,) = torch.autograd.grad(found.sum(), (x,))
        (same,) = torch.autograd.grad(softplus_sum(x, valid, weight).sum(), (x,))
        assert torch.equal(grad, same)


def test_a_weight_that_is_no_number_and_counts_is_told() -> None:
    x, valid, weight = some()
    weight[0, int(valid[0].nonzero()[0])] = torch.nan
    assert softplus_sum(x, valid, weight).isnan().tolist() == [True, *[False] * 4]


def test_blocks_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, valid, weight = some(50)
    whole = softplus_sum(x, valid, weight)
    monkeypatch.setattr(softplus, "_BLOCK", 21)
    assert torch.allclose(softplus_sum(x, valid, weight), whole)


def test_no_row_and_no_column_are_nothing() -> None:
    for shape in ((0, 3), (3, 0)):
        x, valid = torch.zeros(shape), torch.zeros(shape, dtype=torch.bool)
        assert softplus_sum(x, valid).tolist() == [0.0] * shape[0]
