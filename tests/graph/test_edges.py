"""From edge lists to relations: what is refused, merged, dropped and counted."""

from __future__ import annotations

import numpy as np
import pytest

from polyrec.graph import Edges, Graph, before, extended, flat, relation_of, strongest, symmetric

KEY = ("item", "then", "item")
CROSS = ("user", "met", "item")
SOURCE = np.array([2, 0, 0, 1, 0])
TARGET = np.array([0, 1, 1, 1, 2])


def edges(weight: object = None, time: object = None) -> Edges:
    return Edges(
        SOURCE,
        TARGET,
        None if weight is None else np.array(weight, np.float32),
        None if time is None else np.array(time),
    )


def test_equal_edges_are_summed_and_loops_dropped_and_both_counted() -> None:
    relation, report = relation_of(KEY, edges([1, 2, 3, 4, 5], [9, 8, 7, 6, 5]), (4, 4))
    assert relation.indptr.tolist() == [0, 2, 2, 3, 3]
    assert relation.indices.tolist() == [1, 2, 0]
    assert relation.weights.tolist() == [5, 5, 1]
    assert relation.time is not None
    assert relation.time.tolist() == [8, 5, 9]
    assert (report.edges, report.merged) == (3, 1)
    assert report.dropped == {"loops from a node to itself": 1}
    assert report.isolated == {"item": 1}
    assert report.time == (5, 9)
    assert report.few == 1
    assert report.out_degree["max"] == 2
    assert any("1 equal ones" in line for line in report.lines())


def test_the_latest_of_equal_edges_is_kept_when_asked() -> None:
    late, _ = relation_of(KEY, edges([1, 2, 3, 4, 5], [0, 8, 7, 0, 0]), (4, 4), "last")
    assert late.weights[0] == 2
    in_order, _ = relation_of(KEY, edges([1, 2, 3, 4, 5]), (4, 4), "last")
    assert in_order.weights[0] == 3


def test_edges_without_weights_stay_without() -> None:
    relation, _ = relation_of(KEY, edges(), (3, 3))
    assert relation.weight is None
    assert relation.weights.tolist() == [1, 1, 1]


def test_loops_are_kept_when_asked_and_mean_nothing_between_two_types() -> None:
    kept, report = relation_of(KEY, edges(), (3, 3), loops="keep")
    assert (kept.edges, report.dropped) == (4, {})
    assert relation_of(CROSS, edges(), (3, 3))[0].edges == 4


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"target": np.array([0, 1, 3, 1, 2])}, r"row 2: target 3 .*allowed are ids 0\.\.2"),
        ({"source": np.array([2, -1, 0, 1, 0])}, r"row 1: source -1"),
        ({"source": np.array([2.0, 0, 0, 1, 0])}, "source ids are float64; integers are needed"),
        ({"weight": np.array([1, 1, np.nan, 1, 1])}, "row 2: weight nan .*finite weights"),
        ({"weight": np.array([1, -2, 1, 1, 1])}, "row 1: weight -2"),
        ({"weight": np.array([1, np.inf, 1, 1, 1])}, "row 1: weight inf"),
        ({"weight": np.array([1, 1, 1e39, 1, 1])}, r"row 2: weight 1e\+39 .*float32"),
        ({"weight": np.full(5, 3e38)}, r"summed weight 6e\+38 .*float32"),
        ({"kind": np.array([1, 1, 1, 70_000, 1])}, "row 3: kind 70000"),
        ({"weight": np.array([1, 1.0])}, "2 rows of weight, 5 of source"),
    ],
)
def test_bad_edges_are_refused_with_the_first_row(change: dict[str, object], says: str) -> None:
    columns = {"source": SOURCE, "target": TARGET} | change
    with pytest.raises(ValueError, match=says):
        relation_of(KEY, Edges(**columns), (3, 3))  # type: ignore[arg-type]


def test_a_node_whose_edges_all_weigh_nothing_is_named_with_the_remedy() -> None:
    with pytest.raises(ValueError, match=r"node 2 weigh 0.*weight=None"):
        relation_of(KEY, edges([0, 1, 0, 1, 1]), (3, 3))


def test_more_nodes_than_an_id_can_name_are_refused_before_anything_is_made() -> None:
    one = Edges(np.array([0]), np.array([2**31 + 5]))
    with pytest.raises(ValueError, match=r"at most 2,147,483,647 of a type"):
        relation_of(CROSS, one, (1, 2**31 + 10))


