"""Typed graphs as plain arrays."""

from __future__ import annotations

import numpy as np
import pytest

from polyrec.graph import Graph, Relation

BOUGHT = Relation(
    ("user", "bought", "item"),
    np.array([0, 2, 2, 3]),
    np.array([0, 3, 1], np.int32),
    targets=4,
    weight=np.array([1.0, 2.0, 3.0], np.float32),
    time=np.array([10, 30, 20]),
)


def test_a_relation_and_its_reverse_are_transposes() -> None:
    back = BOUGHT.reverse()
    assert back.key == ("item", "rev_bought", "user")
    assert (back.matrix().toarray() == BOUGHT.matrix().toarray().T).all()
    assert back.time is not None
    assert back.time.tolist() == [10, 20, 30]


def test_reversing_twice_gives_the_relation() -> None:
    again = BOUGHT.reverse().reverse()
    assert again.key == BOUGHT.key
    assert again.indices.tolist() == BOUGHT.indices.tolist()
    assert again.indptr.tolist() == BOUGHT.indptr.tolist()


def test_a_node_without_edges_has_an_empty_row() -> None:
    assert BOUGHT.degree.tolist() == [2, 0, 1]
    assert BOUGHT.row.tolist() == [0, 0, 2]


def test_sizes_that_do_not_meet_are_refused() -> None:
    with pytest.raises(ValueError, match="4 nodes of type 'item', the graph 5"):
        Graph({"user": 3, "item": 5}, (BOUGHT,))


def test_two_relations_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="2 relations are named 'r'"):
        Graph({"a": 1, "b": 1}, tuple(
            Relation(("a", "r", kind), np.zeros(2, np.int64), np.empty(0, np.int32), 1)
            for kind in "ab"
        ))  # fmt: skip


def test_an_unknown_relation_names_the_nearest() -> None:
    graph = Graph({"user": 3, "item": 4}, (BOUGHT,)).with_reverses()
    assert [r.key[1] for r in graph.relations] == ["bought", "rev_bought"]
    with pytest.raises(KeyError, match="bought"):
        graph["brought"]
