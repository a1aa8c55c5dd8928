"""Normal forms, features of nodes, the random control, homophily: against dense algebra."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from polyrec.data.readers.graphs import NodeLabels
from polyrec.data.vocab import Vocab
from polyrec.graph import Edges, Graph, Relation, is_symmetric, relation_of, symmetric
from polyrec.graph.ops import (
    clustering,
    components,
    core_number,
    degree,
    homophily,
    laplacian,
    laplacian_vectors,
    normalised,
    ppr,
    rewire,
)

KEY = ("item", "with", "item")


def random_relation(seed: int, nodes: int = 40, edges: int = 90, weights: bool = True) -> Relation:
    """Undirected, with at least one node that has no edge."""
    rng = np.random.default_rng(seed)
    ends = rng.integers(0, nodes - 1, (2, edges))
    weight = rng.uniform(0.5, 2, edges) if weights else None
    return symmetric(relation_of(KEY, Edges(ends[0], ends[1], weight), (nodes, nodes))[0])


def directed_relation(seed: int, nodes: int = 30, edges: int = 90) -> Relation:
    ends = np.random.default_rng(seed).integers(0, nodes - 2, (2, edges))
    weight = np.random.default_rng(seed).uniform(0.5, 2, edges)
    return relation_of(KEY, Edges(ends[0], ends[1], weight), (nodes, nodes))[0]


def dense(relation: Relation) -> np.ndarray:
    return relation.matrix().toarray().astype(np.float64)


def scaled(matrix: np.ndarray, power: float) -> np.ndarray:
    strength = matrix.sum(1)
    return np.where(strength > 0, np.where(strength > 0, strength, 1.0) ** power, 0)


@pytest.mark.parametrize("seed", range(5))
def test_normal_forms_are_those_of_dense_matrices(seed: int) -> None:
    relation = random_relation(seed)
    matrix = dense(relation)
    left = scaled(matrix, -0.5)
    np.testing.assert_allclose(
        dense(normalised(relation, "sym")), left[:, None] * matrix * left, atol=1e-6
    )
    np.testing.assert_allclose(
        dense(normalised(relation, "row")), scaled(matrix, -1)[:, None] * matrix, atol=1e-6
    )
    looped = matrix + np.eye(len(matrix))
    left = scaled(looped, -0.5)
    np.testing.assert_allclose(
        dense(normalised(relation, "gcn")), left[:, None] * looped * left, atol=1e-6
    )
    np.testing.assert_allclose(dense(normalised(relation, "none")), matrix, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_symmetric_form_has_radius_one_and_the_root_of_degrees_as_its_vector(seed: int) -> None:
    relation = random_relation(seed)
    matrix = dense(normalised(relation, "sym"))
    assert np.abs(np.linalg.eigvalsh(matrix)).max() == pytest.approx(1, abs=1e-6)
    root = np.sqrt(dense(relation).sum(1))
    np.testing.assert_allclose(matrix @ root, root, atol=1e-5)
    assert (matrix == matrix.T).all()


def test_a_node_without_edges_has_a_zero_row_in_every_form() -> None:
    relation = random_relation(0)
    for how in ("row", "sym", "none"):
        form = dense(normalised(relation, how))  # type: ignore[arg-type]
        assert np.isfinite(form).all()
        assert not form[-1].any()
    assert dense(normalised(relation, "gcn"))[-1].tolist() == [0] * 39 + [1]


def test_between_two_types_the_symmetric_form_is_a_block_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    met = Edges(rng.integers(0, 6, 20), rng.integers(0, 4, 20), np.ones(20))
    relation, _ = relation_of(("user", "met", "item"), met, (7, 5))
    block = dense(relation)
    whole = np.block([[np.zeros((7, 7)), block], [block.T, np.zeros((5, 5))]])
    left = scaled(whole, -0.5)
    expected = (left[:, None] * whole * left)[:7, 7:]
    np.testing.assert_allclose(dense(normalised(relation, "sym")), expected, atol=1e-6)
    with pytest.raises(ValueError, match="two node types"):
        normalised(relation, "gcn")


def test_a_loop_that_is_there_gets_no_second_one() -> None:
    loop = Edges(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([3.0, 1, 1]))
    relation, _ = relation_of(KEY, loop, (2, 2), loops="keep")
    strength = np.array([4.0, 2])
    expected = np.array([[3, 1], [1, 1]]) / np.sqrt(np.outer(strength, strength))
    np.testing.assert_allclose(dense(normalised(relation, "gcn")), expected, atol=1e-6)


def test_directed_relations_are_refused_with_the_remedy() -> None:
    directed = directed_relation(0)
    for how in ("sym", "gcn"):
        with pytest.raises(ValueError, match=r"graph\.symmetric\(\)"):
            normalised(directed, how)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"graph\.symmetric\(\)"):
        clustering(directed)
    with pytest.raises(ValueError, match="one of row, sym, gcn, none"):
        normalised(directed, "col")  # type: ignore[arg-type]


def test_laplacians_are_positive_with_one_zero_a_component() -> None:
    relation = random_relation(1)
    plain = laplacian(relation, "plain").toarray()
    np.testing.assert_allclose(plain.sum(1), 0, atol=1e-5)
    values = np.linalg.eigvalsh(laplacian(relation).toarray())
    assert values.min() > -1e-6
    assert values.max() < 2 + 1e-6
    joined = relation.degree > 0
    parts = len(np.unique(components(relation)[joined]))
    assert (np.abs(values) < 1e-6).sum() == parts


@pytest.mark.parametrize("nodes", [40, 500])
def test_laplacian_vectors_are_the_smallest_that_are_not_zero(nodes: int) -> None:
    relation = random_relation(2, nodes, 3 * nodes)
    values, vectors = laplacian_vectors(relation, 3)
    every = np.linalg.eigvalsh(laplacian(relation).toarray())
    np.testing.assert_allclose(values, every[every > 1e-6][:3], atol=1e-5)
    np.testing.assert_allclose(
        laplacian(relation) @ vectors, values * vectors, atol=1e-5 * np.sqrt(nodes)
    )
    assert not vectors[relation.degree == 0].any()
    assert (vectors[np.abs(vectors).argmax(0), range(3)] > 0).all()
    with pytest.raises(ValueError, match="k=0"):
        laplacian_vectors(relation, 0)


@pytest.mark.parametrize("alpha", [0.15, 0.5])
def test_pagerank_from_seeds_equals_the_dense_solution(alpha: float) -> None:
    relation = directed_relation(3)
    step = dense(normalised(relation, "row"))
    sinks = step.sum(1) == 0
    assert sinks.any()
    found = ppr(relation, np.arange(30), 30, alpha, 1e-9).matrix().toarray()
    for seed in range(30):
        home = step.copy()
        home[sinks, seed] = 1
        expected = alpha * np.linalg.inv(np.eye(30) - (1 - alpha) * home)[seed]
        np.testing.assert_allclose(found[seed], expected, atol=1e-6)


def test_pagerank_keeps_the_k_largest_and_does_not_depend_on_threads() -> None:
    relation = random_relation(4, 200, 600)
    full = ppr(relation, np.arange(200), 200).matrix().toarray()
    have, few = numba.get_num_threads(), []
    for threads in (1, have):
        numba.set_num_threads(threads)
        few.append(ppr(relation, np.arange(200), 5))
    numba.set_num_threads(have)
    assert few[0].weights.tobytes() == few[-1].weights.tobytes()
    assert (few[0].degree <= 5).all()
    fifth = -np.sort(-full, 1)[:, 4]
    kept = few[0].matrix().toarray()
    assert (kept[full > fifth[:, None]] > 0).all()
    with pytest.raises(ValueError, match="alpha=0"):
        ppr(relation, np.arange(2), alpha=0)
    with pytest.raises(ValueError, match="seed 200"):
        ppr(relation, np.array([200]))


@pytest.mark.parametrize("seed", range(5))
def test_rewiring_keeps_every_degree_and_little_else(seed: int) -> None:
    relation = random_relation(seed, 60, 200)
    other = rewire(relation, seed)
    assert (other.degree == relation.degree).all()
    assert is_symmetric(other)
    assert not (other.row == other.indices).any()
    assert sorted(other.weights.tolist()) == sorted(relation.weights.tolist())
    shared = other.matrix().multiply(relation.matrix()).nnz
    assert shared < 0.4 * relation.edges
    again = rewire(relation, seed)
    assert again.indices.tolist() == other.indices.tolist()
    assert rewire(relation, seed + 1).indices.tolist() != other.indices.tolist()
    assert rewire(relation, seed, 0).indices.tolist() == relation.indices.tolist()


def test_rewiring_keeps_both_degrees_of_directed_and_crossing_relations() -> None:
    directed = directed_relation(1)
    rng = np.random.default_rng(0)
    met = Edges(rng.integers(0, 20, 80), rng.integers(0, 15, 80), time=np.arange(80))
    crossing, _ = relation_of(("user", "met", "item"), met, (20, 15))
    for relation in (directed, crossing):
        other = rewire(relation, 1)
        assert (other.degree == relation.degree).all()
        arriving = [np.bincount(r.indices, minlength=r.targets).tolist() for r in (other, relation)]
        assert arriving[0] == arriving[1]
        assert other.indices.tolist() != relation.indices.tolist()
    graph = Graph({"user": 20, "item": 15}, (crossing,)).with_reverses().rewire(1)
    assert (graph["met"].matrix() != graph["rev_met"].reverse().matrix()).nnz == 0
    turned = Graph(graph.sizes, (crossing.reverse(), crossing)).rewire(1)
    assert [relation.key[1] for relation in turned.relations] == ["rev_met", "met"]
    assert (turned["met"].matrix() != turned["rev_met"].reverse().matrix()).nnz == 0


def test_a_complete_graph_has_no_other_form() -> None:
    ends = np.array([(i, j) for i in range(5) for j in range(5) if i != j]).T
    relation, _ = relation_of(KEY, Edges(ends[0], ends[1]), (5, 5))
    assert (rewire(relation, 1).matrix() != relation.matrix()).nnz == 0


@pytest.mark.parametrize("seed", range(5))
def test_clustering_and_cores_are_those_of_the_definition(seed: int) -> None:
    relation = random_relation(seed, weights=False)
    matrix = dense(relation)
    count = matrix.sum(1)
    pairs = count * (count - 1)
    expected = np.diag(matrix @ matrix @ matrix) / np.where(pairs > 0, pairs, 1)
    np.testing.assert_allclose(clustering(relation), expected, atol=1e-12)
    assert degree(relation).tolist() == count.tolist()
    core = np.zeros(len(matrix))
    for k in range(1, int(count.max()) + 1):
        alive = np.ones(len(matrix), bool)
        while (drop := alive & (matrix[:, alive].sum(1) < k)).any():
            alive &= ~drop
        core[alive] = k
    assert core_number(relation).tolist() == core.tolist()


def test_components_are_numbered_from_the_largest() -> None:
    relation, _ = relation_of(KEY, Edges(np.array([5, 3, 0]), np.array([4, 4, 1])), (7, 7))
    assert components(relation).tolist() == [1, 1, 2, 0, 0, 0, 3]


def test_homophily_counts_linked_pairs_that_share_a_label() -> None:
    path = Edges(np.array([0, 1, 2, 3]), np.array([1, 2, 3, 4]))
    relation = symmetric(relation_of(KEY, path, (6, 6))[0])
    found = homophily(relation, NodeLabels.of(np.array([0, 0, 1, 1, -1, 0])))
    assert found.edge == pytest.approx(2 / 3)
    assert found.node == pytest.approx((1 + 0.5 + 0.5 + 1) / 4)
    assert found.chance == pytest.approx(0.5)
    assert (found.edges, found.unlabelled) == (6, 1)
    several = NodeLabels(
        np.array([0, 2, 3, 4, 5, 6, 6]),
        np.array([0, 1, 1, 0, 0, 0], np.int32),
        Vocab.of(["a", "b"]),
    )
    assert homophily(relation, several).edge == pytest.approx(3 / 4)
    with pytest.raises(ValueError, match="labels of 2 nodes"):
        homophily(relation, NodeLabels.of(np.array([0, 1])))
