"""Every split of the catalogue keeps the promises of a split."""

from collections import Counter

import numpy as np
import pytest
import torch

from polyrec.data import (
    ROW_SPLITS,
    SPLITS,
    Dataset,
    Dense,
    Labelled,
    Log,
    RowConfig,
    Source,
    Split,
    SplitConfig,
    build,
    split,
    split_rows,
    tables,
)

Triple = tuple[int, int, int]
BY_ACTOR = {"by-user"}  # asked actors were never trained on


def dataset(seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    actor, target = rng.integers(0, 60, 900), rng.integers(0, 40, 900)
    time = rng.permutation(900) + 1_000
    extra = {"part": rng.choice(3, 900, p=[0.8, 0.1, 0.1]).astype(np.int8)}
    return build(Log(actor, target, time, extra=extra), Source("toy"))


def without_parts(made: Dataset) -> Dataset:
    log = Log(made.events.actor, made.events.target, made.events.time)
    return build(log, Source("toy"))


def given(how: str, seed: int = 0) -> Dataset:
    return dataset(seed) if how == "given" else without_parts(dataset(seed))


def done(how: str, seed: int = 0) -> Split:
    return split(given(how), SplitConfig(how, seed=seed))  # type: ignore[arg-type]


def asked(part) -> list[tuple[int, int]]:  # type: ignore[no-untyped-def]
    actor = part.cluster[part.truth.row]
    return list(zip(actor.tolist(), part.truth.values.tolist(), strict=True))


each = pytest.mark.parametrize("how", SPLITS)


@each
def test_a_split_has_a_doc_line(how: str) -> None:
    assert (SPLITS[how].__doc__ or "").strip()


@each
def test_the_same_seed_gives_the_same_parts(how: str) -> None:
    one, two = done(how), done(how)
    assert one.train.time.tolist() == two.train.time.tolist()
    assert (one.valid.hash, one.test.hash) == (two.valid.hash, two.test.hash)


@each
def test_no_part_is_empty(how: str) -> None:
    made = done(how)
    assert min(len(made.train), len(made.valid), len(made.test)) > 0


@each
def test_parts_join_to_the_whole_log_and_nothing_twice(how: str) -> None:
    made, whole = done(how), given(how).events
    rows = torch.arange(len(made.test))
    parts = Counter(zip(made.train.actor.tolist(), made.train.target.tolist(), strict=True))
    parts += Counter(asked(made.valid)) + Counter(asked(made.test))
    if how in BY_ACTOR:
        for part in (made.valid, made.test):
            history = part.requests(torch.arange(len(part))).history
            actor = part.cluster[history.row].tolist()
            parts += Counter(zip(actor, history.values.tolist(), strict=True))
    assert parts == Counter(zip(whole.actor.tolist(), whole.target.tolist(), strict=True))
    assert len(made.test.requests(rows)) == len(made.test)


@each
def test_train_keeps_the_order_of_the_log(how: str) -> None:
    train = done(how).train
    same = np.diff(train.actor) == 0
    assert (np.diff(train.actor) >= 0).all()
    assert (np.diff(train.time)[same] > 0).all()


@each
def test_history_comes_before_what_is_wanted(how: str) -> None:
    if how in ("random", "given"):
        return  # events are marked without regard to time
    made, whole = done(how), given(how).events
    starts, targets = whole.start.tolist(), whole.target.tolist()
    for part in (made.valid, made.test):
        rows = torch.arange(len(part))
        requests, truth = part.requests(rows), part.truth_of(rows)
        for row in range(len(part)):
            actor = int(part.cluster[row])
            history = requests.history.values[
                requests.history.start[row] : requests.history.start[row + 1]
            ]
            wanted = truth.values[truth.start[row] : truth.start[row + 1]]
            joined = history.tolist() + wanted.tolist()
            assert joined == targets[starts[actor] : starts[actor] + len(joined)]


@each
def test_facts_count_train_alone(how: str) -> None:
    made = done(how)
    counts = np.bincount(made.train.target, minlength=made.facts.items + 1)
    assert made.facts.counts.tolist() == counts.tolist()
    assert made.facts.until == int(made.train.time.max())


@each
def test_nothing_of_the_later_parts_can_be_reached_from_train(how: str) -> None:
    made = done(how)
    for part in (made.valid, made.test):
        if part.events is made.train:  # its histories are train itself
            continue
        for name, column in made.train.columns.items():
            assert not np.shares_memory(column, part.events.columns[name])
    assert "part" not in made.train.extra


@each
def test_how_says_everything_as_json(how: str) -> None:
    import json

    made = done(how)
    assert json.loads(json.dumps(made.how)) == made.how
    assert made.how["how"] == how
    assert made.how["data"] == given(how).hash


@each
def test_selected_questions_are_those_rows(how: str) -> None:
    test = done(how).test
    rows = torch.tensor([2, 0])
    part = test.select(rows)
    assert part.key.tolist() == test.key[rows].tolist()
    assert part.requests(torch.tensor([0])).history.values.tolist() == (
        test.requests(torch.tensor([2])).history.values.tolist()
    )
    assert part.truth_of(torch.tensor([1])).values.tolist() == (
        test.truth_of(torch.tensor([0])).values.tolist()
    )


@each
def test_the_hash_of_questions_sees_keys_and_truth(how: str) -> None:
    test = done(how).test
    assert test.hash != test.select(torch.arange(len(test) - 1)).hash
    assert test.hash == test.select(torch.arange(len(test))).hash


def rows_of(seed: int = 0) -> Labelled:
    rng = np.random.default_rng(seed)
    size = 400
    table = tables.build(np.arange(size), {"x": Dense.of(rng.normal(size=size))})
    return Labelled(
        table,
        {"click": np.append(0, rng.random(size) < 0.2).astype(np.int8)},
        group=np.append(0, rng.integers(1, 60, size)),
        time=np.append(0, rng.integers(0, 100, size)),
    )


each_row_split = pytest.mark.parametrize("how", ROW_SPLITS)


@each_row_split
def test_row_parts_are_disjoint_and_whole(how: str) -> None:
    made = split_rows(rows_of(), RowConfig(how))  # type: ignore[arg-type]
    assert np.sort(np.concatenate([made.train, made.valid, made.test])).tolist() == [*range(1, 401)]


@each_row_split
def test_row_parts_have_about_their_share(how: str) -> None:
    made = split_rows(rows_of(), RowConfig(how))  # type: ignore[arg-type]
    assert len(made.train) == pytest.approx(320, abs=20)
    assert len(made.valid) == pytest.approx(40, abs=20)


@each_row_split
def test_row_splits_are_pure_in_their_seed(how: str) -> None:
    one, two = (split_rows(rows_of(), RowConfig(how, seed=3)) for _ in range(2))  # type: ignore[arg-type]
    assert one.test.tolist() == two.test.tolist()


@each_row_split
def test_a_row_split_has_a_doc_line(how: str) -> None:
    assert (ROW_SPLITS[how].__doc__ or "").strip()
