"""How sequences are cut into examples."""

import numpy as np
import pytest
import torch

from polyrec.data import (
    AllCuts,
    Dataset,
    Log,
    RandomCut,
    Sequences,
    Source,
    after_last,
    build,
    known_targets,
)


def log_of(*lengths: int) -> Dataset:
    """User k (from 1) has `lengths[k - 1]` events; items count up along the whole log."""
    actor = np.repeat(np.arange(1, len(lengths) + 1), lengths)
    target = np.arange(1, sum(lengths) + 1)
    extra = {"weight": target / 10, "session": target.astype(np.int32)}
    log = Log(actor, target, 10 * target, extra=extra)
    return build(log, Source(), order="given", actors="given")


def test_a_cut_asks_for_the_event_after_its_history() -> None:
    stream = RandomCut(log_of(30, 30, 30).events, 3, history=4)
    for epoch in range(50):
        batch = stream.batch(0, epoch, 0)
        history = batch.requests.history.padded(4)
        wanted = batch.positives[:, None] - torch.tensor([[4, 3, 2, 1]])
        assert history.tolist() == wanted.tolist()


def test_the_target_is_never_before_the_minimum_nor_past_the_end() -> None:
    stream = RandomCut(log_of(5, 7).events, 2, history=20)
    cuts = {1: set[int](), 2: set[int]()}
    for epoch in range(200):
        batch = stream.batch(0, epoch, 0)
        for actor, k in zip(
            batch.requests.actor.tolist(), batch.requests.history.lengths.tolist(), strict=True
        ):
            cuts[actor].add(k)
    assert cuts == {1: {4}, 2: {4, 5, 6}}


def test_users_too_short_are_skipped_and_counted() -> None:
    stream = RandomCut(log_of(4, 5, 1, 9).events, 8, history=3)
    assert stream.skipped == 2
    assert sorted(stream.batch(0, 0, 0).requests.actor.tolist()) == [2, 4]


def test_a_minimum_of_one_uses_short_sequences() -> None:
    stream = RandomCut(log_of(2, 2, 1).events, 8, history=3, minimum=1)
    assert sorted(stream.batch(0, 0, 0).requests.actor.tolist()) == [1, 2]


def test_users_count_alike_however_long() -> None:
    stream = RandomCut(log_of(5, 500).events, 1, history=3)
    assert stream.steps == 2
    assert stream.target_probability(505)[:6].sum().item() == pytest.approx(0.5)


def test_an_epoch_of_the_published_size_has_its_number_of_steps() -> None:
    stream = RandomCut(log_of(*[5] * 482).events, 128, history=3)
    assert stream.steps == 4  # 482,934 users in batches of 128 are 3,773 steps likewise: rounded up
    assert len(stream.batch(0, 0, 3).positives) == 482 - 3 * 128


def test_every_cut_occurs_once_an_epoch() -> None:
    stream = AllCuts(log_of(3, 1, 4).events, 2, history=2)
    drawn = [int(p) for step in range(stream.steps) for p in stream.batch(0, 0, step).positives]
    assert sorted(drawn) == [2, 3, 6, 7, 8]
    assert stream.skipped == 1


def test_no_user_long_enough_is_refused_with_the_longest() -> None:
    with pytest.raises(ValueError, match=r"no user has 5 events \(the longest has 3\)"):
        RandomCut(log_of(3, 2).events, 2, history=2)


def test_columns_and_weights_travel_with_the_batch() -> None:
    events = log_of(6, 6).events
    stream = RandomCut(events, 2, history=3, columns=("session", "time"), weight="weight")
    batch = stream.batch(0, 0, 0)
    history = batch.requests.history.values
    assert batch.requests.aligned["session"].tolist() == history.tolist()
    assert batch.requests.aligned["time"].tolist() == (10 * history).tolist()
    assert batch.requests.time.tolist() == (10 * batch.positives).tolist()
    assert batch.weight.tolist() == pytest.approx((batch.positives / 10).tolist())


def test_a_column_that_is_not_there_is_named() -> None:
    stream = RandomCut(log_of(6).events, 1, history=3, columns=("sesion",))
    with pytest.raises(KeyError, match="session"):
        stream.batch(0, 0, 0)


def test_a_set_without_clock_asks_at_no_time() -> None:
    events = build(Log(np.ones(9, int), np.arange(9)), Source()).events
    assert RandomCut(events, 1, history=3).batch(0, 0, 0).requests.time is None
    with pytest.raises(KeyError, match="order only"):
        RandomCut(events, 1, history=3, columns=("time",)).batch(0, 0, 0)


def test_all_events_are_covered_in_time() -> None:
    stream = RandomCut(log_of(12, 7, 30).events, 2, history=4)
    share = [np.unpackbits(stream.coverage(0, s), count=49).mean() for s in (2, 20, 1_000)]
    assert share == sorted(share)
    assert share[-1] == 1


def test_every_actor_asks_after_its_last_event_in_blocks() -> None:
    events = log_of(2, 5, 1, 4).events
    blocks = list(after_last(events, history=3, at_once=3))
    assert [len(actor) for actor, _ in blocks] == [3, 1]
    for actor, asked in blocks:
        assert torch.equal(asked.actor, actor)
        for row, one in enumerate(actor.tolist()):
            own = events.target[events.start[one] : events.start[one + 1]][-3:]
            assert asked.history.select(torch.tensor([row])).values.tolist() == own.tolist()


def test_what_an_actor_knows_is_all_its_targets() -> None:
    events = log_of(2, 5).events
    lists = known_targets(events)
    assert lists.lengths.tolist() == [0, 2, 5]
    assert lists.values.tolist() == events.target.tolist()


def test_a_sequence_is_one_row_asked_after_each_event_but_the_last() -> None:
    batch = Sequences(log_of(4, 1, 3).events, 8, history=10).batch(0, 0, 0)
    asked = batch.requests
    assert sorted(asked.history.lengths.tolist()) == [2, 3]  # one event asks nothing
    assert len(asked) == 5
    assert torch.equal(batch.positives, asked.history.values + 1)  # items count up


def test_a_long_sequence_is_asked_along_its_last_events() -> None:
    stream = Sequences(log_of(30).events, 1, history=4)
    batch = stream.batch(0, 0, 0)
    assert batch.requests.history.values.tolist() == [26, 27, 28, 29]
    assert batch.positives.tolist() == [27, 28, 29, 30]
    assert stream.examples == 4


def test_columns_and_weights_travel_with_a_sequence() -> None:
    stream = Sequences(log_of(4).events, 1, history=9, columns=("session",), weight="weight")
    batch = stream.batch(0, 0, 0)
    assert batch.requests.aligned["session"].tolist() == [1, 2, 3]
    assert batch.weight.tolist() == pytest.approx([0.2, 0.3, 0.4])


def test_sequences_need_somebody_with_two_events() -> None:
    with pytest.raises(ValueError, match="nobody has 2 events"):
        Sequences(log_of(1, 1).events, 2, history=3)
    assert Sequences(log_of(1, 5).events, 2, history=3).skipped == 1
    with pytest.raises(KeyError, match="no column 'price' beside the events; there are actor, "):
        Sequences(log_of(4).events, 1, history=3, weight="price")
