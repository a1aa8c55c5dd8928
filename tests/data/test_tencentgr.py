"""TencentGR's folders: what is read from them, and how a broken one is refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polyrec.cli import status
from polyrec.data import Bag, Dataset, Dense, ReadOptions, Sparse, load, read
from polyrec.data.check import check

from .test_readers import TENCENT, put

T = 1_748_000_000
Record = list[Any]


def shown(user: Any, item: Any, action: Any = 0, time: Any = T, **features: Any) -> Record:
    return [user, item, None, {"100": 1} | features, action, time]


def profile(user: Any, **features: Any) -> Record:
    return [user, None, {"103": 1} | features, None, None, T + 10**6]


def folder(at: Path, *lines: list[Record], **files: Any) -> Path:
    """A folder of these lines; files are given as values to be written as JSON."""
    content = {"seq.jsonl": b"".join(json.dumps(line).encode() + b"\n" for line in lines)}
    content |= {f"{name}.json": json.dumps(value).encode() for name, value in files.items()}
    put(at, content)
    return at


def vectors(at: Path, name: str, *rows: tuple[Any, list[Any]]) -> Path:
    lines = [json.dumps({"anonymous_cid": key, "emb": emb}).encode() + b"\n" for key, emb in rows]
    put(at, {f"creative_emb/{name}/part-0.json": b"".join(lines)})
    return at


GOOD = [profile(1), shown(1, 5), shown(1, 6, 1, T + 1)]


def held(dataset: Dataset, table: str, column: str, key: str) -> Any:
    """What a table says of one key, in the file's own values."""
    id = int(dataset.vocabs[table].ids([key])[0])
    part = dataset.tables[table].columns[column]
    if isinstance(part, Sparse):
        return part.vocab.key(int(part.values[id])) if part.values[id] else None
    if isinstance(part, Bag):
        return part.vocab.keys(part.values[part.start[id] : part.start[id + 1]])
    assert isinstance(part, Dense)
    return part.values[id].tolist() if part.present[id] else None


def test_events_features_and_vectors_are_those_of_the_files(tmp_path: Path) -> None:
    dataset = read(put(tmp_path, TENCENT))
    events, vocabs = dataset.events, dataset.vocabs
    assert dataset.kinds == ("click", "conversion", "exposure")
    told = [
        (
            vocabs["actor"].key(int(events.actor[at])),
            vocabs["target"].key(int(events.target[at])),
            dataset.kinds[events.kind[at]],
            int(events.time[at]),
        )
        for at in range(len(events))
    ]
    assert told == [
        ("1", "5", "exposure", T * 1000),
        ("1", "6", "click", (T + 9) * 1000),
        ("2", "5", "conversion", (T + 5) * 1000),
    ]
    assert held(dataset, "target", "100", "5") == held(dataset, "target", "100", "7") == "2"
    assert held(dataset, "target", "101", "6") is None
    assert held(dataset, "target", "81", "5") == [1.0, 2.5]
    assert held(dataset, "target", "81", "6") is None
    assert held(dataset, "target", "81", "7") == [0.0, -1.0]
    assert held(dataset, "actor", "103", "1") == "3"
    assert held(dataset, "actor", "106", "1") == ["4", "9"]
    assert held(dataset, "actor", "106", "2") == []
    assert "feature 81 is missing for 1 items" in dataset.source.notes


def test_the_profile_may_stand_anywhere_and_its_time_is_not_kept(tmp_path: Path) -> None:
    about, *rest = GOOD
    hashes = set()
    for place in range(3):
        line = [*rest[:place], about, *rest[place:]]
        dataset = read(folder(tmp_path / str(place), line))
        assert int(dataset.events.time.max()) == (T + 1) * 1000
        hashes.add(dataset.hash)
    assert len(hashes) == 1


def test_items_beside_the_log_are_cold_and_kept(tmp_path: Path) -> None:
    dataset = read(folder(tmp_path, GOOD, item_feat_dict={"9": {"101": 4}, "5": {"100": 1}}))
    assert dataset.items == 3
    assert held(dataset, "target", "101", "9") == "4"


def test_an_item_bare_at_first_is_known_by_what_comes_later(tmp_path: Path) -> None:
    bare = [1, 5, None, None, 0, T]
    later = [profile(2), shown(2, 5, **{"101": 3})]
    dataset = read(folder(tmp_path, [profile(1), bare, [1, 6, None, {}, 0, T]], later))
    assert held(dataset, "target", "101", "5") == "3"
    assert held(dataset, "target", "100", "6") is None


