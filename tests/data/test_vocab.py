"""Keys become ids and come back."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyrec.data import Vocab
from polyrec.data import keys as columns

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@given(st.lists(TEXT))
def test_keys_go_to_ids_and_back(keys: list[str]) -> None:
    for order in ("frequency", "first"):
        vocab, ids = Vocab.build(np.array(keys, object), order)  # type: ignore[arg-type]
        assert vocab.keys(ids) == keys
        assert vocab.ids(keys).tolist() == ids.tolist()


@given(st.lists(TEXT))
def test_frequency_orders_by_count_then_by_bytes(keys: list[str]) -> None:
    vocab, _ = Vocab.build(np.array(keys, object))
    counted = sorted(Counter(keys).items(), key=lambda kv: (-kv[1], kv[0].encode()))
    assert vocab.keys(range(1, vocab.size + 1)) == [key for key, _ in counted]


@given(st.permutations(["a", "b", "b", "c", "c", "ä", "", "10", "9"]))
def test_frequency_does_not_depend_on_the_order_of_rows(keys: list[str]) -> None:
    assert (
        Vocab.build(np.array(keys, object))[0].hash
        == Vocab.build(np.array(sorted(keys), object))[0].hash
    )


@pytest.mark.parametrize("order", ["frequency", "first"])
@pytest.mark.parametrize(
    "form",
    [
        lambda k: np.array(k),
        lambda k: np.array(k, object),
        lambda k: np.array([x.encode() for x in k], object),
        lambda k: pa.array(k),
        lambda k: pa.array(k, pa.large_string()),
        lambda k: pa.array(k, pa.string_view()),
        lambda k: pa.array(k, pa.large_binary()),
        lambda k: pa.array(["?", *k, "?"]).slice(1, len(k)),
        lambda k: pa.chunked_array([k[:2], k[2:]]),
        lambda k: pa.array(k).dictionary_encode(),
        lambda k: pa.chunked_array(
            [pa.array(k[:2]).dictionary_encode(), pa.array(k[2:]).dictionary_encode()]
        ),
        lambda k: pa.DictionaryArray.from_arrays(
            pa.array([sorted(set(k)).index(x) + 1 for x in k]),
            pa.array(["unused", *sorted(set(k))]),
        ),
    ],
)
def test_every_form_of_a_column_gives_the_same_vocabulary(form, order) -> None:  # type: ignore[no-untyped-def]
    keys = ["b", "ä", "b", "", "007", "7", "ä", "b"]
    wanted, wanted_ids = Vocab.build(np.array(keys, object), order)
    vocab, ids = Vocab.build(form(keys), order)
    assert vocab.hash == wanted.hash
    assert ids.tolist() == wanted_ids.tolist()


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5)))
def test_integers_are_their_decimal_text(numbers: list[int]) -> None:
    vocab, ids = Vocab.build(np.array(numbers, np.int64), "first")
    assert vocab.keys(ids) == [str(number) for number in numbers]


def test_a_leading_zero_makes_another_key() -> None:
    vocab, ids = Vocab.build(np.array(["007", "7"], object), "first")
    assert ids.tolist() == [1, 2]
    assert vocab.ids(["7", "07", "007"]).tolist() == [2, 0, 1]


def test_given_ids_stay_as_they_are() -> None:
    vocab, ids = Vocab.build(np.array([3, 1, 3]), "given")
    assert (ids.tolist(), vocab.size, vocab.shift) == ([3, 1, 3], 3, 0)
    assert vocab.key(2) == "2"


def test_given_ids_from_zero_move_up_by_one() -> None:
    vocab, ids = Vocab.build(np.array([3, 0]), "given")
    assert (ids.tolist(), vocab.shift, vocab.key(1)) == ([4, 1], 1, "0")


def test_given_ids_with_large_gaps_are_refused_with_the_size() -> None:
    with pytest.raises(ValueError, match=r"4,000,000,000.*953\.7 GB.*re-index"):
        Vocab.build(np.array([1, 4_000_000_000]), "given")


def test_ids_count_alike_in_the_files_of_one_import() -> None:
    """Row 47: a table that counts from 1 beside events that count from 0, or the reverse."""
    zero, one = np.array([0, 2, 1]), np.array([1, 2, 3])
    for events, table in ((zero, one), (one, zero)):
        start = rf"events start at {events.min()}, those of the table at {table.min()}"
        with pytest.raises(ValueError, match=rf"{start}.*without --order given"):
            Vocab.build(events, "given", table)


def test_given_ids_of_a_table_alone_keep_their_number() -> None:
    vocab, ids = Vocab.build(np.array([2, 1]), "given", np.array([5, 4, 1]))
    assert ids.tolist() == [2, 1]
    assert vocab.keys([4, 5]) == ["4", "5"]


def test_more_keys_than_ids_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 26, with a smaller limit: 2,147,483,646 keys do not fit into a test."""
    monkeypatch.setattr(columns, "MOST", 3)
    with pytest.raises(ValueError, match=r"4 distinct keys, limit 3 \(int32\): hash buckets"):
        Vocab.build(np.array(["a", "b", "c", "d"]))


def test_given_ids_must_be_integers() -> None:
    with pytest.raises(ValueError, match="integer ids"):
        Vocab.build(np.array(["a"]), "given")


def test_a_missing_key_names_its_row() -> None:
    with pytest.raises(ValueError, match="row 2"):
        Vocab.build(np.array(["a", None], object))


def test_float_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="float64"):
        Vocab.build(np.array([1.0]))


def test_mixed_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="mixed types"):
        Vocab.build(np.array(["a", 1], object))


@pytest.mark.parametrize("id", [0, 3, -1])
def test_an_id_without_a_key_is_refused(id: int) -> None:
    with pytest.raises(KeyError, match=r"1\.\.2"):
        Vocab.of(["a", "b"]).key(id)


def test_repeats_among_distinct_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="2 distinct"):
        Vocab.of(["a", "b", "a"])


@given(st.lists(TEXT, unique=True), st.lists(TEXT))
def test_extending_keeps_ids_and_appends_the_new(held: list[str], more: list[str]) -> None:
    vocab = Vocab.of(held)
    wider, ids = vocab.extended(np.array(more, object))
    assert wider.keys(range(1, vocab.size + 1)) == held
    assert wider.keys(ids) == more
    assert vocab.ids(held).tolist() == list(range(1, len(held) + 1))


@given(keys=st.lists(TEXT, unique=True))
def test_a_stored_vocabulary_comes_back(
    keys: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder: Path = tmp_path_factory.mktemp("vocab")
    vocab = Vocab.of(keys)
    vocab.save(folder, "x")
    again = Vocab.load(folder, "x")
    assert again.hash == vocab.hash
    assert again.ids(keys).tolist() == list(range(1, len(keys) + 1))