def test_ids_without_a_sign_are_ids() -> None:
    one = Edges(SOURCE.astype(np.uint64), TARGET.astype(np.uint64))
    signed = relation_of(KEY, Edges(SOURCE, TARGET), (3, 3))[0]
    assert relation_of(KEY, one, (3, 3))[0].indices.tolist() == signed.indices.tolist()


def test_no_edges_make_an_empty_relation() -> None:
    none = np.empty(0, np.int64)
    relation, report = relation_of(KEY, Edges(none, none, np.empty(0), none), (3, 3))
    assert relation.degree.tolist() == [0, 0, 0]
    assert report.isolated == {"item": 3}


def test_the_undirected_form_has_both_ways_with_the_heavier_weight() -> None:
    one = Edges(
        np.array([0, 1, 1]), np.array([1, 0, 2]), np.array([2.0, 3, 4]), np.array([5, 1, 9])
    )
    made = symmetric(relation_of(KEY, one, (3, 3))[0])
    assert (made.matrix().toarray() == [[0, 3, 0], [3, 0, 4], [0, 4, 0]]).all()
    assert made.time is not None
    assert made.time.tolist() == [5, 5, 9, 9]
    assert symmetric(made) is made
    with pytest.raises(ValueError, match="with_reverses"):
        symmetric(relation_of(CROSS, one, (3, 3))[0])


def test_an_opposite_of_weight_zero_does_not_stop_the_undirected_form() -> None:
    one = Edges(np.array([0, 1, 1, 2]), np.array([1, 0, 2, 1]), np.array([1.0, 0, 1, 1]))
    made = symmetric(relation_of(KEY, one, (3, 3))[0])
    assert (made.matrix().toarray() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]).all()


def test_a_cut_leaves_only_edges_before_it() -> None:
    relation, _ = relation_of(KEY, edges(time=[1, 2, 3, 4, 5]), (3, 3))
    early = before(relation, 3)
    assert early.time is not None
    assert early.time.tolist() == [1]  # of the merged edge the last event counts
    assert Graph({"item": 3}, (relation,)).before(6).only.edges == 3
    with pytest.raises(ValueError, match="until="):
        before(relation_of(KEY, edges(), (3, 3))[0], 3)


def test_edges_in_order_of_time_are_at_hand() -> None:
    relation, _ = relation_of(CROSS, edges(time=[1, 9, 9, 4, 5]), (3, 3))
    assert relation.time is not None
    assert relation.time[relation.by_time].tolist() == [5, 9, 4, 1]


def test_new_nodes_are_added_and_old_ids_stay() -> None:
    relation, _ = relation_of(CROSS, edges(), (3, 3))
    graph = Graph({"user": 3, "item": 3}, (relation,)).with_reverses()
    more = {"met": Edges(np.array([3, 3]), np.array([0, 4]))}
    grown, reports = extended(graph, {"user": 4, "item": 5}, more)
    assert (grown["met"].matrix().toarray()[:3, :3] == relation.matrix().toarray()).all()
    assert grown["met"].matrix().toarray()[3].tolist() == [1, 0, 0, 0, 1]
    assert (grown["rev_met"].matrix() != grown["met"].reverse().matrix()).nnz == 0
    assert reports["met"].edges == 6
    with pytest.raises(ValueError, match="only added"):
        extended(graph, {"user": 2}, {})
    with pytest.raises(KeyError, match="no node type"):
        extended(graph, {"shop": 2}, {})


def test_a_graph_of_two_types_flattens_into_one() -> None:
    relation, _ = relation_of(CROSS, edges(), (3, 3))
    one = flat(Graph({"user": 3, "item": 3}, (relation,)))
    block = relation.matrix().toarray()
    assert one.start == {"user": 0, "item": 3}
    assert (one.relation.matrix().toarray()[:3, 3:] == block).all()
    assert (one.relation.matrix().toarray()[3:, :3] == block.T).all()


def test_the_heaviest_edges_of_each_row_are_kept_lower_ids_first() -> None:
    wide = Edges(np.zeros(4, int), np.arange(4), np.array([1.0, 3, 1, 3]))
    assert strongest(relation_of(CROSS, wide, (1, 4))[0], 3).indices.tolist() == [0, 1, 3]
    with pytest.raises(ValueError, match="k=0"):
        strongest(relation_of(CROSS, wide, (1, 4))[0], 0)