def test_features_that_two_files_tell_differently_are_noted(tmp_path: Path) -> None:
    dataset = read(folder(tmp_path, GOOD, item_feat_dict={"5": {"100": 8}}))
    assert held(dataset, "target", "100", "5") == "1"
    assert any("1 items have other features" in note for note in dataset.source.notes)


def test_with_an_indexer_keys_are_the_original_ones(tmp_path: Path) -> None:
    indexer = {"u": {"anna": 1}, "i": {"ad-a": 5, "ad-b": 6, "ad-c": 7}, "f": {}}
    at = vectors(folder(tmp_path, GOOD, indexer=indexer), "emb_82_4", ("ad-b", [1, 2, 3, 4]))
    dataset = read(at)
    assert dataset.vocabs["actor"].key(1) == "anna"
    assert held(dataset, "target", "82", "ad-b") == [1, 2, 3, 4]


@pytest.mark.parametrize("width", [32, 1024, 3584])
def test_the_width_of_vectors_is_read_from_the_file(width: int, tmp_path: Path) -> None:
    at = vectors(folder(tmp_path, GOOD), "emb_85_4096", ("5", [0.5] * width))
    column = read(at).tables["target"].columns["85"]
    assert isinstance(column, Dense)
    assert column.values.shape == (3, width)


def test_vectors_of_items_that_nobody_knows_are_counted(tmp_path: Path) -> None:
    at = vectors(folder(tmp_path, GOOD), "emb_81_2", ("5", [1, 2]), ("77", [3, 4]))
    assert "1 vectors of feature 81 belong to no item: left out" in read(at).source.notes


def test_blank_lines_and_numbers_as_keys_are_read_among_vectors(tmp_path: Path) -> None:
    at = folder(tmp_path, GOOD)
    put(at, {"creative_emb/emb_81_2/a.json": b'\n{"anonymous_cid": 5, "emb": [1, 2]}\n\n'})
    assert held(read(at), "target", "81", "5") == [1.0, 2.0]


def test_numbers_and_texts_of_one_key_are_one_key(tmp_path: Path) -> None:
    dataset = read(folder(tmp_path, GOOD, [profile("2"), shown("2", "5", **{"100": "1"})]))
    assert dataset.sizes == (2, 2, 3)
    assert dataset.tables["target"].columns["100"].vocab.size == 1


def test_import_split_and_check_work_on_a_folder(tmp_path: Path) -> None:
    lines = [
        [profile(u), *(shown(u, 5 + i * u % 5, i % 2, T + u + i) for i in range(4))] for u in (1, 2)
    ]
    at = folder(tmp_path / "log", *lines)
    assert status(["data", "import", str(at), str(tmp_path / "out")]) == 0
    assert status(["data", "split", str(tmp_path / "out")]) == 0
    assert load(tmp_path / "out").hash == read(at).hash
    assert {finding.level for finding in check(at)} <= {"PASS", "WARN"}


def refused(at: Path, **options: Any) -> str:
    with pytest.raises(ValueError) as caught:
        read(at, ReadOptions(**options))
    message = str(caught.value)
    assert "\n" not in message
    assert message.count(";") >= 2, message
    return message


