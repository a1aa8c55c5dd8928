"""Closed forms equal their formulas and refuse what memory will not hold."""

import numba
import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from polyrec.data.events import Events
from polyrec.kernels.solving.als import Side, basis, solved
from polyrec.models import EASE, IALS, SLIM, ItemKNN, MostPopular, RP3beta, popularity
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


def test_rp3beta_is_its_product_of_steps():
    model, log = RP3beta(ITEMS, 5, alpha=0.7, beta=0.4), events()
    model.solve(log)
    seen = binary(log)
    with np.errstate(divide="ignore", invalid="ignore"):
        person = np.nan_to_num((seen / seen.sum(1)[:, None]) ** 0.7)
        item = np.nan_to_num((seen.T / seen.sum(0)[:, None]) ** 0.7)
        walk = np.nan_to_num(item @ person / seen.sum(0) ** 0.4)
    np.fill_diagonal(walk, 0)
    largest = -np.sort(-walk[3])[:5]
    assert np.allclose(model.weight[3].numpy(), largest / largest.sum(), atol=1e-6)
    plain = RP3beta(ITEMS, 5, 0.7, 0.4, scale="none")
    plain.solve(log)
    assert np.allclose(plain.weight[3].numpy(), largest, atol=1e-6)


def slim(l1, l2):
    model, log = SLIM(ITEMS, ITEMS, l1, l2), events()
    model.solve(log)
    whole = model.prepare().matrix.toarray()
    return whole, binary(log)


@pytest.mark.parametrize(("l1", "l2"), [(0.5, 2.0), (2.0, 0.0), (0.0, 5.0)])
def test_slim_meets_the_conditions_of_an_optimum(l1, l2):
    b, seen = slim(l1, l2)
    assert (b >= 0).all()
    assert (np.diag(b) == 0).all()
    slope = seen.T @ (seen @ b - seen) + l2 * b + l1
    inside = np.ones_like(b, bool)
    np.fill_diagonal(inside, False)
    both = (seen.T @ seen > 0) & inside  # others can never enter
    assert np.abs(slope[both & (b > 0)]).max() < 1e-2
    assert slope[both & (b == 0)].min() > -1e-2


def test_slim_scores_are_history_times_map():
    model = SLIM(ITEMS, 10, 0.5, 2.0)
    model.solve(events())
    b = model.prepare().matrix.toarray()
    scores = model.scores(ask([3, 5, 3], []))
    assert np.allclose(scores[0].numpy(), b[3] + b[5], atol=1e-6)
    assert scores[1].abs().max() == 0


def test_slim_refuses_negative_penalties():
    with pytest.raises(ValueError, match="SLIM"):
        SLIM(ITEMS, l1=-1.0)


def dense_als(seen, w, h, alpha0, reg):
    """One pass over `w` by the normal equations, row by row."""
    out = np.zeros_like(w)
    for u in range(len(w)):
        mine = h[seen[u] > 0]
        if len(mine):
            penalty = reg * (len(mine) + alpha0 * (len(h) - 1))
            a = mine.T @ mine + alpha0 * h.T @ h + penalty * np.eye(h.shape[1])
            out[u] = np.linalg.solve(a, mine.sum(0))
    return out


@pytest.mark.parametrize("dim", [6, 40])  # more edges a row than columns, and fewer
def test_a_sweep_of_ials_is_the_dense_solution(dim):
    log = events()
    seen = csr_matrix(binary(log))
    h = np.random.default_rng(0).normal(size=(ITEMS + 1, dim)).astype(np.float32)
    h[0] = 0
    lengths = np.diff(seen.indptr)
    side = Side(seen.indptr.astype(np.int64), seen.indices, 0.02 * (lengths + 0.1 * ITEMS))
    w = solved(basis(h, 0.1), side)
    dense = dense_als(binary(log), np.zeros_like(w), h.astype(float), 0.1, 0.02)
    assert np.abs(w - dense).max() < 2e-5
    assert not w[lengths == 0].any()


def test_the_number_of_threads_changes_no_byte_of_ials():
    if numba.get_num_threads() == 1:
        pytest.skip("one thread: nothing to compare")
    before, found = numba.get_num_threads(), []
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            model = IALS(ITEMS, 16, 0.1, 0.02, 3)
            model.solve(events())
            found.append(model.vectors)
    finally:
        numba.set_num_threads(before)
    assert torch.equal(*found)


def loss_of(model, w, h, seen):
    lengths, chosen = seen.sum(1), seen.sum(0)
    y = w @ h.T
    fit = ((y - 1)[seen > 0] ** 2).sum() + model.alpha0 * (y**2).sum()
    ours = (lengths + model.alpha0 * (len(h) - 1)) @ (w**2).sum(1)
    theirs = (chosen + model.alpha0 * (len(w) - 1)) @ (h**2).sum(1)
    return fit + model.reg * (ours + theirs)


def test_more_sweeps_of_ials_lower_its_loss_and_width_costs_none():
    seen, found = binary(events()), []
    for dim, sweeps in ((8, 2), (8, 20), (40, 20)):
        model = IALS(ITEMS, dim, 0.1, 0.02, sweeps)
        model.solve(events())
        h = model.vectors.numpy().astype(float)
        w = dense_als(seen, np.zeros((len(seen), dim)), h, 0.1, 0.02)
        found.append(loss_of(model, w, h, seen))
    assert found[1] < found[0]
    assert found[2] < 1.01 * found[1]


def test_ials_answers_a_history_as_it_would_train_it():
    model = IALS(ITEMS, 40, 0.1, 0.02, 3)
    model.solve(events())
    h = model.vectors.numpy().astype(float)
    seen = np.zeros((1, ITEMS + 1))
    seen[0, [3, 5]] = 1
    w = dense_als(seen, np.zeros((1, 40)), h, 0.1, 0.02)
    assert np.abs(model.scores(ask([3, 5, 3])).numpy() - w @ h.T).max() < 1e-4
    assert model.scores(ask([])).abs().max() == 0


def test_ials_refuses_settings_out_of_range():
    with pytest.raises(ValueError, match="alpha0"):
        IALS(ITEMS, alpha0=0.0)
    with pytest.raises(ValueError, match="budget"):
        IALS(ITEMS, budget_mb=0)
