"""Steps of walks follow the exact distribution, and no thread shows."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.stats import chi2

from polyrec.kernels.draws import alias_row
from polyrec.kernels.graphs.walking.steps import Bias
from polyrec.kernels.graphs.walking.tables import (
    BITS,
    FIRST,
    SECOND,
    STRONG,
    Rows,
    hubs,
    rows_of,
)
from polyrec.kernels.graphs.walks import walk

N = 10


def weights(directed: bool) -> np.ndarray:
    """[N, N], weights of a random graph; directed, the last node has no way out."""
    rng = np.random.default_rng(8)
    found = (rng.random((N, N)) < 0.45) * rng.random((N, N)).astype(np.float32)
    np.fill_diagonal(found, 0)
    if directed:
        found[-1] = 0
        return found
    return np.maximum(found, found.T)


def rows(matrix: np.ndarray, weighted: bool) -> Rows:
    sparse = csr_matrix(matrix)
    indptr, indices = sparse.indptr.astype(np.int64), sparse.indices.astype(np.int32)
    return rows_of(indptr, indices, sparse.data.astype(np.float32) if weighted else None)


def exact(matrix: np.ndarray, bias: Bias, before: int, node: int) -> np.ndarray:
    """[N]: chances of the next node, by the definitions."""
    present = matrix > 0
    mean = matrix.sum(1) / np.maximum(present.sum(1), 1)
    factor = np.where(present[before], 1.0, bias.away)
    if bias.order == STRONG:
        weak = matrix[before] < mean
        part = bias.away + (1 - bias.away) * matrix[before] / np.maximum(mean, 1e-9)
        loose = np.where(matrix[node] < mean[node], min(1, bias.away), part)
        factor = np.where(weak | ~present[before], loose, 1.0)
    if bias.order == FIRST:
        factor = np.ones(N)
    else:
        factor[before] = bias.back
    chance = matrix[node] * factor
    return chance / chance.sum()


BIASES = [
    Bias(1.0, 1.0, FIRST),
    Bias(4.0, 0.5, SECOND),
    Bias(0.25, 2.0, SECOND),
    Bias(4.0, 4.0, SECOND),
    Bias(4.0, 0.5, STRONG),
    Bias(1.0, 3.0, STRONG),
]


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("directed", [False, True], ids=["undirected", "directed"])
@pytest.mark.parametrize("bias", BIASES, ids=str)
def test_a_third_node_follows_the_exact_distribution(
    bias: Bias, directed: bool, weighted: bool
) -> None:
    matrix = weights(directed)
    starts = np.arange(20_000, dtype=np.int32) % N
    values, start = walk(rows(matrix, weighted), starts, 12, bias, seed=3)
    lengths = np.diff(start)
    at = np.arange(len(values))
    first = at[at + 2 < np.repeat(start[1:], lengths)]
    triples = np.stack([values[first], values[first + 1], values[first + 2]])
    counted = np.bincount(np.ravel_multi_index(triples, (N, N, N)), minlength=N**3)
    used = matrix if weighted else (matrix > 0).astype(float)
    chi, free = 0.0, 0
    for pair, counts in enumerate(counted.reshape(N * N, N)):
        if counts.sum() < 100:
            continue
        expected = exact(used, bias, *divmod(pair, N)) * counts.sum()
        assert not counts[expected == 0].any()
        seen = expected > 0
        chi += float(((counts - expected)[seen] ** 2 / expected[seen]).sum())
        free += int(seen.sum()) - 1
    assert free > 50
    assert chi2.sf(chi, free) > 1e-4


@given(st.lists(st.floats(0, 100, width=32), min_size=1, max_size=30).filter(lambda w: sum(w) > 1))
def test_an_alias_table_holds_the_weights(given_weights: list[float]) -> None:
    weight = np.array(given_weights, np.float32)
    chance, alias = np.empty(len(weight), np.float32), np.empty(len(weight), np.int32)
    alias_row(weight, float(weight.astype(np.float64).sum()), chance, alias)
    held = chance.astype(np.float64)
    np.add.at(held, alias, 1 - chance.astype(np.float64))
    assert held / len(weight) == pytest.approx(weight / weight.astype(np.float64).sum(), abs=1e-5)
    assert not held[weight == 0].any()


def test_a_sink_ends_the_walk() -> None:
    graph = rows_of(np.array([0, 1, 2, 2]), np.array([1, 2], np.int32), None)
    values, start = walk(graph, np.array([0, 1, 2], np.int32), 9, Bias(2.0, 2.0, SECOND), 0)
    assert values.tolist() == [0, 1, 2, 1, 2, 2]
    assert start.tolist() == [0, 3, 5, 6]


@pytest.mark.parametrize("bias", [Bias(0.25, 0.5, SECOND), Bias(4.0, 2.0, SECOND)])
@pytest.mark.parametrize("weighted", [True, False])
def test_bits_for_busy_nodes_change_no_walk(bias: Bias, weighted: bool) -> None:
    rng = np.random.default_rng(2)
    busy = rng.random(200) < 0.2
    sparse = csr_matrix((rng.random((200, 200)) < 0.03 + 0.5 * busy[:, None]) * rng.random(200))
    form = sparse.indptr.astype(np.int64), sparse.indices.astype(np.int32)
    weight = sparse.data.astype(np.float32) if weighted else None
    plain, fast = rows_of(*form, weight), rows_of(*form, weight, SECOND)
    assert not len(plain.hub)
    assert 0 < len(fast.seen) < 200
    starts = np.arange(200, dtype=np.int32)
    for one, other in zip(*(walk(r, starts, 30, bias, 3) for r in (plain, fast)), strict=True):
        assert np.array_equal(one, other)


def test_bits_take_sixteen_megabytes_or_four_bytes_an_edge_and_only_where_they_are_asked() -> None:
    degree = np.full(200_000, 20)
    words = 200_000 // 64
    assert hubs(degree, 4_000_000, SECOND, True) == (BITS // words, words)
    assert hubs(degree, 40_000_000, STRONG, False) == (20_000_000 // words, words)
    assert hubs(degree[:100], 2_000, SECOND, False) == (100, 2)
    assert hubs(degree // 2, 4_000_000, SECOND, False)[0] == 0  # few neighbours: halving
    assert hubs(degree, 40_000_000, FIRST, False) == (0, 0)
    assert hubs(degree, 40_000_000, STRONG, True) == (0, 0)


def test_darts_end_where_no_edge_leads_back() -> None:
    ring = (np.arange(N)[:, None] + np.arange(1, 4)) % N  # forward alone
    graph = rows_of(np.arange(0, 3 * N + 1, 3), np.sort(ring, 1).ravel().astype(np.int32), None)
    starts = np.zeros(3_000, np.int32)
    values, _ = walk(graph, starts, 3, Bias(1e9, 1e-3, SECOND), 1)  # 1e9 darts a step before
    middle, last = values.reshape(-1, 3)[:, 1:].T
    assert set((last - middle) % N) == {1, 2, 3}
    near = middle < 3  # 3 itself leads to nodes away from the start alone
    assert (last[near] > 3).mean() < 0.01


@pytest.mark.parametrize("weight", [0.0, 1e-9])
def test_darts_are_few_where_the_edge_back_hardly_weighs(weight: float) -> None:
    """0 <-> 1, 1 -> 2, 2 -> 0: back from 1 weighs 1e9 times as much, and that is little still."""
    held = np.array([1.0, weight, 1.0, 1.0], np.float32)
    graph = rows_of(np.array([0, 1, 3, 4]), np.array([1, 0, 2, 0], np.int32), held, SECOND)
    values, _ = walk(graph, np.zeros(4_000, np.int32), 3, Bias(1e9, 1.0, SECOND), 1)
    back = (values.reshape(-1, 3)[:, 2] == 0).mean()
    assert back == pytest.approx(1e9 * weight / (1e9 * weight + 1), abs=0.03)


GOLDEN = {  # of 900 walks: bytes that an update must not move in silence
    (False, False, 1.0, 1.0, FIRST): "dbb06da4f51b",
    (True, True, 1.0, 1.0, FIRST): "2756ff521a23",
    (False, False, 0.25, 4.0, SECOND): "562e3157f572",
    (True, True, 4.0, 0.5, SECOND): "4c2b2a73582e",
    (True, False, 2.0, 0.5, STRONG): "c341c2a894b1",
    (True, True, 2.0, 0.5, STRONG): "1fe5dc0c22e2",
    (False, False, 0.1, 2.0, SECOND): "a0dcd66b7d95",
    (True, False, 0.1, 2.0, SECOND): "ccc0cc54734f",
    (True, True, 0.1, 2.0, SECOND): "65eec6cd069b",
}


@pytest.mark.parametrize("case", GOLDEN, ids=str)
def test_walks_are_those_of_before(case: tuple[bool, bool, float, float, int]) -> None:
    directed, weighted, p, q, order = case
    ids = np.arange(90)
    edge = (ids[:, None] * 7 + ids * 13) % 11 < 1 + ids // 30  # some columns thrice as full
    edge &= ids[:, None] != ids
    edge = edge if directed else edge | edge.T
    sparse = csr_matrix(edge * (1.0 + (ids[:, None] + ids) % 4))
    weight = sparse.data.astype(np.float32) if weighted else None
    graph = rows_of(sparse.indptr.astype(np.int64), sparse.indices.astype(np.int32), weight, order)
    starts = np.repeat(ids, 10).astype(np.int32)
    values, start = walk(graph, starts, 20, Bias(1 / p, 1 / q, order), 7)
    assert hashlib.sha256(values.tobytes() + start.tobytes()).hexdigest()[:12] == GOLDEN[case]


def test_a_part_of_the_walks_is_that_part_of_all_of_them() -> None:
    graph, starts = rows(weights(False), True), np.arange(40, dtype=np.int32) % N
    values, _ = walk(graph, starts, 8, Bias(0.5, 2.0, SECOND), seed=5)
    late, _ = walk(graph, starts[25:], 8, Bias(0.5, 2.0, SECOND), seed=5, first=25)
    assert np.array_equal(values[25 * 8 :], late)
    other, _ = walk(graph, starts, 8, Bias(0.5, 2.0, SECOND), seed=6)
    assert not np.array_equal(values, other)
