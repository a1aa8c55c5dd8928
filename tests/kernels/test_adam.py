"""Adam on rows: repeats merged in order, updates as written in the paper."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyrec.kernels.adam import Rates, adam_all, adam_rows, merged_rows


@given(st.lists(st.integers(0, 19), max_size=60), st.integers(1, 7))
def test_equal_ids_add_up_in_the_order_they_came(ids: list[int], width: int) -> None:
    values = np.random.default_rng(len(ids)).standard_normal((len(ids), width)).astype(np.float32)
    slot = np.full(20, -1, np.int32)
    rows, sums = merged_rows(np.array(ids, np.int64), values, slot)
    assert rows.tolist() == list(dict.fromkeys(ids))
    for row, total in zip(rows, sums, strict=True):
        wanted = np.zeros(width, np.float32)
        for value in values[np.array(ids) == row]:
            wanted = wanted + value
        assert np.array_equal(total, wanted)
    assert (slot == -1).all()


def test_the_update_is_the_published_one() -> None:
    rng = np.random.default_rng(3)
    table, first, second = (rng.random((6, 4)) for _ in range(3))
    grads, rows = rng.standard_normal((2, 4)), np.array([4, 1])
    m, v = 0.9 * first[rows] + 0.1 * grads, 0.99 * second[rows] + 0.01 * grads**2
    step = 0.05 * (m / (1 - 0.9**5)) / (np.sqrt(v / (1 - 0.99**5)) + 1e-8)
    wanted = table.copy()
    wanted[rows] -= step
    adam_rows(table, (first, second), rows, grads, Rates(0.05, 0.9, 0.99, 1e-8, 5))
    assert np.allclose(table, wanted, rtol=1e-12)
    assert np.allclose(first[rows], m)
    assert np.allclose(second[rows], v)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="compiled loops have one thread")
def test_the_number_of_threads_changes_no_byte_of_a_whole_table() -> None:
    found, before = [], numba.get_num_threads()
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            rng = np.random.default_rng(3)
            parts = [rng.random((101, 7), np.float32) for _ in range(3)]
            rows = rng.permutation(101)[:40]
            touched = rows, rng.standard_normal((40, 7)).astype(np.float32)
            slot, rates = np.full(101, -1, np.int32), Rates(0.05, 0.9, 0.99, 1e-8, 5)
            adam_all(parts[0], (parts[1], parts[2]), touched, slot, rates, 0.1)
            found.append([part.tobytes() for part in parts])
    finally:
        numba.set_num_threads(before)
    assert found[0] == found[1]


def test_faint_moments_of_rows_nobody_touches_end_at_zero_and_bad_ones_stay() -> None:
    table = np.ones((3, 2), np.float32)
    first, second = np.full((2, 3, 2), 1e-31, np.float32)
    first[2], second[1] = np.nan, 1e-37
    slot, none = np.full(3, -1, np.int32), np.empty((0, 2), np.float32)
    rates = Rates(0.1, 0.9, 0.999, 1e-8, 9)
    adam_all(table, (first, second), (np.empty(0, np.int64), none), slot, rates)
    assert not first[:2].any()
    assert not second[1].any()
    assert second[0].all()
    assert np.isnan(first[2]).all()
    assert np.array_equal(table[:2], np.ones((2, 2)))
