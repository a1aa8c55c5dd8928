"""Walks over typed graphs: where they start, which types they pass, what they refuse."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from polyrec.graph import (
    DeepWalks,
    Graph,
    MetapathWalks,
    Node2VecWalks,
    Relation,
    isolated,
    offsets,
)
from polyrec.requests import Ragged

EDGE = ("node", "edge", "node")


def relation(rows: list[list[int]], targets: int, key=EDGE, weight=None) -> Relation:
    lengths = [len(row) for row in rows]
    indices = np.array([x for row in rows for x in row], np.int32)
    held = None if weight is None else np.array(weight, np.float32)
    return Relation(key, np.concatenate([[0], np.cumsum(lengths)]), indices, targets, held)


def ring(size: int = 6, weight=None) -> Graph:
    rows = [sorted({(i - 1) % size, (i + 1) % size}) for i in range(size)]
    return Graph({"node": size}, (relation(rows, size, weight=weight),))


def shop() -> Graph:
    """Three people, four items; item 3 was bought by nobody, person 2 bought nothing."""
    bought = relation([[0, 1], [1, 2], []], 4, ("user", "bought", "item"))
    return Graph({"item": 4, "user": 3}, (bought,)).with_reverses()


def lists(found: Ragged) -> list[list[int]]:
    values, start = found.values.tolist(), found.start.tolist()
    return [values[a:b] for a, b in pairwise(start)]


PLANS = [DeepWalks(3, 5), Node2VecWalks(0.5, 2.0, 3, 5), Node2VecWalks(4, 4, 3, 5, ties="strong")]


@pytest.mark.parametrize("plan", PLANS, ids=repr)
def test_every_node_starts_a_walk_in_each_pass_and_steps_follow_edges(plan) -> None:
    found = lists(plan(ring(), 1))
    assert len(found) == 18
    for k in range(3):
        assert sorted(walk[0] for walk in found[6 * k : 6 * k + 6]) == list(range(6))
    for walk in found:
        assert len(walk) == 5
        assert all((b - a) % 6 in (1, 5) for a, b in pairwise(walk))


@pytest.mark.parametrize("plan", PLANS, ids=repr)
def test_the_same_seed_gives_the_same_walks_and_another_others(plan) -> None:
    first, again, other = (plan(ring(), seed).values.tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_passes_start_in_orders_of_their_own() -> None:
    found = lists(DeepWalks(4, 2)(ring(40), 1))
    orders = {tuple(walk[0] for walk in found[40 * k : 40 * k + 40]) for k in range(4)}
    assert len(orders) == 4


def test_an_isolated_node_walks_alone_and_is_listed() -> None:
    graph = Graph({"node": 3}, (relation([[1], [0], []], 3),))
    assert [2] in lists(DeepWalks(1, 4)(graph, 0))
    assert isolated(graph.only).tolist() == [2]


def test_an_edge_of_weight_zero_is_never_walked_unless_weights_are_left_out() -> None:
    graph = ring(4, weight=[1, 0, 1, 1, 1, 1, 0, 1])
    walked = {(w[0], w[1]) for w in lists(DeepWalks(60, 2)(graph, 0))}
    assert not walked & {(0, 3), (3, 0)}
    plain = {(w[0], w[1]) for w in lists(DeepWalks(60, 2, weights="uniform")(graph, 0))}
    assert {(0, 3), (3, 0)} <= plain


def test_a_high_p_on_a_ring_never_turns_back_and_a_low_one_mostly_does() -> None:
    def back(p: float) -> float:
        walks = lists(Node2VecWalks(p, 1.0, 20, 30)(ring(30), 1))
        turns = [w[i] == w[i + 2] for w in walks for i in range(len(w) - 2)]
        return float(np.mean(turns))

    assert back(1e6) == 0
    assert back(0.25) == pytest.approx(4 / 5, abs=0.02)


def test_a_metapath_passes_the_types_in_turn_and_ends_where_no_edge_leads() -> None:
    graph = shop()
    at = offsets(graph)
    assert at == {"item": 0, "user": 4}
    found = lists(MetapathWalks(("bought", "rev_bought"), 50, 6)(graph, 1))
    assert [6] in found  # the person who bought nothing
    for walk in found:
        assert all((node >= 4) == (step % 2 == 0) for step, node in enumerate(walk))
        for user, item in zip(walk[::2], walk[1::2], strict=False):
            assert item in {4: (0, 1), 5: (1, 2)}[user]
    third = [w[2] for w in found if len(w) > 2 and w[0] == 4]
    assert np.mean([user == 5 for user in third]) == pytest.approx(0.25, abs=0.12)


@pytest.mark.parametrize(
    ("path", "told"),
    [(("bought", "bought"), "from 'item' lead: rev_bought"), (("bought",), "ends at 'item'")],
)
def test_a_metapath_that_does_not_join_lists_what_would(path: tuple[str, ...], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        MetapathWalks(path)(shop(), 0)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: DeepWalks(0, 5), "count=0"),
        (lambda: DeepWalks(1, 1), "length=1"),
        (lambda: Node2VecWalks(0.0), "p=0.0"),
        (lambda: Node2VecWalks(1.0, -2.0), "q=-2.0"),
        (lambda: Node2VecWalks(float("nan")), "p=nan"),
        (lambda: MetapathWalks(()), "at least one relation"),
        (lambda: DeepWalks(1, 2)(ring(4, weight=[0, 0, *[1] * 6]), 0), "node 0 weigh 0"),
        (lambda: DeepWalks(1, 2)(ring(4, weight=[1, 1, -1, *[1] * 5]), 0), "row 1 has weight -1"),
        (lambda: DeepWalks(1, 2)(ring(4, weight=[np.nan, *[1] * 7]), 0), "row 0 has weight nan"),
        (lambda: DeepWalks(10**6, 100, budget_mb=10)(ring(), 0), "the budget is 10 MB"),
        (lambda: DeepWalks(1, 2)(Graph({"node": 2}, (relation([[1], [7]], 2),)), 0), "0 to 1"),
    ],
)
def test_bad_input_is_refused_with_the_remedy(make, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make()


def test_the_budget_counts_bits_of_neighbours_only_where_they_are_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = [[j for j in range(40) if j != i] for i in range(40)]
    whole = Graph({"node": 40}, (relation(others, 40),))
    monkeypatch.setattr(DeepWalks, "budget_mb", 0)
    with pytest.raises(ValueError, match="40 walks of 2 nodes and 0 MB of neighbours as bits"):
        Node2VecWalks(count=1, length=2)(whole, 0)
    with pytest.raises(ValueError, match="40 walks of 2 nodes take up to 0 MB \\(640 bytes\\)"):
        DeepWalks(1, 2, budget_mb=0)(whole, 0)


def test_a_relation_between_types_is_sent_to_metapaths() -> None:
    graph = shop()
    one = replace(graph, relations=graph.relations[:1])
    with pytest.raises(ValueError, match="MetapathWalks"):
        DeepWalks()(one, 0)
