"""Packed stretches equal Python's slices."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polyrec.kernels.ranges import mark, packed_ids, places
from polyrec.kernels.repeats import again_in_run, first_in_run

STRETCHES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted), max_size=8)


def ends(stretches: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(stretches, np.int64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()


@given(STRETCHES)
def test_stretches_lie_side_by_side(stretches: list[list[int]]) -> None:
    column = np.arange(100, 120, dtype=np.int32)
    values, start = packed_ids(column, *ends(stretches))
    parts = [values[a:b].tolist() for a, b in pairwise(start)]
    assert parts == [column[a:b].tolist() for a, b in stretches]
    assert places(*ends(stretches)).tolist() == [i for a, b in stretches for i in range(a, b)]


@given(STRETCHES)
def test_marked_places_are_those_of_the_stretches(stretches: list[list[int]]) -> None:
    marks = np.zeros(20, bool)
    mark(marks, *ends(stretches))
    assert set(np.flatnonzero(marks)) == {i for a, b in stretches for i in range(a, b)}


@given(st.lists(st.lists(st.integers(0, 4)), max_size=6))
def test_only_the_first_of_a_code_in_its_run_is_kept(runs: list[list[int]]) -> None:
    run = np.array([r for r, codes in enumerate(runs) for _ in codes], np.int64)
    code = np.array([c for codes in runs for c in codes], np.int64)
    kept = [code not in codes[:i] for codes in runs for i, code in enumerate(codes)]
    assert first_in_run(run, code, 5).tolist() == kept


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans())))
def test_late_entries_that_an_early_one_of_their_run_repeats(
    rows: list[tuple[int, int, bool]],
) -> None:
    rows = sorted(rows, key=lambda row: row[0])
    run, code, late = (np.array([row[i] for row in rows], np.int64) for i in range(3))
    early = {(r, c) for r, c, is_late in rows if not is_late}
    wanted = [is_late and (r, c) in early for r, c, is_late in rows]
    assert again_in_run(run, code, 4, late.astype(bool)).tolist() == wanted
