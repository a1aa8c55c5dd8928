"""Sums of rows in registers: those of dense algebra, whatever the width, the types, the threads."""

import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyrec.kernels.graphs.rows import multiply, pull, push

WIDTHS = st.sampled_from([1, 7, 8, 15, 16, 17, 31, 48, 64, 65, 80, 129])


def matrix(seed, rows, columns, index, number):
    """Compressed rows with factors at both ends, and the same dense; some rows are empty."""
    draw = np.random.default_rng(seed)
    dense = draw.random((rows, columns)) < draw.random((rows, 1)) * 0.8
    start = np.concatenate([[0], np.cumsum(dense.sum(1))]).astype(index)
    into, out_of = draw.random(rows).astype(number), draw.random(columns).astype(number)
    edges = start, np.nonzero(dense)[1].astype(index), into, out_of
    return edges, into[:, None] * dense * out_of


def tables(seed, number, *shapes):
    draw = np.random.default_rng(seed + 1)
    return [draw.normal(size=shape).astype(number) for shape in shapes]


@given(
    st.integers(0, 10_000),
    WIDTHS,
    st.sampled_from(["i4", "i8"]),
    st.sampled_from(["f4", "f8"]),
    st.booleans(),
)
def test_a_product_is_the_dense_one(seed, width, index, number, based):
    edges, dense = matrix(seed, 9, 6, index, number)
    x, base = tables(seed, number, (6, width), (9, width))
    out = np.full((9, width), np.nan, number)
    multiply(edges, x, base if based else None, out)
    expected = dense @ x + (base if based else 0)
    assert np.abs(out - expected).max() < (1e-5 if number == "f4" else 1e-12)


@given(st.integers(0, 10_000), WIDTHS)
def test_what_rows_gather_is_given_back_by_the_transpose(seed, width):
    (start, target, _, weight), _ = matrix(seed, 7, 7, "i4", "f8")
    edges = start, target, weight
    rows = np.random.default_rng(seed).integers(0, 7, 5)
    x, grad, out = tables(seed, "f8", (7, width), (5, width), (7, width))
    before = out.copy()
    push(edges, grad, rows, out)
    dense = np.zeros((7, 7))
    dense[np.repeat(np.arange(7), np.diff(start)), target] = 1
    dense = weight[:, None] * dense * weight
    assert np.allclose(pull(edges, x, rows), (dense @ x)[rows])
    whole = np.zeros((7, width))
    np.add.at(whole, rows, grad)
    assert np.allclose(out - before, dense.T @ whole)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one core: nothing to share")
@pytest.mark.parametrize("width", [5, 64, 100])
def test_bytes_do_not_depend_on_threads(width):
    (start, target, into, out_of), _ = matrix(3, 300, 300, "i4", "f4")
    rows = np.arange(0, 300, 2)
    x, grad, out = tables(3, "f4", (300, width), (len(rows), width), (300, width))
    seen, pool = [], numba.get_num_threads()
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            given = np.zeros_like(out)
            multiply((start, target, into, out_of), x, None, out)
            push((start, target, into), grad, rows, given)
            pulled = pull((start, target, into), x, rows)
            seen.append((out.tobytes(), given.tobytes(), pulled.tobytes()))
    finally:
        numba.set_num_threads(pool)
    assert seen[0] == seen[1]


def test_a_graph_without_edges_gives_the_base():
    none = np.zeros(0, "i4")
    edges = np.zeros(4, "i4"), none, np.ones(3, "f4"), np.ones(2, "f4")
    x, base = tables(1, "f4", (2, 20), (3, 20))
    out = np.empty_like(base)
    multiply(edges, x, base, out)
    assert np.array_equal(out, base)


def test_without_compilation_the_sums_are_the_same():
    script = (
        "import numpy as np\n"
        "from polyrec.kernels.graphs.rows import multiply\n"
        "x = np.arange(40, dtype='f8').reshape(2, 20); out = np.empty((1, 20))\n"
        "edges = np.array([0, 2]), np.array([0, 1]), np.array([.5]), np.array([1., 2.])\n"
        "multiply(edges, x, np.ones((1, 20)), out)\n"
        "print(out[0, :3].tolist(), out[0, 19])"
    )
    for off in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"NUMBA_DISABLE_JIT": off},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == "[21.0, 22.5, 24.0] 49.5"
