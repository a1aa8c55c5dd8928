"""Each format becomes the same data set in every packing; what was assumed is shown."""

from __future__ import annotations

import bz2
import gzip
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from polyrec.data import READERS, Dataset, ReadOptions, SplitConfig, read
from polyrec.data.check import check
from polyrec.data.readers import draft, recognise
from polyrec.data.readers.columns.keys import compact

CSV = b"user,item,ts\nu1,i1,1400000000\nu2,i1,1400000005\nu1,i2,1400000003\nu1,i3,1400000001\n"
DAY = 1_400_000_000


@dataclass(frozen=True)
class Form:
    """A tiny fixture of one format, and what it holds."""

    reader: str
    files: dict[str, bytes]
    sizes: tuple[int, int, int]
    first: list[str]  # targets of the first actor, in order
    path: str = ""
    clock: bool = True
    options: dict[str, Any] = field(default_factory=dict)


TENCENT = {
    "seq.jsonl": b'[[1,5,null,{"100":2,"101":7},0,1748000000],'
    b'[1,null,{"103":3,"106":[4,9]},null,null,1749999999],[1,6,null,{"100":1},1,1748000009]]\n'
    b'[[2,null,{"103":1,"106":[]},null,null,1748000001],[2,5,null,{"100":2,"101":7},2,1748000005]]\n',
    "item_feat_dict.json": b'{"5": {"100": 2, "101": 7}, "6": {"100": 1}, "7": {"100": 2}}\n',
    "creative_emb/emb_81_32/part-0.json": b'{"anonymous_cid": "5", "emb": [1.0, 2.5]}\n'
    b'{"anonymous_cid": "7", "emb": [0, -1]}\n',
}
REVIEW = b'{"reviewerID":"%b","asin":"%b","unixReviewTime":%d,"overall":5.0,"helpful":[0,1]}\n'
FORMS = [
    Form("delimited", {"log.csv": CSV}, (2, 3, 4), ["i1", "i3", "i2"]),
    Form("delimited", {"log.tsv": CSV.replace(b",", b"\t")}, (2, 3, 4), ["i1", "i3", "i2"]),
    Form("delimited", {"log.txt": CSV.replace(b",", b"::")}, (2, 3, 4), ["i1", "i3", "i2"]),
    Form("delimited", {"log.csv": CSV.replace(b",", b";")}, (2, 3, 4), ["i1", "i3", "i2"]),
    Form(
        "delimited",
        {"log.csv": b'user,item,title\n"u,1","i ""1""",a\nu2,i2,"two\nlines"\n'},
        (2, 2, 2),
        ['i "1"'],
        clock=False,
    ),
    Form(
        "atomic",
        {
            "t.inter": b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
            b"a\tx\t3\t881250949\nb\ty\t4\t891717742\na\ty\t1\t881250950\n",
            "t.user": b"user_id:token\tage:float\na\t24\nb\t\n",
            "t.item": b"item_id:token\tclass:token_seq\tv:float_seq\nx\tA B\t1 2\ny\tB\t3 4\n",
            "t.kg": b"head_id:token\trelation_id:token\ttail_id:token\ne1\tr\te2\n",
            "t.link": b"item_id:token\tentity_id:token\nx\te1\n",
            "t.net": b"source_id:token\ttarget_id:token\na\tb\n",
        },
        (2, 2, 3),
        ["x", "y"],
    ),
    Form(
        "movielens",
        {
            "u.data": b"196\t242\t3\t881250949\n186\t302\t3\t891717742\n",
            "u.user": b"196|49|M|writer|55105\n186|39|F|executive|00000\n",
            "u.item": b"242|Kolya (1996)|24-Jan-1997||http://x|0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n",
        },
        (2, 2, 2),
        ["242"],
    ),
    Form(
        "movielens",
        {
            "ratings.dat": b"1::1193::5::978300760\n1::661::3::978302109\n",
            "movies.dat": b"1193::One Flew (1975)::Drama\n661::James (1996)::Animation|Musical\n",
            "users.dat": b"1::F::1::10::48067\n",
        },
        (1, 2, 2),
        ["1193", "661"],
    ),
    Form(
        "movielens",
        {
            "ratings.csv": b"userId,movieId,rating,timestamp\n1,2,3.5,1112486027\n"
            b"1,29,3.5,1112484676\n",
            "movies.csv": b'movieId,title,genres\n2,"Jumanji, the (1995)",Adventure|Fantasy\n'
            b"29,City,Drama\n",
        },
        (1, 2, 2),
        ["29", "2"],
    ),
    Form(
        "lightgcn",
        {"train.txt": b"0 0 1 2\n1 2\n2\n", "test.txt": b"0 3\n1 0\n"},
        (2, 4, 6),
        ["0", "1", "2", "3"],
        clock=False,
    ),
    Form(
        "lastfm",
        {"data1.txt": b"3\t1\t5\n4\t2\t1\n", "test1.txt": b"3\t2\t7\n"},
        (2, 2, 3),
        ["1", "2"],
        clock=False,
    ),
    Form("sequences", {"Beauty.txt": b"1 5 5 4\n2 4 6\n"}, (2, 3, 5), ["5", "5", "4"], clock=False),
    Form(
        "comirec",
        {
            "book_train.txt": b"7,2,1\n7,1,0\n7,3,2\n",
            "book_valid.txt": b"8,1,0\n8,2,1\n",
            "book_test.txt": b"9,3,0\n9,1,1\n",
        },
        (3, 3, 7),
        ["1", "2", "3"],
        clock=False,
    ),
    Form(
        "reviews",
        {"reviews_Books_5.json": REVIEW % (b"A", b"x", DAY + 9) + REVIEW % (b"A", b"y", DAY)},
        (1, 2, 2),
        ["y", "x"],
    ),
    Form(
        "taobao",
        {"UserBehavior.csv": b"1,22,333,pv,1511544070\n1,23,333,buy,1511544071\n"},
        (1, 2, 2),
        ["22", "23"],
    ),
    Form("tencentgr", TENCENT, (2, 3, 3), ["5", "6"]),
]
names = [f"{form.reader} {next(iter(form.files))}" for form in FORMS]
forms = pytest.mark.parametrize("form", FORMS, ids=names)


