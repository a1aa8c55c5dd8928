"""Draws until N are distinct, and alias tables."""

from __future__ import annotations

import numpy as np
import pytest

from polyrec.kernels.draws import alias_table, unique_log_uniform, unique_uniform


@pytest.mark.parametrize("kernel", [unique_log_uniform, unique_uniform])
def test_a_set_holds_distinct_ranks_in_range(kernel) -> None:  # type: ignore[no-untyped-def]
    ranks, trials = kernel(50, 49, 20, 3)
    assert all(len(set(row)) == 49 for row in ranks.tolist())
    assert ranks.min() >= 1
    assert ranks.max() <= 50
    assert (trials >= 49).all()


@pytest.mark.parametrize("kernel", [unique_log_uniform, unique_uniform])
def test_a_seed_gives_one_draw_and_another_seed_another(kernel) -> None:  # type: ignore[no-untyped-def]
    first = kernel(1000, 20, 2, 2**62 + 1)[0]
    assert np.array_equal(first, kernel(1000, 20, 2, 2**62 + 1)[0])
    assert not np.array_equal(first, kernel(1000, 20, 2, 2**62 + 2)[0])


def test_the_first_rank_of_a_set_follows_the_log_uniform_law() -> None:
    ranks, _ = unique_log_uniform(9, 1, 20_000, 11)
    seen = np.bincount(ranks[:, 0], minlength=10)[1:] / 20_000
    law = np.log1p(1 / np.arange(1, 10)) / np.log(10)
    assert np.abs(seen - law).max() < 4 * np.sqrt(0.25 / 20_000)


def test_a_books_size_set_takes_the_measured_draws_and_popular_items() -> None:
    ranks, trials = unique_log_uniform(367_983, 1280, 300, 5)
    assert trials.mean() == pytest.approx(2006, abs=6)
    within = [(ranks <= top).sum(1).mean() for top in (100, 1000, 10_000)]
    assert within == pytest.approx([93, 368, 717], abs=1.5)


def test_an_alias_table_holds_the_weights_exactly() -> None:
    weights = np.array([0.0, 3.0, 1e-9, 0.0, 5.0, 2.0])
    chance, alias = alias_table(weights)
    share = np.zeros(6)
    np.add.at(share, np.arange(6), chance / 6)
    np.add.at(share, alias, (1 - chance) / 6)
    assert np.allclose(share, weights / weights.sum(), atol=1e-12)


def test_more_distinct_draws_than_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="11 distinct draws from 10 classes"):
        unique_uniform(10, 11, 1, 0)


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, -1.0], [1.0, np.inf]])
def test_weights_that_are_no_distribution_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights must be >= 0"):
        alias_table(np.array(weights))
