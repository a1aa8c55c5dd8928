"""Tables follow their ids; row 0 is nothing."""

import numpy as np
import pytest
import torch

from polyrec.data import Bag, Dense, Labelled, Sparse, Vocab, tables


@pytest.fixture
def table() -> tables.Table:
    columns = {
        "genre": Sparse.of(np.array(["g", "h", "g"])),
        "price": Dense.of(np.array([1.0, np.nan, 3.0])),
        "place": Dense.of(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, np.nan]])),
        "tags": Bag.of(np.array(["u", "v", "u"]), np.array([2, 0, 1])),
        "prices": Bag.of_numbers(np.array([0.5, 1.5, 2.5]), np.array([1, 1, 1])),
    }
    return tables.build(np.array(["x", "y", "z"]), columns)


def test_row_zero_is_all_zero(table: tables.Table) -> None:
    rows = table.gather(torch.tensor([0]))
    assert rows["genre"].tolist() == [0]
    assert rows["price"].tolist() == [0.0]
    assert rows["place"].tolist() == [[0.0, 0.0]]
    assert len(rows["tags"].values) == 0


def test_a_gather_takes_the_whole_block_of_ids(table: tables.Table) -> None:
    rows = table.gather(torch.tensor([[1, 3], [0, 2]]))
    assert rows["price"].tolist() == [[1.0, 3.0], [0.0, 0.0]]
    assert rows["genre"].shape == (2, 2)
    assert rows["tags"].lengths.tolist() == [2, 1, 0, 0]


def test_a_missing_number_is_zero_and_marked(table: tables.Table) -> None:
    price, place = table.columns["price"], table.columns["place"]
    assert isinstance(price, Dense)
    assert isinstance(place, Dense)
    assert price.present.tolist() == [False, True, False, True]
    assert place.present.tolist() == [False, True, True, False]


def test_an_infinite_number_is_refused_with_its_row() -> None:
    with pytest.raises(ValueError, match="row 2"):
        Dense.of(np.array([1.0, np.inf]))


def test_taking_rows_renumbers_them_and_their_keys(table: tables.Table) -> None:
    taken = table.take(np.array([3, 1]))
    assert taken.keys.keys([1, 2]) == ["z", "x"]
    assert taken.gather(torch.tensor([1, 2]))["price"].tolist() == [3.0, 1.0]
    assert taken.gather(torch.tensor([1, 2]))["tags"].values.tolist() == [1, 1, 2]


def test_an_aligned_table_has_a_row_for_every_id(table: tables.Table) -> None:
    keys = Vocab.of(["z", "new", "y", "x"])
    aligned = table.aligned(keys, keys.ids(["x", "y", "z"]))
    assert aligned.gather(torch.arange(5))["price"].tolist() == [0.0, 3.0, 0.0, 0.0, 1.0]
    assert aligned.columns["price"].present.tolist() == [False, True, False, False, True]
    assert aligned.size == 4


def test_a_key_that_occurs_twice_names_both_rows() -> None:
    column = {"a": Dense.of(np.array([1.0, 2.0, 3.0]))}
    with pytest.raises(ValueError, match="'k' in rows 1 and 3"):
        tables.build(np.array(["k", "j", "k"]), column)


@pytest.mark.parametrize(("keep", "value"), [("first", 1.0), ("last", 3.0)])
def test_the_kept_row_of_a_repeated_key_counts(keep: tables.Keep, value: float) -> None:
    column = {"a": Dense.of(np.array([1.0, 2.0, 3.0]))}
    table = tables.build(np.array(["k", "j", "k"]), column, keep)
    assert table.gather(table_id := torch.tensor([1, 2]))["a"].tolist() == [value, 2.0], table_id


def test_a_column_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="column a has 1 rows, the key column 2"):
        tables.build(np.array(["k", "j"]), {"a": Dense.of(np.array([1.0]))})


def test_labels_of_another_length_are_refused(table: tables.Table) -> None:
    with pytest.raises(ValueError, match="click has 4 rows, the table 3"):
        Labelled(table, {"click": np.zeros(5)})
