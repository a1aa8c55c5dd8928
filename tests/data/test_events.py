"""A log becomes sorted columns; nothing is lost on the way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyrec.data import Dense, Log, Source, build, tables

ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xyzw"), st.integers(0, 5)), max_size=40
)


def log_of(rows: list[tuple[str, str, int]], clock: bool = True) -> Log:
    actor, target, time = (
        (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    )
    return Log(
        np.array(actor, object),
        np.array(target, object),
        np.array(time, np.int64) if clock else None,
        extra={"row": np.arange(len(rows))},
    )


@given(ROWS)
def test_events_are_sorted_by_actor_time_and_place(rows: list[tuple[str, str, int]]) -> None:
    made = build(log_of(rows), Source())
    first = {actor: i for i, actor in reversed(list(enumerate(a for a, _, _ in rows)))}
    wanted = sorted(range(len(rows)), key=lambda i: (first[rows[i][0]], rows[i][2], i))
    assert made.events.extra["row"].tolist() == wanted
    keys = [
        (made.vocabs["actor"].key(a), made.vocabs["target"].key(t), int(s))
        for a, t, s in zip(made.events.actor, made.events.target, made.events.time, strict=True)
    ]
    assert keys == [rows[i] for i in wanted]


@given(ROWS)
def test_start_bounds_each_actors_events(rows: list[tuple[str, str, int]]) -> None:
    events = build(log_of(rows), Source()).events
    assert events.start[0] == events.start[1] == 0
    assert events.start[-1] == len(events)
    for actor in range(1, events.actors + 1):
        assert (events.actor[events.start[actor] : events.start[actor + 1]] == actor).all()


def test_a_log_without_clock_keeps_the_order_of_the_file() -> None:
    made = build(log_of([("b", "x", 9), ("a", "y", 3), ("b", "z", 1)], clock=False), Source())
    assert not made.events.clock
    assert made.events.time.tolist() == [0, 2, 1]


@given(ROWS, st.data())
def test_a_subset_keeps_ids_and_shares_nothing(
    rows: list[tuple[str, str, int]], data: st.DataObject
) -> None:
    events = build(log_of(rows), Source()).events
    keep = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), bool
    )
    part = events.subset(keep)
    assert part.extra["row"].tolist() == events.extra["row"][keep].tolist()
    assert (
        np.diff(part.start).tolist()
        == np.bincount(events.actor[keep], minlength=events.actors + 1).tolist()
    )
    assert not any(np.shares_memory(part.columns[c], events.columns[c]) for c in events.columns)


def test_equal_data_have_equal_hashes_and_other_data_another() -> None:
    rows = [("a", "x", 1), ("b", "y", 2)]
    assert build(log_of(rows), Source("one")).hash == build(log_of(rows), Source("two")).hash
    assert (
        build(log_of(rows), Source()).hash != build(log_of([*rows, ("b", "x", 2)]), Source()).hash
    )


def test_the_order_of_rows_is_invisible_where_times_differ() -> None:
    actor, target, time = np.array(["a", "b", "a"]), np.array(["x", "y", "y"]), np.array([3, 1, 2])
    made = [
        build(Log(actor[p], target[p], time[p]), Source(), actors="frequency").hash
        for p in ([0, 1, 2], [2, 1, 0], [1, 0, 2])
    ]
    assert len(set(made)) == 1


def test_rows_of_a_table_without_events_become_cold_ids() -> None:
    table = tables.build(np.array(["new", "x"]), {"p": Dense.of(np.array([1.0, 2.0]))})
    made = build(log_of([("a", "x", 1), ("a", "y", 2)]), Source(), tables={"target": table})
    assert made.vocabs["target"].keys([1, 2, 3]) == ["x", "y", "new"]
    assert made.tables["target"].columns["p"].values.tolist() == [0.0, 2.0, 0.0, 1.0]
    assert made.source.notes == (
        "1 rows of the target table have no event: kept, cold",
        "1 targets have no row in the table: empty features (id 0)",
    )


def test_shifted_ids_are_noted() -> None:
    made = build(Log(np.array([5]), np.array([0])), Source(), order="given")
    assert made.source.notes == ("target ids start at 0 in the file: all moved up by 1",)


def test_the_item_count_comes_from_the_vocabulary_not_from_the_data() -> None:
    made = build(Log(np.array([1, 1]), np.array([1, 7])), Source(), order="given")
    assert made.items == 7


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="time has 1 rows, the actor column 2"):
        build(Log(np.array([1, 2]), np.array([1, 2]), np.array([1])), Source())


def test_a_kind_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"kinds 0\.\.3 for 1 names"):
        build(Log(np.array([1, 2]), np.array([1, 2]), kind=np.array([0, 3])), Source())
