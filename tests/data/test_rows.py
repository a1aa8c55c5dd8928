"""Rows with labels: kept promises of stratified, grouped and timed splits, and of folds."""

import numpy as np
import pytest
import torch

from polyrec.data import Dense, Labelled, RowConfig, Rows, folds, split_rows, tables


def rows_of(size: int = 200, people: int = 40, rate: float = 0.1) -> Labelled:
    rng = np.random.default_rng(1)
    table = tables.build(np.arange(size), {"x": Dense.of(np.arange(size) * 1.0)})
    click = np.append(0, np.arange(size) < rate * size).astype(np.int8)
    return Labelled(
        table,
        {"click": click},
        group=np.append(0, rng.integers(0, people, size)),
        time=np.append(0, rng.integers(0, 50, size)),
    )


def test_stratified_parts_keep_the_rate() -> None:
    rows = rows_of()
    made = split_rows(rows, RowConfig("stratified"))
    assert [
        int(rows.labels["click"][part].sum()) for part in (made.train, made.valid, made.test)
    ] == [16, 2, 2]


def test_grouped_parts_share_no_person() -> None:
    rows = rows_of(rate=0.5)
    made = split_rows(rows, RowConfig("grouped"))
    people = [set(rows.group[part].tolist()) for part in (made.train, made.valid, made.test)]
    assert sum(map(len, people)) == len(set.union(*people))


def test_grouped_is_the_default_where_rows_name_people() -> None:
    rows = rows_of(rate=0.5)
    assert split_rows(rows, RowConfig()).how == "grouped"
    alone = Labelled(rows.table, rows.labels)
    assert split_rows(alone, RowConfig()).how == "random"


def test_timed_parts_follow_each_other_without_a_shared_moment() -> None:
    rows = rows_of(rate=0.5)
    made = split_rows(rows, RowConfig("time"))
    assert rows.time[made.train].max() < rows.time[made.valid].min()
    assert rows.time[made.valid].max() < rows.time[made.test].min()


def test_a_grouped_split_needs_a_group() -> None:
    rows = rows_of()
    with pytest.raises(ValueError, match="--group COL"):
        split_rows(Labelled(rows.table, rows.labels), RowConfig("grouped"))


def test_one_class_in_a_part_is_refused() -> None:
    rows = rows_of(size=40, rate=0.05)
    with pytest.raises(ValueError, match=r"label click is 0 on all \d+ rows of"):
        split_rows(rows, RowConfig("stratified"))


def test_folds_test_every_row_once_a_repeat() -> None:
    made = folds(rows_of(rate=0.5), 5, 2, RowConfig("stratified"))
    assert len(made) == 10
    for repeat in (made[:5], made[5:]):
        tested = np.concatenate([test for _, test in repeat])
        assert np.sort(tested).tolist() == [*range(1, 201)]
    for train, test in made:
        assert not set(train.tolist()) & set(test.tolist())
        assert len(train) + len(test) == 200


def test_stratified_folds_are_even() -> None:
    rows = rows_of()
    counts = [
        int(rows.labels["click"][test].sum())
        for _, test in folds(rows, 5, 1, RowConfig("stratified"))
    ]
    assert counts == [4] * 5


def test_grouped_folds_keep_people_whole() -> None:
    rows = rows_of()
    for train, test in folds(rows, 4, 1, RowConfig("grouped")):
        assert not set(rows.group[train].tolist()) & set(rows.group[test].tolist())


def test_repeats_differ() -> None:
    made = folds(rows_of(), 2, 2, RowConfig("random"))
    assert made[0][1].tolist() != made[2][1].tolist()


def test_more_folds_than_people_are_refused() -> None:
    with pytest.raises(ValueError, match="41 folds of 40 units"):
        folds(rows_of(people=40), 41, 1, RowConfig("grouped"))


def test_a_batch_of_rows_carries_features_labels_and_weights() -> None:
    rows = rows_of(rate=0.5)
    buy = np.roll(rows.labels["click"], 7)
    weight = {"buy": rows.labels["click"].astype(np.float32)}  # only who clicked can buy
    rows = Labelled(rows.table, {**rows.labels, "buy": buy}, weight, rows.group)
    batch = Rows(rows, np.arange(1, 201), 16).batch(0, 0, 3)
    assert batch.features["x"].tolist() == [row - 1.0 for row in batch.rows.tolist()]
    assert batch.labels["click"].tolist() == rows.labels["click"][batch.rows.numpy()].tolist()
    assert torch.equal(batch.weight["buy"], batch.labels["click"])
    assert batch.weight["click"].tolist() == [1.0] * 16
    assert batch.group.tolist() == rows.group[batch.rows.numpy()].tolist()


def test_a_class_counts_only_inside_the_tasks_space() -> None:
    rows = rows_of(rate=0.5)
    nobody = Labelled(rows.table, rows.labels, {"click": rows.labels["click"]})
    with pytest.raises(ValueError, match="label click is 1 on all"):
        split_rows(nobody, RowConfig("random"))