def put(folder: Path, files: dict[str, bytes], packing: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        if packing == "crlf":
            content = content.replace(b"\n", b"\r\n")
        elif packing == ".gz":
            content = gzip.compress(content)
        elif packing == ".bz2":
            content = bz2.compress(content)
        elif packing == ".zst":
            content = pa.compress(content, codec="zstd", asbytes=True)
        path = folder / (name + packing.replace("crlf", ""))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / (next(iter(files)) + packing.replace("crlf", ""))


def targets_of(dataset: Dataset, actor: int) -> list[str]:
    events = dataset.events
    ids = events.target[events.start[actor] : events.start[actor + 1]]
    return dataset.vocabs["target"].keys(ids)


@forms
def test_a_fixture_is_recognised_and_read(form: Form, tmp_path: Path) -> None:
    path = put(tmp_path, form.files)
    assert recognise(path) == form.reader
    dataset = read(path, ReadOptions(**form.options))
    assert tuple(dataset.sizes) == form.sizes
    assert targets_of(dataset, 1) == form.first
    assert dataset.events.clock == form.clock
    assert set(dataset.source.sha256) == set(form.files)


@forms
@pytest.mark.parametrize("packing", ["crlf", ".gz", ".bz2", ".zst"])
def test_every_packing_gives_the_same_hash(form: Form, packing: str, tmp_path: Path) -> None:
    plain = read(put(tmp_path / "plain", form.files))
    assert read(put(tmp_path / "packed", form.files, packing)).hash == plain.hash


def test_every_reader_of_the_catalogue_has_a_fixture_and_a_doc_line() -> None:
    assert set(READERS) == {form.reader for form in FORMS} | {"parquet"}
    assert all(reader.__doc__ for reader in READERS.values())


def test_folders_of_known_layouts_are_read(tmp_path: Path) -> None:
    for form in FORMS:
        if form.reader in ("atomic", "movielens", "lightgcn", "lastfm", "comirec", "tencentgr"):
            folder = tmp_path / form.reader / next(iter(form.files))
            folder.parent.mkdir(exist_ok=True)
            file = put(folder, form.files)
            assert read(folder).hash == read(file).hash


def test_only_whole_numbers_are_taken_for_lastfm(tmp_path: Path) -> None:
    other = {"data1.txt": b"user,item\na,b\na,c\n", "test1.txt": b"1 2 3\n"}
    assert recognise(put(tmp_path / "other", other)) == "delimited"
    spaces = {"data1.txt": b"3 1 5\n4 2 1\n", "test1.txt": b"3 2 7\n"}
    assert tuple(read(put(tmp_path / "spaces", spaces)).sizes) == (2, 2, 3)
    broken = {"data1.txt": b"3\t1\t5\n4\t2\t1\n", "test1.txt": b"3\tx\t7\n"}
    with pytest.raises(ValueError, match=r"test1.txt:1.*item \"x\" is no whole number"):
        read(put(tmp_path / "broken", broken))


def test_the_mapping_is_shown_with_three_sample_rows(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(
        b"user,item,ts,rating,note\nu1,i1,1400000000,3,a\nu2,i1,1400000005,4,b\n"
        b"u1,i2,1400000003,5,c\nu1,i3,1400000001,1,d\n"
    )
    held = draft(path)
    assert held.mapping.show(held.rows) == (
        "role    column  row 1       row 2       row 3\n"
        "actor   user    u1          u2          u1\n"
        "target  item    i1          i1          i2\n"
        "time    ts      1400000000  1400000005  1400000003\n"
        "rating  rating  3           4           5\n"
        "not used: note"
    )


def test_frames_and_columnar_files_give_the_same_data_as_text(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    path = tmp_path / "log.csv"
    path.write_bytes(CSV)
    wanted = read(path).hash
    table = pl.read_csv(path).to_arrow()
    pq.write_table(table, tmp_path / "a.parquet")
    feather.write_feather(table, tmp_path / "a.feather")
    coded = table.set_column(0, "user", pc.dictionary_encode(table["user"]))
    sources = [table, coded, pl.read_csv(path), pl.read_csv(path).lazy(), pd.read_csv(path)]
    assert {read(source).hash for source in sources} == {wanted}
    assert read(tmp_path / "a.parquet").hash == wanted
    assert read(tmp_path / "a.feather").hash == wanted
    pl.read_csv(path).write_ipc(tmp_path / "views.arrow")  # text as string_view
    assert read(tmp_path / "views.arrow").hash == wanted


def test_columns_of_other_kinds_are_in_nobodys_way_and_have_no_role(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    plain = pd.DataFrame({"user": ["a", "b"], "item": ["x", "y"]})
    day = pd.period_range("2020-01-01", periods=2)
    odd = plain.assign(many=[[1], [2]], day=day, raw=[b"\xff", b"\xfe"], both=[{"a": 1}] * 2)
    odd.to_parquet(tmp_path / "odd.parquet")
    assert read(tmp_path / "odd.parquet").hash == read(plain).hash
    assert check(tmp_path / "odd.parquet")[0].level == "PASS"
    for role, column in (("time", "day"), ("target", "raw"), ("rating", "many")):
        with pytest.raises(ValueError, match=f'column "{column}"') as caught:
            read(odd, ReadOptions(**{role: column}))
        assert "\n" not in str(caught.value)


def test_a_data_frame_is_never_modified_and_its_index_is_ignored_with_a_note() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"user": ["a", "b"], "item": ["x", "y"]}, index=[5, 9])
    before = frame.copy(deep=True)
    dataset = read(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert any("index" in note for note in dataset.source.notes)


def test_time_units_agree(tmp_path: Path) -> None:
    stamps = {
        "s": b"1400000000",
        "ms": b"1400000000000",
        "us": b"1400000000000000",
        "ns": b"1400000000000000000",
        "float": b"1400000000.0",
        "iso": b"2014-05-13 16:53:20",
        "iso T": b"2014-05-13T16:53:20Z",
        "zone": b"2014-05-13T18:53:20+02:00",
        "utc": b"2014-05-13 16:53:20 UTC",
    }
    hashes = set()
    for name, stamp in stamps.items():
        path = tmp_path / f"{name}.csv"
        path.write_bytes(b"user,item,time\nu,i," + stamp + b"\nv,i," + stamp + b"\n")
        dataset = read(path)
        assert int(dataset.events.time[0]) == DAY * 1000, name
        hashes.add(dataset.hash)
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("stamp", "said"),
    [
        ("2014-05-13 16:53:20", True),
        ("2014-05-13T16:53:20", True),
        ("2014-05-13", True),
        ("2014-05-13T16:53:20Z", False),
        ("2014-05-13 16:53+0200", False),
    ],
)
def test_a_missing_zone_is_noted_and_a_present_one_is_not(
    stamp: str, said: bool, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(f"user,item,time\nu,i,{stamp}\nv,j,{stamp}\n")
    notes = read(tmp_path / "a.csv").source.notes
    assert ("times without zone read as UTC" in notes) == said


def test_a_known_file_brings_its_terms_and_warnings_under_any_name(
    real_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt.gz").write_bytes((real_data / "amazon_seq/Beauty.txt.gz").read_bytes())
    source = read(tmp_path / "mine.txt.gz", ReadOptions(reader="sequences")).source
    assert "the catalogue knows this as beauty-seq" in source.notes
    assert "McAuley" in source.licence


def test_day_and_month_that_tell_themselves_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"user,item,date\nu,i,13/05/2014\nu,j,01/06/2014 10:00\n")
    assert read(path).events.time.tolist() == [1_399_939_200_000, 1_401_616_800_000]


def test_small_whole_numbers_are_an_order_without_clock(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"user,item,time\nu,i,2\nu,j,1\nu,k,0\n")
    dataset = read(path)
    assert not dataset.events.clock
    assert targets_of(dataset, 1) == ["k", "j", "i"]


def test_positive_turns_ratings_into_events_and_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"user,item,score\nu,i,5\nu,j,3\nv,i,4\n")
    dataset = read(path, ReadOptions(positive="score>=4"))
    assert len(dataset.events) == 2
    (count,) = dataset.source.counts
    assert (count.before.events, count.after.events) == (3, 2)


def test_labels_positions_and_named_columns_travel_with_the_events(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"user,item,click,buy,pos,price\nv,i,1,0,3,2.5\nu,j,1,1,1,7\n")
    options = ReadOptions(label=("click", "buy"), position="pos", rename=(("cost", "price"),))
    extra = read(path, options).events.extra
    assert extra["buy"].tolist() == [0, 1]
    assert extra["position"].dtype == np.int16
    assert extra["cost"].tolist() == [2.5, 7.0]


def test_text_and_integer_keys_are_numbered_alike() -> None:
    text = pa.chunked_array([pa.array(["10", "9", "10", "120", "9", "10"])])
    numbers = compact(text)
    assert pa.types.is_integer(numbers.type)
    users = pa.array(["a"] * 6)
    as_text = pa.table({"user": users, "item": pc.cast(text, pa.large_string())})
    assert read(as_text).hash == read(pa.table({"user": users, "item": numbers})).hash


@pytest.mark.parametrize(
    "keys", [["007", "7"], ["+7", "7"], ["0x10", "16"], ["-0", "1"], [" 7", "7"]]
)
def test_only_plain_decimal_text_is_taken_as_integer(keys: list[str]) -> None:
    column = pa.chunked_array([pa.array(keys)])
    assert not pa.types.is_integer(compact(column).type)


def test_given_parts_come_from_files_or_a_column(tmp_path: Path) -> None:
    train = [(u, i) for u in range(4) for i in range(12)]
    test = [(u, 20 + u) for u in range(4)]
    head = b"user,item\n"
    (tmp_path / "a.csv").write_bytes(head + b"".join(b"%d,%d\n" % pair for pair in train))
    (tmp_path / "b.csv").write_bytes(head + b"".join(b"%d,%d\n" % pair for pair in test))
    files = read(tmp_path / "a.csv", ReadOptions(test="b.csv"))
    rows = [b"%d,%d,train\n" % pair for pair in train] + [b"%d,%d,2\n" % pair for pair in test]
    (tmp_path / "c.csv").write_bytes(b"user,item,fold\n" + b"".join(rows))
    marked = read(tmp_path / "c.csv", ReadOptions(part="fold"))
    assert files.hash == marked.hash
    assert len(files.split(SplitConfig(how="given")).test) == 4


def test_comirec_triples_keep_their_item_ids_and_split(tmp_path: Path) -> None:
    files = {
        f"b_{part}.txt": b"".join(
            b"%d,%d,%d\n" % (base + u, 1 + (4 * u + i) % 9, i) for u in range(3) for i in range(5)
        )
        for part, base in (("train", 0), ("valid", 10), ("test", 20))
    }
    dataset = read(put(tmp_path, files))
    assert dataset.vocabs["target"].keys([1, 9]) == ["1", "9"]
    split = dataset.split(SplitConfig(how="by-user"))
    assert len(split.test) == 3
    assert dataset.vocabs["actor"].keys(split.test.cluster.numpy()) == ["20", "21", "22"]


def test_tables_of_an_atomic_set_follow_the_ids(tmp_path: Path) -> None:
    dataset = read(put(tmp_path, FORMS[5].files))
    items, users = dataset.tables["target"], dataset.tables["actor"]
    x = int(dataset.vocabs["target"].ids(["x"])[0])
    assert items.columns["v"].values[x].tolist() == [1.0, 2.0]
    assert users.columns["age"].present.tolist() == [False, True, False]
    assert {"kg", "link", "net"} <= set(dataset.tables)


def test_the_row_order_of_a_file_does_not_change_target_ids(tmp_path: Path) -> None:
    lines = CSV.splitlines(keepends=True)
    (tmp_path / "a.csv").write_bytes(CSV)
    (tmp_path / "b.csv").write_bytes(b"".join([lines[0], *reversed(lines[1:])]))
    a, b = read(tmp_path / "a.csv"), read(tmp_path / "b.csv")
    assert a.vocabs["target"].hash == b.vocabs["target"].hash


def test_what_was_read_and_assumed_is_kept_with_the_data(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(CSV)
    source = read(path).source
    assert source.reader == "delimited"
    assert source.options["mapping"] == {"actor": "user", "target": "item", "time": "ts"}
    assert any("unit: s" in note for note in source.notes)
