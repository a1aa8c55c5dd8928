"""Dropping numbers by random bytes: how many, how much is left, and that it is repeatable."""

import pytest
import torch

from polyrec.nn.dropout import Dropout


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5, 0.9])
def test_as_many_are_dropped_as_asked_and_the_mean_stays(rate):
    torch.manual_seed(0)
    found = Dropout(rate).train()(torch.ones(400, 500))
    assert (found == 0).float().mean().item() == pytest.approx(rate, abs=0.005)
    assert found.mean().item() == pytest.approx(1.0, abs=0.02)


def test_the_gradient_passes_where_the_number_does():
    x = torch.randn(50, 20, requires_grad=True)
    found = Dropout(0.5).train()(x)
    found.sum().backward()
    assert torch.equal(x.grad == 0, found == 0)


def test_the_same_seed_drops_the_same():
    layer, x = Dropout(0.3).train(), torch.randn(30, 30)
    torch.manual_seed(4)
    first = layer(x)
    torch.manual_seed(4)
    assert torch.equal(first, layer(x))


def test_answering_drops_nothing():
    x = torch.randn(5, 5)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0).train()(x), x)


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ValueError, match="dropout="):
        Dropout(rate)
