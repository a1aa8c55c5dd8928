"""Closed forms equal their formulas and refuse what memory will not hold."""

import numpy as np
import pytest
import torch

from polyrec.data.events import Events
from polyrec.models import EASE, ItemKNN, MostPopular, popularity
from polyrec.types import Ragged, Requests

ITEMS = 30


def events(actors=50, seed=1):
    rng = np.random.default_rng(seed)
    actor = np.sort(rng.integers(1, actors + 1, 400)).astype(np.int32)
    target = (1 + ITEMS * rng.random(400) ** 2).astype(np.int32)
    start = np.zeros(actors + 2, np.int64)
    np.cumsum(np.bincount(actor, minlength=actors + 1), out=start[1:])
    return Events(actor, target, np.arange(400), np.zeros(400, np.int8), start)


def binary(log):
    seen = np.zeros((log.actors + 1, ITEMS + 1))
    seen[log.actor, log.target] = 1
    return seen


def ask(*rows):
    return Requests(torch.zeros(len(rows), dtype=torch.int64), Ragged.of(rows))


def test_popularity_orders_by_count_then_by_id():
    score = popularity(torch.tensor([9, 1, 5, 5, 0]))
    assert score.tolist() == [0, 1, 3, 2, 0]


def test_the_most_popular_are_the_same_for_everybody():
    model, log = MostPopular(ITEMS), events()
    model.solve(log)
    scores = model.scores(ask([1], [2, 3], []))
    assert torch.equal(scores[0], scores[2])
    assert scores[0].argmax() == np.bincount(log.target).argmax()
    assert model.counts.tolist() == np.bincount(log.target, minlength=ITEMS + 1).tolist()


def test_ease_is_the_constrained_ridge_solution():
    model, log = EASE(ITEMS, l2=7.0), events()
    model.solve(log)
    seen = binary(log)[:, 1:]
    inverse = np.linalg.inv(seen.T @ seen + 7.0 * np.eye(ITEMS))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    assert np.abs(model.map.numpy() - expected).max() < 1e-5


def test_ease_scores_are_history_times_map():
    model = EASE(ITEMS, l2=7.0)
    model.solve(events())
    scores = model.scores(ask([3, 5, 3], []))
    assert torch.allclose(scores[0, 1:], model.map[2] + model.map[4], atol=1e-6)
    assert scores[1].abs().max() == 0


def test_ease_can_be_solved_again():
    model, fresh = EASE(ITEMS), EASE(ITEMS)
    model.solve(events(seed=1))
    model.solve(events(seed=2))
    fresh.solve(events(seed=2))
    assert torch.equal(model.map, fresh.map)


def test_ease_refuses_a_large_catalogue_with_the_bytes():
    with pytest.raises(ValueError, match=r"541,643,009,296 bytes.*4,000 MB"):
        EASE(367_982)


def test_ease_needs_a_positive_penalty():
    with pytest.raises(ValueError, match="l2 > 0"):
        EASE(ITEMS, l2=0.0)


@pytest.mark.parametrize("budget_mb", [1, 4_000])
@pytest.mark.parametrize("shrink", [0.0, 10.0])
def test_neighbours_are_the_most_similar_items(shrink, budget_mb):
    model, log = ItemKNN(ITEMS, 5, shrink, budget_mb), events()
    model.solve(log)
    seen = binary(log)
    both, counts = seen.T @ seen, seen.sum(0)
    with np.errstate(invalid="ignore"):
        weight = np.nan_to_num(both / (np.sqrt(np.outer(counts, counts)) + shrink))
    np.fill_diagonal(weight, 0)
    for item in range(1, ITEMS + 1):
        largest = np.sort(weight[item])[::-1][:5]
        assert np.allclose(model.weight[item].numpy(), largest, atol=1e-6)
        near = model.neighbour[item].numpy()
        assert np.allclose(weight[item][near], largest, atol=1e-6)
        assert item not in near[largest > 0]


def test_small_blocks_find_the_same_neighbours():
    whole, cut = ItemKNN(ITEMS, 5), ItemKNN(ITEMS, 5)
    whole.solve(events())
    cut.budget_mb = 0.03
    cut.solve(events())
    assert torch.equal(whole.neighbour, cut.neighbour)
    assert torch.equal(whole.weight, cut.weight)


def test_a_score_is_the_sum_over_distinct_items():
    model = ItemKNN(ITEMS, 5)
    model.solve(events())
    expected = torch.zeros(ITEMS + 1)
    for item in (2, 4):
        expected[model.neighbour[item].long()] += model.weight[item]
    scores = model.scores(ask([2, 4, 2], []))
    assert torch.allclose(scores[0], expected)
    assert scores[1].abs().max() == 0


def test_neighbours_refuse_a_table_beyond_the_budget():
    with pytest.raises(ValueError, match=r"28,074\.9 MB|28,075 MB"):
        ItemKNN(367_982, 10_000)


def test_neighbours_refuse_an_item_with_too_many_candidates():
    model = ItemKNN(ITEMS, 5)
    model.budget_mb = 0.001
    with pytest.raises(ValueError, match="ItemKNN: item"):
        model.solve(events())


def test_neighbours_need_a_count():
    with pytest.raises(ValueError, match="neighbours >= 1"):
        ItemKNN(ITEMS, 0)
