"""Filters leave what their definition leaves, and every step is counted."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyrec.data import Dataset, Dense, Filters, Log, Source, build, filters, tables

Make = Callable[..., Dataset]
PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=60)


def log_of(pairs: list[tuple[int, int]]) -> Dataset:
    actor = np.array([f"u{a}" for a, _ in pairs])
    target = np.array([f"i{t}" for _, t in pairs])
    return build(Log(actor, target, np.arange(len(pairs))), Source())


def pairs_of(dataset: Dataset) -> list[tuple[int, int]]:
    """(user, item) numbers of the events, in order of time."""
    events = dataset.events
    order = np.argsort(events.time, kind="stable")
    actors = dataset.vocabs["actor"].keys(events.actor[order])
    targets = dataset.vocabs["target"].keys(events.target[order])
    return [(int(a[1:]), int(t[1:])) for a, t in zip(actors, targets, strict=True)]


@given(PAIRS, st.integers(2, 4))
def test_k_core_equals_brute_force(pairs: list[tuple[int, int]], k: int) -> None:
    left = pairs
    while True:
        users, items = Counter(a for a, _ in left), Counter(t for _, t in left)
        kept = [(a, t) for a, t in left if users[a] >= k and items[t] >= k]
        if kept == left:
            break
        left = kept
    if not left:
        with pytest.raises(
            ValueError, match=rf"k_core={k} leaves nothing; events by round: {len(pairs)}"
        ):
            filters.k_core(log_of(pairs), k)
        return
    assert pairs_of(filters.k_core(log_of(pairs), k)) == left


@given(PAIRS, st.integers(1, 3), st.integers(1, 3))
def test_min_count_is_one_pass_items_first(
    pairs: list[tuple[int, int]], users: int, items: int
) -> None:
    often = Counter(t for _, t in pairs)
    left = [(a, t) for a, t in pairs if often[t] >= items]
    active = Counter(a for a, _ in left)
    left = [(a, t) for a, t in left if active[a] >= users]
    assert pairs_of(filters.min_count(log_of(pairs), users, items)) == left


def test_min_count_is_no_k_core() -> None:
    # item 1 stands on user b, who leaves after item 2 left: one pass keeps it below the bound
    pairs = [(0, 0), (0, 0), (0, 1), (1, 1), (1, 2)]
    assert pairs_of(filters.min_count(log_of(pairs), 2, 2)) == [(0, 0), (0, 0), (0, 1)]
    assert pairs_of(filters.k_core(log_of(pairs), 2)) == [(0, 0), (0, 0)]


def test_min_count_numbers_items_by_counts_before_users_leave() -> None:
    pairs = [(0, 0), (0, 0), (1, 1), (2, 1), (3, 1), (0, 1)]
    done = filters.min_count(log_of(pairs), 3, 2)
    assert done.vocabs["target"].keys([1, 2]) == ["i1", "i0"]
    assert done.events.counts(2).tolist() == [0, 1, 2]


@given(PAIRS)
def test_repeats_are_kept_as_the_policy_says(pairs: list[tuple[int, int]]) -> None:
    dataset = log_of(pairs)
    first = [p for i, p in enumerate(pairs) if p not in pairs[:i]]
    last = [p for i, p in enumerate(pairs) if p not in pairs[i + 1 :]]
    assert pairs_of(filters.dedup(dataset, "first")) == first
    assert pairs_of(filters.dedup(dataset, "last")) == last
    assert filters.dedup(dataset, "all") is dataset


def test_consecutive_repeats_collapse_inside_an_actor_only() -> None:
    pairs = [(0, 1), (0, 1), (0, 2), (0, 1), (1, 1), (1, 1)]
    kept = pairs_of(filters.dedup(log_of(pairs), "consecutive"))
    assert kept == [(0, 1), (0, 2), (0, 1), (1, 1)]


def test_exact_repeats_agree_in_time_and_kind() -> None:
    log = Log(
        np.array(["a"] * 5),
        np.array(["x", "y", "x", "x", "x"]),
        np.array([1, 1, 1, 1, 2]),
        np.array([0, 0, 0, 1, 0]),
        ("view", "buy"),
    )
    done = filters.dedup(build(log, Source()), "exact")
    assert done.vocabs["target"].keys(done.events.target) == ["x", "y", "x", "x"]
    assert done.events.kind.tolist() == [0, 0, 1, 0]


def test_kinds_keep_what_was_asked(make: Make) -> None:
    done = filters.kinds(make(), ("buy",))
    assert set(done.events.kind.tolist()) == {1}
    assert 0 < len(done.events) < len(make().events)


def test_an_unknown_kind_names_the_nearest(make: Make) -> None:
    with pytest.raises(KeyError, match="did you mean buy"):
        filters.kinds(make(), ("buys",))


@pytest.mark.parametrize(
    ("rule", "left"), [("rating>=4", {4, 5}), ("rating == 2", {2}), ("rating<2", {1})]
)
def test_positives_turn_ratings_into_events(make: Make, rule: str, left: set[int]) -> None:
    assert set(filters.positives(make(), rule).events.extra["rating"].tolist()) == left


@pytest.mark.parametrize("rule", ["rating", "rating=>4", "rating>=high"])
def test_a_rule_that_is_no_comparison_is_refused(make: Make, rule: str) -> None:
    with pytest.raises(ValueError, match="COLUMN>=NUMBER"):
        filters.positives(make(), rule)


def test_positives_of_an_unknown_column_name_the_columns(make: Make) -> None:
    with pytest.raises(KeyError, match="rating"):
        filters.positives(make(), "stars>3")


def test_a_window_includes_its_start_and_not_its_end(make: Make) -> None:
    time = np.sort(make().events.time)
    done = filters.window(make(), int(time[10]), int(time[200]))
    assert np.sort(done.events.time).tolist() == [
        t for t in time.tolist() if time[10] <= t < time[200]
    ]


def test_a_window_needs_a_clock(make: Make) -> None:
    with pytest.raises(ValueError, match="order only"):
        filters.window(make(clock=False), 0, 1)


def test_a_cap_keeps_the_last_events(make: Make) -> None:
    before, after = make(), filters.cap(make(), 3)
    keys = before.vocabs["actor"].keys(range(1, before.events.actors + 1))
    assert after.events.lengths[1:].max() == 3
    for actor, key in enumerate(keys, 1):
        mine = before.events.time[before.events.start[actor] : before.events.start[actor + 1]]
        here = int(after.vocabs["actor"].ids([key])[0])
        left = after.events.time[after.events.start[here] : after.events.start[here + 1]]
        assert left.tolist() == mine[-3:].tolist()


def test_filters_run_in_their_order_and_their_counts_join(make: Make) -> None:
    asked = Filters(kinds=("view",), positives="rating>=2", dedup="first", k_core=2, max_events=4)
    done = filters.apply(make(), asked)
    names = [count.filter.split("=")[0].split(" ")[0] for count in done.source.counts]
    assert names == ["kinds", "positives", "dedup", "k_core", "max_events"]
    for earlier, later in zip(done.source.counts[:-1], done.source.counts[1:], strict=True):
        assert earlier.after == later.before
    assert done.source.counts[0].before == make().sizes
    assert done.source.counts[-1].after == done.sizes


def test_after_a_filter_items_are_numbered_by_what_is_left(make: Make) -> None:
    done = filters.kinds(make(), ("buy",))
    counts = done.events.counts(done.items)[1:]
    keys = [key.encode() for key in done.vocabs["target"].keys(range(1, done.items + 1))]
    ranked = sorted(zip(-counts, keys, strict=True))
    assert list(zip(-counts, keys, strict=True)) == ranked
    assert counts.min() > 0


def test_nothing_left_names_the_filter_that_removed_most(make: Make) -> None:
    with pytest.raises(ValueError, match=r"kinds=buy: 300 → .*loosen positives rating>=9"):
        filters.apply(make(), Filters(kinds=("buy",), positives="rating>=9"))


def test_both_count_filters_are_refused(make: Make) -> None:
    with pytest.raises(ValueError, match="one question"):
        filters.apply(make(), Filters(min_count=(2, 2), k_core=2))


def test_tables_follow_the_ids_that_stay() -> None:
    table = tables.build(
        np.array(["cold", "i0", "i1", "i2"]), {"p": Dense.of(np.array([9.0, 0.5, 1.5, 2.5]))}
    )
    log = Log(np.array(["a", "a", "a"]), np.array(["i0", "i1", "i2"]), kind=np.array([0, 1, 1]))
    named = Log(log.actor, log.target, None, log.kind, ("view", "buy"))
    done = filters.kinds(build(named, Source(), tables={"target": table}), ("buy",))
    keys = done.vocabs["target"].keys(range(1, done.items + 1))
    assert keys == ["cold", "i1", "i2"] or keys == ["i1", "i2", "cold"]
    prices = dict(zip(keys, done.tables["target"].columns["p"].values[1:].tolist(), strict=True))
    assert prices == {"cold": 9.0, "i1": 1.5, "i2": 2.5}
    assert done.tables["target"].keys is done.vocabs["target"]


def test_a_filtered_set_is_as_if_only_the_rest_had_been_read(make: Make) -> None:
    done = filters.kinds(make(), ("buy",))
    keys = (
        done.vocabs["actor"].keys(done.events.actor),
        done.vocabs["target"].keys(done.events.target),
    )
    again = build(
        Log(
            np.array(keys[0]),
            np.array(keys[1]),
            done.events.time,
            done.events.kind,
            done.kinds,
            done.events.extra,
        ),
        Source(),
    )
    assert again.vocabs["target"].hash == done.vocabs["target"].hash
    assert again.events.target.tolist() == done.events.target.tolist()
    assert again.events.start.tolist() == done.events.start.tolist()