LINES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "profile absent": ([shown(2, 5)], ("no profile record", "exactly one")),
    "profile twice": ([profile(2), shown(2, 5), profile(2)], ("2 profile records (0 and 2)",)),
    "null timestamp": ([profile(2), shown(2, 5, 0, None)], ("a timestamp is null",)),
    "timestamp in words": ([profile(2), shown(2, 5, 0, "noon")], ('timestamp "noon"', "integer")),
    "timestamp too large": ([profile(2), shown(2, 5, 0, 10**30)], ("timestamp", "seconds")),
    "unknown item feature": (
        [profile(2), shown(2, 55, **{"999": 1})],
        ('unknown item feature "999"', "100, 101", "--ignore-unknown"),
    ),
    "unknown user feature": (
        [profile(2, **{"100": 1}), shown(2, 5)],
        ('unknown user feature "100"', "103, 104"),
    ),
    "a list where one value is": (
        [profile(2), shown(2, 55, **{"100": [1, 2]})],
        ("item feature 100", "one value", "--ignore 100"),
    ),
    "one value where a list is": (
        [profile(2, **{"106": 3}), shown(2, 5)],
        ("user feature 106", "a list"),
    ),
    "a true feature": ([profile(2), shown(2, 55, **{"100": True})], ("one value",)),
    "item 0": ([profile(2), shown(2, 0)], ("item 0", "count from 1")),
    "item with a fraction": ([profile(2), shown(2, 5.5)], ('item_id "5.5"', "integer")),
    "user empty": ([profile(""), shown("", 5)], ("empty user",)),
    "user null": ([profile(None), shown(None, 5)], ('user_id "None"',)),
    "users mixed": ([profile(2), shown(3, 5)], ('users "2 and 3" on one line',)),
    "user on two lines": ([profile(1), shown(1, 5)], ('user "1" stands on line 1 too',)),
    "unknown action": ([profile(2), shown(2, 5, 7)], ('action_type "7"', "2 (conversion)")),
    "action null": ([profile(2), shown(2, 5, None)], ("action_type", "exposure")),
    "profile with an action": (
        [[2, None, {}, None, 1, T], shown(2, 5)],
        ("item features or an action",),
    ),
    "profile without features": (
        [[2, None, None, None, None, T], shown(2, 5)],
        ("no user_feature",),
    ),
    "event with user features": (
        [profile(2), [2, 5, {"103": 1}, {}, 0, T]],
        ("a user_feature", "profile record alone"),
    ),
    "five fields": ([profile(2), [2, 5, None, {}, 0]], ("record 1 is 5 fields", "user_id")),
    "an object": ({"user": 2}, ("a dict", "one JSON list")),
    "empty list": ([], ("a list", "one JSON list")),
    "half a character": ([profile(2), shown(2, "\ud800")], ("whole characters",)),
}


@pytest.mark.parametrize("name", LINES)
def test_a_broken_line_is_named_with_its_place(name: str, tmp_path: Path) -> None:
    line, says = LINES[name]
    message = refused(folder(tmp_path, GOOD, line))
    assert message.startswith("seq.jsonl:2: ")
    assert f"(the line begins at byte {len(json.dumps(GOOD)) + 1})" in message
    for part in says:
        assert part in message


@pytest.mark.parametrize("name", LINES)
def test_a_broken_line_leaves_nothing_behind_where_it_is_left_out(
    name: str, tmp_path: Path
) -> None:
    last = [profile(3), shown(3, 7)]
    want = read(folder(tmp_path / "good", GOOD, last))
    found = read(
        folder(tmp_path / "bad", GOOD, LINES[name][0], last), ReadOptions(bad_rows="skip:1")
    )
    assert found.hash == want.hash
    assert any("1 rows left out: wrong line" in note for note in found.source.notes)


def test_broken_json_is_shown(tmp_path: Path) -> None:
    put(tmp_path, {"seq.jsonl": json.dumps(GOOD).encode() + b"\n[[1,2\n"})
    assert 'broken JSON: "Expecting' in refused(tmp_path)


def test_more_broken_lines_than_allowed_are_refused(tmp_path: Path) -> None:
    at = folder(tmp_path, GOOD, [shown(2, 5)], [shown(3, 5)])
    assert "2 of 3 rows" in refused(at, bad_rows="skip:1")


def test_unknown_features_are_dropped_and_counted_when_asked(tmp_path: Path) -> None:
    at = folder(tmp_path, [profile(1, **{"190": 2}), shown(1, 5, **{"999": 1}), shown(1, 6)])
    vectors(at, "emb_99_2", ("5", [1, 2]))
    dataset = read(at, ReadOptions(ignore_unknown=True))
    notes = dataset.source.notes
    assert "unknown item feature 999 dropped (1 times)" in notes
    assert "unknown user feature 190 dropped (1 times)" in notes
    assert "unknown vectors emb_99_2 dropped" in notes
    assert set(dataset.tables["target"].columns) == {"100"}


def test_unknown_vectors_are_refused(tmp_path: Path) -> None:
    at = vectors(folder(tmp_path, GOOD), "emb_99_2", ("5", [1, 2]))
    assert "unknown feature 99" in refused(at)


def test_ignored_features_are_not_read(tmp_path: Path) -> None:
    at = vectors(folder(tmp_path, GOOD), "emb_81_2", ("5", [1, 2]))
    dataset = read(at, ReadOptions(ignore=("81", "100")))
    assert set(dataset.tables["target"].columns) == set()


