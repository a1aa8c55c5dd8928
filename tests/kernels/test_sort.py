"""The counting sort equals a naive stable sort."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyrec.kernels.sort import SHORT, by_actor_then_time


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(-3, 3)), max_size=120))
def test_order_equals_a_naive_stable_sort(rows: list[tuple[int, int]]) -> None:
    actor = np.array([a for a, _ in rows], np.int32)
    time = np.array([t for _, t in rows], np.int64)
    order, start = by_actor_then_time(actor, time, 6)
    assert order.tolist() == sorted(range(len(rows)), key=lambda i: rows[i])
    assert np.diff(start).tolist() == np.bincount(actor, minlength=7).tolist()


@pytest.mark.parametrize("length", [SHORT, SHORT + 1, 500])
def test_long_sequences_with_ties_are_stable(length: int) -> None:
    time = np.random.default_rng(length).integers(0, 7, length)
    order, _ = by_actor_then_time(np.ones(length, np.int32), time, 1)
    assert order.tolist() == np.argsort(time, kind="stable").tolist()


def test_a_thousand_random_logs_are_sorted_as_python_sorts_them() -> None:
    rng = np.random.default_rng(0)
    for _ in range(1_000):
        size = int(rng.integers(0, 40))
        actor, time = rng.integers(1, 6, size).astype(np.int32), rng.integers(0, 9, size)
        order, _ = by_actor_then_time(actor, time, 5)
        assert order.tolist() == np.lexsort((np.arange(size), time, actor)).tolist()


def test_without_times_the_order_of_the_file_stays() -> None:
    order, start = by_actor_then_time(np.array([2, 1, 2, 1], np.int32), None, 3)
    assert order.tolist() == [1, 3, 0, 2]
    assert start.tolist() == [0, 0, 2, 4, 4]
