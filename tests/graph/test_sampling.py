"""Neighbours by chance: the right edges, with the right chances, in any order of work."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import random as random_matrix
from scipy.stats import chisquare

from polyrec.graph import Graph, Relation
from polyrec.graph.sampling import NeighbourSampler, Sample, Seeds
from polyrec.kernels.graphs.neighbours import HOWS, numbered, numbered_pairs

HOUR = 3_600_000


def timed(users: int = 60, items: int = 50, share: float = 0.2, seed: int = 0) -> Graph:
    """Users and items; weights 1 to 9, a time an edge; each reads the other."""
    matrix = random_matrix(users, items, share, "csr", random_state=seed)
    matrix.sort_indices()
    draw = np.random.default_rng(seed)
    bought = Relation(
        ("user", "bought", "item"), matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int32), items,
        weight=draw.integers(1, 10, matrix.nnz).astype(np.float32),
        time=draw.integers(0, 1_000, matrix.nnz) * HOUR,
    )  # fmt: skip
    return Graph({"user": users, "item": items}, (bought,)).with_reverses()


def star(weights: list[float], copies: int = 1) -> Graph:
    """The first `copies` nodes read the same others, with these weights."""
    arms = len(weights)
    start = np.concatenate([np.arange(copies + 1) * arms, np.full(arms, copies * arms)])
    relation = Relation(
        ("n", "r", "n"), start, np.tile(np.arange(arms) + copies, copies).astype(np.int32),
        copies + arms, weight=np.tile(weights, copies).astype(np.float32),
    )  # fmt: skip
    return Graph({"n": copies + arms}, (relation,))


def users(*ids: int) -> Seeds:
    return Seeds("user", np.array(ids))


def drawn(weights: list[float], how: str, fanout: int, times: int) -> Counter[tuple[int, ...]]:
    """How often each set of neighbours (1, 2, ...) came, each node drawing for itself."""
    graph = star(weights, times)
    sample = NeighbourSampler(graph, (fanout,), how).sample(Seeds("n", np.arange(times)), 5)
    block = sample.hops[0][0]
    found = sample.nodes["n"][block.other] - times + 1
    parts = np.split(found, block.start[1:-1])
    return Counter(tuple(sorted(part.tolist())) for part in parts)


@pytest.mark.parametrize("how", HOWS)
def test_every_sampled_edge_is_an_edge_of_its_row(how: str) -> None:
    graph = timed()
    sample = NeighbourSampler(graph, (4, 3), how).sample(users(3, 1, 20), seed=1)
    for hop in sample.hops:
        for block in hop:
            relation = graph[block.key[1]]
            row = np.repeat(np.arange(len(block.start) - 1), np.diff(block.start))
            assert (relation.row[block.place] == sample.nodes[block.key[0]][row]).all()
            assert (relation.indices[block.place] == sample.nodes[block.key[2]][block.other]).all()


@pytest.mark.parametrize("how", ["uniform", "weighted", "latest", "topk"])
def test_without_replacement_a_row_gives_what_it_has_once(how: str) -> None:
    graph = timed()
    sample = NeighbourSampler(graph, (8,), how).sample(Seeds("user", np.arange(60)), seed=1)
    block = sample.hops[0][0]
    degree = graph["bought"].degree[sample.nodes["user"][: len(block.start) - 1]]
    assert (np.diff(block.start) == np.minimum(degree, 8)).all()
    assert len(np.unique(block.place)) == len(block.place)


def test_a_wide_fanout_takes_every_edge() -> None:
    graph = timed()
    sample = NeighbourSampler(graph, (100,)).sample(Seeds("user", np.arange(60)), seed=1)
    assert sorted(sample.hops[0][0].place.tolist()) == list(range(graph["bought"].edges))


def test_nodes_are_numbered_by_first_appearance_seeds_first() -> None:
    sample = NeighbourSampler(timed(), (5, 5)).sample(users(7, 2, 40), seed=3)
    assert sample.nodes["user"][:3].tolist() == [7, 2, 40]
    assert sample.sizes[0] == {"user": 3, "item": 0}
    first = sample.hops[0][0].other
    assert first[np.sort(np.unique(first, return_index=True)[1])].tolist() == list(
        range(sample.sizes[1]["item"])
    )
    for ids in sample.nodes.values():
        assert len(np.unique(ids)) == len(ids)


@pytest.mark.parametrize(("size", "count"), [(6, 2), (6, 4), (12, 11)])
def test_every_set_of_neighbours_is_equally_likely(size: int, count: int) -> None:
    found = drawn([1.0] * size, "uniform", count, 3_000)
    sets = list(combinations(range(1, size + 1), count))
    assert set(found) <= set(sets)
    assert chisquare([found[s] for s in sets]).pvalue > 1e-4


def test_many_of_few_are_equally_likely_too() -> None:
    """The one-pass draw: 40 of 60 neighbours."""
    found = drawn([1.0] * 60, "uniform", 40, 1_500)
    counts = Counter(node for nodes, times in found.items() for node in nodes * times)
    each = np.array([counts[node] for node in range(1, 61)])
    assert each.sum() == 40 * 1_500
    # draws of a set are negatively correlated: a chi-square of marginals is too lenient by (n-1)/n
    assert abs(each - 1_000).max() < 5 * np.sqrt(1_500 * (2 / 3) * (1 / 3))


def test_weighted_draws_without_replacement_follow_their_weights() -> None:
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    found = drawn(weights.tolist(), "weighted", 2, 4_000)
    share = weights / weights.sum()
    chance = {
        (a + 1, b + 1): share[a] * share[b] / (1 - share[a]) + share[b] * share[a] / (1 - share[b])
        for a, b in combinations(range(4), 2)
    }
    wanted = [4_000 * chance[s] for s in sorted(chance)]
    assert chisquare([found[s] for s in sorted(chance)], wanted).pvalue > 1e-4


def test_weighted_draws_with_replacement_follow_their_weights() -> None:
    found = drawn([1.0, 0.0, 3.0], "weighted_again", 1, 4_000)
    assert (2,) not in found
    assert chisquare([found[(1,)], found[(3,)]], [1_000, 3_000]).pvalue > 1e-4


def test_an_edge_of_weight_0_is_never_drawn() -> None:
    assert set(drawn([1.0, 0.0, 0.0], "weighted", 3, 50)) == {(1,)}


def test_topk_takes_the_heaviest_and_earlier_ones_among_equals() -> None:
    assert set(drawn([1.0, 5.0, 5.0, 5.0, 2.0], "topk", 2, 3)) == {(2, 3)}


def test_latest_takes_the_last_edges_before_the_time() -> None:
    graph = timed()
    bought = graph["bought"]
    cut = 500 * HOUR
    sampler = NeighbourSampler(graph, (3,), "latest")
    sample = sampler.sample(Seeds("user", np.array([5]), np.array([cut])), seed=0)
    at = np.arange(bought.indptr[5], bought.indptr[6])
    wanted = sorted(t for t in bought.time[at] if t < cut)[-3:]
    assert bought.time[sample.hops[0][0].place].tolist() == wanted


def test_no_edge_of_the_future_is_seen_in_a_million_draws() -> None:
    graph = timed(1_000, 300, 0.3)
    draw, seen = np.random.default_rng(0), 0
    sampler = NeighbourSampler(graph, (20, 20))
    for seed in range(5):
        seeds = Seeds("user", np.arange(1_000), draw.integers(0, 1_000, 1_000) * HOUR)
        sample = sampler.sample(seeds, seed)
        for hop in sample.hops:
            for block in hop:
                rows = np.repeat(np.arange(len(block.start) - 1), np.diff(block.start))
                cut = seeds.time[sample.root[block.key[0]][rows]]
                assert (graph[block.key[1]].time[block.place] < cut).all()
        seen += sample.edges
    assert seen > 1_000_000


def test_a_root_keeps_its_own_copy_of_what_it_reaches() -> None:
    graph = timed()
    seeds = Seeds("user", np.array([4, 4]), np.array([900, 200]) * HOUR)
    sample = NeighbourSampler(graph, (50, 50)).sample(seeds, seed=0)
    for block in sample.hops[1]:
        rows = np.repeat(np.arange(len(block.start) - 1), np.diff(block.start))
        root = sample.root[block.key[0]][rows]
        assert (root == sample.root[block.key[2]][block.other]).all()


def as_bytes(sample: Sample) -> list[bytes]:
    arrays = [a for hop in sample.hops for b in hop for a in (b.start, b.other, b.place)]
    return [array.tobytes() for array in (*arrays, *sample.nodes.values())]


@pytest.mark.parametrize("how", HOWS)
def test_bytes_do_not_depend_on_threads(how: str) -> None:
    sampler, found = NeighbourSampler(timed(300, 200), (6, 4), how), []
    before = numba.get_num_threads()
    for threads in (1, 2):
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        found.append(as_bytes(sampler.sample(Seeds("user", np.arange(200)), 1, 2, 3)))
    numba.set_num_threads(before)
    assert found[0] == found[1]


def test_chance_follows_seed_epoch_and_step() -> None:
    sampler = NeighbourSampler(timed(), (3,))
    places = [
        tuple(sampler.sample(Seeds("user", np.arange(60)), *key).hops[0][0].place)
        for key in ((0, 0, 0), (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
    ]
    assert places[0] == places[1]
    assert len(set(places)) == 4


def test_a_node_draws_the_same_whoever_is_asked_beside_it() -> None:
    sampler = NeighbourSampler(timed(), (3,))
    alone, beside = (sampler.sample(users(*ids), 1).hops[0][0] for ids in ((9,), (9, 30, 2)))
    assert alone.place.tolist() == beside.place[: beside.start[1]].tolist()


def test_a_relation_may_have_its_own_fanouts() -> None:
    sampler = NeighbourSampler(timed(), (3, 3), of_relation={"rev_bought": (0, 1)})
    sample = sampler.sample(users(1, 2), 0)
    assert [block.key[1] for block in sample.hops[0]] == ["bought"]
    assert max(np.diff(sample.hops[1][1].start)) <= 1


def test_a_lonely_seed_has_a_block_of_every_relation_in_every_hop() -> None:
    bought = Relation(("user", "bought", "item"), np.zeros(3, np.int64), np.empty(0, np.int32), 4)
    graph = Graph({"user": 2, "item": 4}, (bought,)).with_reverses()
    sample = NeighbourSampler(graph, (3, 3)).sample(users(1), 0)
    assert [[block.key[1] for block in hop] for hop in sample.hops] == [
        ["bought", "rev_bought"]
    ] * 2
    assert [len(block.start) - 1 for block in sample.hops[1]] == [1, 0]
    assert sample.edges == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 30)), st.lists(st.integers(0, 30), unique=True))
def test_both_ways_of_numbering_agree(found: list[int], known: list[int]) -> None:
    arrays = np.array(known, np.int64), np.array(found, np.int64)
    by_stamp, by_table = numbered(*arrays, 31), numbered_pairs(*arrays)
    assert by_stamp[0].tolist() == by_table[0].tolist()
    assert by_stamp[1].tolist() == by_table[1].tolist()


@pytest.mark.parametrize(("given", "said"), [
    (lambda g: NeighbourSampler(g, ()), "one a hop"),
    (lambda g: NeighbourSampler(g, (3, 0)), "at least 1"),
    (lambda g: NeighbourSampler(g, (3,), "best"), "there are uniform"),
    (lambda g: NeighbourSampler(g, (3,)).sample(users(60), 0), r"in 0\.\.59"),
    (lambda g: NeighbourSampler(g, (3,)).sample(users(1, 1), 0), "distinct"),
    (lambda g: NeighbourSampler(g, (3,)).sample(Seeds("shop", np.array([0])), 0), "user, item"),
    (lambda g: NeighbourSampler(g, (3,)).sample(Seeds("user", np.array([1.5])), 0), "float64"),
    (lambda g: NeighbourSampler(g, (3,)).sample(Seeds("user", np.arange(2), np.arange(1)), 0),
     "1 times for 2 seeds"),
    (lambda g: NeighbourSampler(g, (3,)).sample(Seeds("user", np.arange(1), np.arange(3)), 0),
     "3 times for 1 seeds"),
    (lambda g: NeighbourSampler(star([0.0, 0.0]), (1,), "weighted"), "node 0 are zero"),
    (lambda g: NeighbourSampler(star([float("nan")]), (1,)), "weight nan"),
    (lambda g: NeighbourSampler(star([1.0]), (1,), "latest"), "has none"),
])  # fmt: skip
def test_bad_input_is_refused_with_what_is_allowed(given, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        given(timed())