VECTORS: dict[str, tuple[list[tuple[Any, list[Any]]], str]] = {
    "another width": ([("5", [1, 2]), ("6", [1])], "part-0.json:2: a vector of 1 numbers"),
    "no number": ([("5", [1, 2]), ("6", [1, "x"])], "part-0.json:2: broken record"),
    "null": ([("5", [1, 2]), ("6", [1, None])], "part-0.json:2: broken record"),
    "infinite": ([("5", [1, 2]), ("6", [1, float("inf")])], "part-0.json:2: a number that is not"),
    "too large": ([("5", [1, 2]), ("6", [1, 1e300])], "part-0.json:2: a number that is not"),
    "no key": ([("5", [1, 2]), (None, [1, 2])], "part-0.json:2: broken record"),
    "twice": ([("5", [1, 2]), ("5", [1, 2])], 'part-0.json:2: a second vector of item "5"'),
    "empty": ([("5", [])], "a vector of 0 numbers"),
    "of nobody": ([("ad-1", [1, 2])], "none of 1 vectors belongs to an item"),
}


@pytest.mark.parametrize("name", VECTORS)
def test_broken_vectors_are_named_with_their_place(name: str, tmp_path: Path) -> None:
    rows, says = VECTORS[name]
    assert says in refused(vectors(folder(tmp_path, GOOD), "emb_81_2", *rows))


def test_a_pickled_indexer_is_refused_with_the_way_out(tmp_path: Path) -> None:
    at = folder(tmp_path, GOOD)
    (at / "indexer.pkl").write_bytes(pickle.dumps({"u": {}, "i": {}, "f": {}}))
    assert "json.dump" in refused(at)
    assert len(read(at, ReadOptions(ignore=("indexer.pkl",))).events) == 2
    (at / "indexer.json").write_text(json.dumps({"u": {"a": 1}, "i": {"x": 5, "y": 6}}))
    assert read(at).vocabs["actor"].key(1) == "a"


def test_pickled_vectors_are_refused_unless_they_are_there_as_text(tmp_path: Path) -> None:
    at = folder(tmp_path, GOOD)
    put(at, {"creative_emb/emb_81_2.pkl": b"\x80\x04."})
    assert "JSON lines" in refused(at)
    vectors(at, "emb_81_2", ("5", [1, 2]))
    assert "81" in read(at).tables["target"].columns


@pytest.mark.parametrize(
    ("indexer", "says"),
    [
        ({"u": {"a": 1}}, "lacks"),
        ({"u": {"a": 1}, "i": {"x": 5}}, 'item "6" of the log is not in it'),
        ({"u": {"a": 1, "b": 1}, "i": {"x": 5, "y": 6}}, "a number to two keys"),
        ({"u": [1], "i": {}}, "holds a list"),
        ({"u": {"": 1}, "i": {"x": 5, "y": 6}}, "empty user"),
    ],
)
def test_an_indexer_that_does_not_fit_is_refused(indexer: Any, says: str, tmp_path: Path) -> None:
    assert says in refused(folder(tmp_path, GOOD, indexer=indexer))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"5": {"100": 1}', "the file ends early at character 16"),
        (b'{"5": {"100": 1}} x', "text after the object"),
        (b'{"5" {}}', "expected :"),
        (b'{"5": {"100": 1}, }', 'expected "'),
        (b"[1]", "expected {"),
        (b'{"5": 3}', "a int"),
        (b'{"5": {"999": 3}}', "unknown item feature"),
        (b'{"5": {"100": \xff}}', "not UTF-8"),
        (b"", "ends early"),
    ],
)
def test_a_broken_file_of_items_is_named_with_its_character(
    content: bytes, says: str, tmp_path: Path
) -> None:
    put(folder(tmp_path, GOOD), {"item_feat_dict.json": content})
    message = refused(tmp_path)
    assert message.startswith("item_feat_dict.json")
    assert says in message


def test_a_large_file_of_items_is_read_across_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polyrec.data.readers.text.content.BLOCK", 7)
    items = {str(i): {"100": i % 3 + 1, "101": f"ä{i}"} for i in range(1, 60)}
    dataset = read(folder(tmp_path, GOOD, item_feat_dict=items))
    assert dataset.items == 59
    assert held(dataset, "target", "101", "33") == "ä33"


def test_memory_beyond_the_budget_is_refused_before_it_is_taken(tmp_path: Path) -> None:
    at = vectors(folder(tmp_path, GOOD), "emb_82_1024", ("5", [0.5] * 1024))
    with pytest.raises(MemoryError, match="--mem"):
        read(at, ReadOptions(mem=20_000))


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    assert "JSON is UTF-8" in refused(folder(tmp_path, GOOD), encoding="latin-1")


def test_times_are_in_order_whatever_the_file_says(tmp_path: Path) -> None:
    dataset = read(folder(tmp_path, [shown(1, 5, 0, T + 9), profile(1), shown(1, 6, 0, T)]))
    assert np.diff(dataset.events.time).min() > 0
