"""Tables start as named, and row 0 stays nothing."""

import math

import pytest
import torch

from polyrec.nn import ItemTable
from polyrec.nn.embed import glorot, position_maps


@pytest.mark.parametrize(("init", "reach"), [("small", 0.05), ("tf1", math.sqrt(6 / 5_033))])
def test_a_table_starts_uniform_within_its_reach(init, reach):
    torch.manual_seed(1)
    real = ItemTable(5_000, 32, init).weight[1:]
    assert real.abs().max() <= reach
    assert real.mean().abs() < 0.01 * reach
    assert real.std().item() == pytest.approx(reach / math.sqrt(3), rel=0.01)


@pytest.mark.parametrize(("init", "spread"), [("small", 0.05), ("tf1", 1.0)])
def test_position_maps_start_normal_with_the_named_deviation(init, spread):
    torch.manual_seed(1)
    maps = position_maps(20, 64, 4, init)
    assert maps.shape == (20, 64, 256)
    assert maps.std().item() == pytest.approx(spread, rel=0.01)
    assert (maps.abs() > 2.5 * spread).any()  # not truncated


def test_places_start_glorot_uniform():
    torch.manual_seed(1)
    places = glorot(20, 64)
    assert places.abs().max().item() == pytest.approx(math.sqrt(6 / 84), rel=0.01)


def test_books_tf1_reach_is_the_published_one():
    assert math.sqrt(6 / (367_982 + 1 + 64)) == pytest.approx(0.00404, abs=5e-6)


def test_row_zero_is_zero_and_gets_no_gradient():
    table = ItemTable(5, 3)
    table(torch.tensor([0, 2, 0])).sum().backward()
    gradient = table.weight.grad
    assert gradient.is_sparse
    assert gradient.to_dense()[0].tolist() == [0, 0, 0]
    assert gradient.to_dense()[2].tolist() == [1, 1, 1]
    assert table.weight[0].tolist() == [0, 0, 0]


def test_an_unknown_start_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ValueError, match="there are: small, tf1"):
        ItemTable(5, 3, "large")


def test_a_table_needs_items():
    with pytest.raises(ValueError, match="items >= 1"):
        ItemTable(0, 3)
