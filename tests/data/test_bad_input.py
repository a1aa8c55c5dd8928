"""Every kind of bad input gets its own one-line message: place, value, rule, remedy.

The numbers are those of the table of required messages. Rows without a case here:

| row | why |
|---|---|
| 26 | 2,147,483,646 distinct keys do not fit into a test: `test_vocab`, with a smaller limit |
| 37 | label parts belong to splits of rows: `test_rows`; one class in all is D15, `test_check` |
| 38 | a finding (D14), not an error of reading: `test_check` |
| 55 | `test_store`: no room on the disk, folder taken, a file that cannot be written whole |
| 56 | needs a file that changes while it is read: `test_a_file_that_changes_is_refused` below |
| 57, 58 | `test_catalogue`: a local server with another file, no server |
| 60 | profile records: `test_tencentgr` |
| 61 | node tables: edge lists belong to the graph family |
"""

from __future__ import annotations

import bz2
import gzip
import io
import os
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from polyrec.data import Dataset, Filters, ReadOptions, SplitConfig, filters, read

HEAD = b"user,item,ts\n"
GOOD = HEAD + b"".join(b"u%d,i%d,%d\n" % (i % 7, i % 5, 1_400_000_000 + i) for i in range(20))


@dataclass(frozen=True)
class Case:
    """One row of the table: files, flags, and what must be said."""

    row: int
    what: str
    files: dict[str, bytes]
    says: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    read: str = ""  # the path to read; empty = the first file
    error: type[Exception] = ValueError


def ratings(*rows: bytes, head: bytes = b"user,item,ts,rating") -> bytes:
    return b"\n".join([head, *rows]) + b"\n"


def atomic(**files: bytes) -> dict[str, bytes]:
    events = (
        b"user_id:token\titem_id:token\ttimestamp:float\nu1\ti1\t1400000000\nu2\ti2\t1400000001\n"
    )
    return {"d.inter": events} | {f"d.{name}": content for name, content in files.items()}


def truncated_zst() -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(os.urandom(5000) + GOOD * 50)
    return sink.getvalue().to_pybytes()[:3000]


T = b"1400000000"
REFUSED = [
    Case(
        1,
        "missing",
        {"logs.csv": GOOD},
        ("no such file", "logs.csv"),
        read="log.csv",
        error=FileNotFoundError,
    ),
    Case(
        2,
        "folder",
        {"a.csv": GOOD},
        ("folder of no known layout", "a.csv", "name one file"),
        read=".",
    ),
    Case(3, "empty", {"a.csv": b""}, ("0 bytes", "at least a header", "download")),
    Case(4, "header only", {"a.csv": HEAD}, ("0 rows after the header", "user", "--no-header")),
    Case(
        6,
        "wrong separator",
        {"a.csv": GOOD.replace(b",", b"\t")},
        ("1 column", "2 x tab", "--sep '\\t'"),
        {"sep": ","},
    ),
    Case(6, "no separator", {"a.csv": b"user\nu1\nu2\n"}, ("1 column", "--sep")),
    Case(
        7,
        "ragged",
        {"a.csv": GOOD + b"u,i,1400000000,4\n"},
        ("a.csv:22: 4 fields, the header has 3", "--bad-rows skip:N"),
    ),
    Case(7, "short", {"a.csv": GOOD + b"u\n"}, ("a.csv:22: 1 fields", "--bad-rows")),
    Case(
        8,
        "unclosed quote",
        {"a.csv": GOOD + b'"u,i,1400000000\n' + GOOD[13:]},
        ("a quote opened on line 22 is never closed", "--quote none"),
    ),
    Case(
        8,
        "two unclosed quotes",
        {"a.csv": HEAD + b'u1,"i1,1400000000\nu2,i2,1400000001\nu3,"i3,1400000002\n'},
        ("a.csv:2", "quote", "--quote none"),
    ),
    Case(
        9,
        "no target",
        {"a.csv": b"user,thing,ts\nu,i,1400000000\n"},
        ("no column for target", "user, thing, ts", "--target NAME"),
    ),
    Case(
        9,
        "flag names no column",
        {"a.csv": GOOD},
        ('no column "usr"', "nearest: user"),
        {"actor": "usr"},
    ),
    Case(
        10,
        "two actors",
        {"a.csv": b"user_id,uid,item\nu,v,i\n"},
        ("user_id and uid both look like actor", "--actor"),
    ),
    Case(
        11,
        "twin header",
        {"a.csv": b"user,ts,item,x,ts\nu,1,i,2,3\n"},
        ('column "ts" stands 2 times (2 and 5)', "--no-header --columns"),
    ),
    Case(
        12,
        "no header",
        {"a.tsv": b"196\t242\t3\t881250949\n186\t302\t3\t891717742\n"},
        ("196 242 3 881250949", "looks like data", "--no-header"),
    ),
    Case(
        13,
        "latin-1",
        {"a.csv": GOOD + b"u\xe9,i,1400000000\n"},
        ("a.csv:22", "byte 0xE9 at offset", "--encoding latin-1"),
    ),
    Case(
        14,
        "UTF-16",
        {"a.csv": b"\xff\xfe" + GOOD.decode().encode("utf-16-le")},
        ("byte-order mark FF FE", "--encoding utf-16"),
    ),
    Case(17, "NUL", {"a.csv": GOOD + b"u\0,i,1400000000\n"}, ("a.csv:22", "NUL byte at offset")),
    Case(17, "workbook", {"a.xlsx": b"PK\x03\x04" + bytes(40)}, ("a workbook", "as CSV UTF-8")),
    Case(17, "page", {"a.csv": b"<!DOCTYPE html>\n<p>404</p>\n"}, ("a web page", "fetch it again")),
    Case(17, "array", {"a.json": b'[\n{"user": 1}\n]\n'}, ("one JSON array", "one object a line")),
    Case(17, "zip", {"a.csv": b"PK\x03\x04" + bytes(40)}, ("zip archive", "unzip")),
    Case(17, "cut Parquet", {"a.csv": b"PAR1" + b"x" * 40}, ("cannot be read", "write it again")),
    Case(
        18,
        "cut gzip",
        {"a.csv.gz": gzip.compress(GOOD + os.urandom(9000).hex().encode())[:4000]},
        ("archive ends early", "byte 4000", "rows", "nothing is imported", "again"),
    ),
    Case(18, "cut bzip2", {"a.csv.bz2": bz2.compress(GOOD * 9)[:80]}, ("ends early", "byte 80")),
    Case(18, "cut zstandard", {"a.csv.zst": truncated_zst()}, ("ends early", "byte 3000")),
    Case(19, "pickle", {"a.bin": pickle.dumps({"a": 1})}, ("pickle", "refused", "no flag", "JSON")),
    Case(19, "old pickle", {"a.bin": pickle.dumps([1, 2], 0)}, ("pickle", "refused")),
    Case(19, "by name", {"ind.cora.graph": b"anything"}, ("pickle", "refused")),
    Case(19, "packed", {"a.gz": gzip.compress(pickle.dumps({"a": 1}))}, ("pickle", "refused")),
    Case(
        20,
        "empty key",
        {"a.csv": GOOD + b",i,1400000000\n"},
        ("a.csv:22:1: empty actor", "--bad-rows skip:N"),
    ),
    Case(20, "blank key", {"a.csv": GOOD + b"u,  ,1400000000\n"}, ("a.csv:22:2: empty target",)),
    Case(
        21,
        "nan key",
        {"a.csv": GOOD + b"nan,i,1400000000\nnan,j,1400000000\n"},
        ('a.csv:22:1: 2 rows with actor "nan"', "real key?", "--keep-null-keys"),
    ),
    Case(
        24,
        "huge label",
        {"a.csv": b"user,item,label\nu,i,1\nv,j,1e19\n"},
        ("a.csv:3:3", "1e19", "2^63-1", "fix or drop"),
    ),
    Case(
        24,
        "huge time",
        {"a.csv": GOOD + b"u,i,10000000000000000000\n"},
        ("a.csv:22:3", "10000000000000000000", "2^63-1"),
    ),
    Case(
        25,
        "long key",
        {"a.csv": GOOD + b"u" * 2000 + b",i,1400000000\n"},
        ("a.csv:22:1", "2000 bytes", "1024", "unclosed quote?"),
    ),
    Case(
        27,
        "word as time",
        {"a.csv": GOOD + b"u,i,yesterday\n"},
        ('a.csv:22:3: time "yesterday"', "--time-unit iso"),
    ),
    Case(
        28,
        "mixed units",
        {"a.csv": GOOD + b"u,i,1400000000000\n"},
        ("a.csv:22:3", "4.76% of times are 1000 times larger", "no guess", "separately"),
    ),
    Case(
        29,
        "ambiguous dates",
        {"a.csv": b"user,item,date\nu,i,03/04/2019\nu,j,05/06/2019\n"},
        ("a.csv:2:3", "DD/MM or MM/DD", "--date-format"),
    ),
    Case(
        30,
        "future",
        {"a.csv": GOOD + b"u,i,3900000000\n"},
        ("a.csv:22:3", "1 in the future", "2093", "1990 and tomorrow", "--accept D8"),
    ),
    Case(30, "before 1990", {"a.csv": GOOD + b"u,i,400000000\n"}, ("1 times before 1990", "1982")),
    Case(
        31,
        "zero time",
        {"a.csv": GOOD + b"u,i,0\n"},
        ('a.csv:22:3: time "0"', "means missing", "--time-missing 0"),
    ),
    Case(31, "negative time", {"a.csv": GOOD + b"u,i,-5\n"}, ('a.csv:22:3: time "-5"',)),
    Case(
        32,
        "missing time",
        {"a.csv": GOOD + b"u,i,\nv,i,nan\n"},
        ("a.csv:22:3: time is missing", "2 of 22 rows", "--time-unit order"),
    ),
    Case(
        35,
        "word as rating",
        {"a.csv": ratings(b"u,i,%b,5" % T, b"v,j,%b,good" % T)},
        ('a.csv:3:4: rating "good"', "range seen elsewhere 5 to 5", "--bad-rows skip:N"),
    ),
    Case(
        35,
        "infinite rating",
        {"a.csv": ratings(b"u,i,%b,5" % T, b"v,j,%b,inf" % T)},
        ('rating "inf" is no finite number',),
    ),
    Case(
        35,
        "decimal comma",
        {"a.csv": b"user;item;rating\nu;i;3,5\nv;j;4,0\n"},
        ('a.csv:2:3: rating "3,5"', "no cell holds one (a comma for the decimal point", "fix the"),
    ),
    Case(
        35,
        "text is never filled",
        {"a.csv": ratings(b"u,i,%b,5" % T, b"v,j,%b,good" % T)},
        ('a.csv:3:4: rating "good"', "fix the column or --bad-rows skip:N"),
        {"fill": (("rating", 0.0),)},
    ),
    Case(
        36,
        "labels",
        {"a.csv": b"user,item,label\nu,i,1\nv,j,-1\nw,j,2\n"},
        ("{-1, 1, 2}", "0 or 1", '--positive "label==1"'),
    ),
    Case(
        39,
        "feature nan",
        atomic(item=b"item_id:token\tprice:float\ni1\t2.5\ni2\tnan\n"),
        ("d.item:3:2", '"price"', "--fill price=0"),
    ),
    Case(
        39,
        "infinite column",
        {"a.csv": ratings(b"u,i,%b,5" % T, b"v,j,%b,inf" % T, head=b"user,item,ts,price")},
        ('a.csv:3:4: column "price": "inf"', "--fill price=0"),
        {"rename": (("price", "price"),)},
    ),
    Case(
        40,
        "text in numbers",
        atomic(item=b"item_id:token\tsalary:float\ni1\t2\ni2\t12,000\n"),
        ("d.item:3:2", '"12,000"', "thousands separator?", "--ignore salary"),
    ),
    Case(
        41,
        "brackets",
        atomic(item=b"item_id:token\ttags:token_seq\ni1\ta b\ni2\t[1, 2]\n"),
        ("d.item:3:2", "would be read as", "--list-sep"),
    ),
    Case(
        41,
        "trailing separator",
        atomic(item=b"item_id:token\ttags:token_seq\ni1\ta \n"),
        ("d.item:2:2", "would be read as", "--list-sep"),
    ),
    Case(
        42,
        "vectors",
        atomic(
            item=b"item_id:token\tv:float_seq\n"
            + b"".join(b"x%d\t1 2 3\n" % i for i in range(20))
            + b"y\t1 2\n"
        ),
        ("d.item:22:2", "a vector of 2 numbers, the others have 3", "missing"),
    ),
    Case(
        45,
        "twin rows",
        atomic(item=b"item_id:token\tc:token\ni1\ta\ni2\tb\ni1\tc\n"),
        ('d.item:4:1: key "i1" stands on line 2', "--keep first|last"),
    ),
    Case(
        46, "word in a list", {"train.txt": b"1 2 3\n2 x 4\n"}, ("train.txt:2:2", '"x"', "integers")
    ),
    Case(
        46,
        "twin user",
        {"train.txt": b"1 2 3\n2 3\n1 4 5\n"},
        ("train.txt:3", "user 1 stands on lines 1 and 3", "merge them", "delimited"),
    ),
    Case(
        46,
        "list or sequence",
        {"mine.txt": b"1 2 3\n2 3\n3 4 5 6\n"},
        ("list or a sequence?", "--reader sequences"),
    ),
    Case(
        47,
        "two beginnings",
        {
            "d.inter": b"user_id:token\titem_id:token\nu\t0\nv\t1\n",
            "d.item": b"item_id:token\tprice:float\n1\t2\n2\t3\n",
        },
        ("events start at 0, those of the table at 1", "without --order given"),
        {"order": "given"},
    ),
    Case(
        48,
        "gaps",
        {"a.csv": b"user,item\nu,1\nu,2\nv,4000000000\n"},
        ("4,000,000,000", "GB", "re-index"),
        {"order": "given"},
    ),
    Case(
        49,
        "overlap",
        {"train.txt": b"1 2 3\n2 3 9\n", "test.txt": b"1 3\n2 8\n"},
        ("1 identical events in train and test", "test.txt:1", "--allow-leak L1"),
    ),
    Case(
        50,
        "shared users",
        {
            "b_train.txt": b"1,2,0\n1,3,1\n",
            "b_valid.txt": b"2,2,0\n2,3,1\n",
            "b_test.txt": b"1,2,0\n1,3,1\n",
        },
        ("1 users stand in b_train.txt too",),
    ),
    Case(
        54,
        "memory",
        {"a.csv": GOOD},
        ("needs 0.00101 MB of memory", "limit 0.000477 MB", "--mem"),
        {"mem": 500},
        error=MemoryError,
    ),
    Case(
        59,
        "broken JSON",
        {
            "r.json": b'{"reviewerID":"u","asin":"a","unixReviewTime":1400000000}\n'
            b'{"reviewerID":"u","asin":\n'
        },
        ("r.json:2", "broken JSON record", "--bad-rows skip:N"),
    ),
    Case(
        59,
        "record is no object",
        {"r.json": b'{"reviewerID":"u","asin":"a"}\n[1,2]\n'},
        ("r.json:2", "a list", "one JSON object"),
    ),
    Case(
        62,
        "unknown reader",
        {"a.csv": GOOD},
        ("delimitd", "nearest: delimited"),
        {"reader": "delimitd"},
    ),
    Case(
        62, "unknown unit", {"a.csv": GOOD}, ("--time-unit", "sec", "one of"), {"time_unit": "sec"}
    ),
    Case(
        62,
        "unknown encoding",
        {"a.csv": GOOD},
        ("--encoding", "latin-7x"),
        {"encoding": "latin-7x"},
    ),
    Case(62, "bad --bad-rows", {"a.csv": GOOD}, ("--bad-rows", "skip:20"), {"bad_rows": "20"}),
    Case(62, "bad --positive", {"a.csv": GOOD}, ("--positive", "rating>=4"), {"positive": "ts"}),
]

ACCEPTED = [
    Case(15, "byte-order mark", {"a.csv": b"\xef\xbb\xbf" + GOOD}, ("byte-order mark removed",)),
    Case(16, "CRLF", {"a.csv": GOOD.replace(b"\n", b"\r\n")}, ("read as LF",)),
    Case(16, "CR", {"a.csv": GOOD.replace(b"\n", b"\r")}, ("read as LF",)),
    Case(
        22,
        "float keys",
        {"a.csv": b"user,item\nu,123.0\nv,124.0\n"},
        ('end in ".0"', "kept as text", "--key-int"),
    ),
    Case(
        23, "leading zero", {"a.csv": b"user,item\nu,007\nv,7\n"}, ("leading zero", "kept as text")
    ),
    Case(
        24, "large key", {"a.csv": b"user,item\nu,10000000000000000000\nv,a\n"}, ("kept as text",)
    ),
    Case(
        43,
        "cold rows",
        atomic(item=b"item_id:token\tc:token\ni1\ta\ni2\tb\ni3\tc\n"),
        ("1 rows of the target table have no event", "cold"),
    ),
    Case(
        44,
        "bare items",
        atomic(item=b"item_id:token\tc:token\ni1\ta\n"),
        ("1 targets have no row",),
    ),
    Case(47, "zero-based list", {"train.txt": b"0 0 1\n1 2\n2 3 4 5\n"}, ("ids start at 0",)),
    Case(
        47,
        "zero-based, given",
        {"a.csv": b"user,item\n0,0\n1,1\n"},
        ("moved up by 1",),
        {"order": "given"},
    ),
]


def put(folder: Path, case: Case) -> Path:
    for name, content in case.files.items():
        (folder / name).write_bytes(content)
    return folder / (case.read or next(iter(case.files)))


def names(cases: list[Case]) -> list[str]:
    return [f"{case.row} {case.what}" for case in cases]


@pytest.mark.parametrize("case", REFUSED, ids=names(REFUSED))
def test_bad_input_is_refused_in_one_line_with_value_rule_and_remedy(
    case: Case, tmp_path: Path
) -> None:
    path = put(tmp_path, case)
    with pytest.raises(case.error) as caught:
        read(path, ReadOptions(**case.options))
    message = str(caught.value)
    assert "\n" not in message
    for words in case.says:
        assert words in message, message


@pytest.mark.parametrize("case", ACCEPTED, ids=names(ACCEPTED))
def test_odd_input_is_accepted_and_noted(case: Case, tmp_path: Path) -> None:
    dataset = read(put(tmp_path, case), ReadOptions(**case.options))
    assert any(all(w in note for w in case.says) for note in dataset.source.notes), (
        dataset.source.notes
    )


SKIPPED = [
    Case(7, "ragged", {"a.csv": GOOD + b"u,i\n"}, ("1 rows left out: wrong number of fields",)),
    Case(20, "empty key", {"a.csv": GOOD + b",i,1400000000\n"}, ("1 rows left out: empty actor",)),
    Case(21, "nan key", {"a.csv": GOOD + b"u,null,1400000000\n"}, ("1 rows left out: null word",)),
    Case(25, "long key", {"a.csv": GOOD + b"u" * 2000 + b",i,1400000000\n"}, ("overlong actor",)),
    Case(27, "word as time", {"a.csv": GOOD + b"u,i,yesterday\n"}, ("1 rows left out: time",)),
    Case(
        31,
        "zero time",
        {"a.csv": GOOD + b"u,i,0\n"},
        ("1 rows left out: time is missing",),
        {"time_missing": 0.0},
    ),
    Case(32, "missing time", {"a.csv": GOOD + b"u,i,\n"}, ("1 rows left out: time is missing",)),
]


@pytest.mark.parametrize("case", SKIPPED, ids=names(SKIPPED))
def test_as_many_bad_rows_as_allowed_are_left_out_and_counted(case: Case, tmp_path: Path) -> None:
    path = put(tmp_path, case)
    dataset = read(path, ReadOptions(bad_rows="skip:1", **case.options))
    assert len(dataset.events) == 20
    assert any(case.says[0] in note for note in dataset.source.notes), dataset.source.notes
    with pytest.raises(ValueError, match="--bad-rows"):
        read(path, ReadOptions(bad_rows="skip:1%", **case.options))


def test_the_line_is_right_after_blank_lines_and_quoted_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'user,item,ts\n\n"a\nb",i,1400000000\n\nu,,1400000001\n')
    with pytest.raises(ValueError, match=r"a\.csv:6:2: empty target"):
        read(path)


def test_null_words_are_kept_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(GOOD + b"nan,i,1400000000\n")
    dataset = read(path, ReadOptions(keep_null_keys=True))
    assert dataset.vocabs["actor"].ids(["nan"])[0] > 0


def test_float_keys_become_integers_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"user,item\nu,123.0\nv,124.0\n")
    assert read(path, ReadOptions(key_int=True)).vocabs["target"].ids(["123"])[0] > 0


def test_a_named_day_and_month_decide_ambiguous_dates(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"user,item,date\nu,i,03/04/2019\n")
    read_as = [
        int(read(path, ReadOptions(date_format=form)).events.time[0])
        for form in ("%d/%m/%Y", "%m/%d/%Y")
    ]
    assert read_as == [1_554_249_600_000, 1_551_657_600_000]


def test_a_future_time_is_accepted_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(GOOD + b"u,i,3900000000\n")
    assert len(read(path, ReadOptions(accept=("D8",))).events) == 21


def test_a_file_that_changes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from polyrec.data.readers.text import content

    path = tmp_path / "a.csv"
    path.write_bytes(GOOD)
    whole = content.unpacked

    def growing(*arguments: Any) -> Any:
        stream = whole(*arguments)
        with path.open("ab") as file:
            file.write(b"u,i,1400000000\n")
        return stream

    monkeypatch.setattr(content, "unpacked", growing)
    with pytest.raises(ValueError, match="changed while it was read"):
        content.open_text(path, ReadOptions())


def dataset_of(tmp_path: Path, content: bytes) -> Dataset:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    return read(path)


def test_row_5_all_rows_filtered_out_names_every_filter(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, GOOD)
    with pytest.raises(ValueError, match=r"20 → 0.*loosen"):
        filters.apply(dataset, Filters(since=1_500_000_000_000))


def test_row_33_a_time_split_needs_a_clock(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, b"user,item\n" + b"u,i\nu,j\nu,k\n" * 5)
    with pytest.raises(ValueError, match="order only"):
        dataset.split(SplitConfig(how="time"))


def test_row_34_equal_times_cannot_be_split_by_time(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, HEAD + b"u,i,1400000000\nu,j,1400000000\nv,i,1400000000\n" * 4)
    with pytest.raises(ValueError, match="time"):
        dataset.split(SplitConfig(how="time"))


def test_row_51_an_empty_valid_part_shows_the_sum(tmp_path: Path) -> None:
    rows = b"".join(b"u%d,i%d,%d\n" % (u, i, 1_400_000_000 + i) for u in range(4) for i in range(5))
    dataset = dataset_of(tmp_path, HEAD + rows)
    with pytest.raises(ValueError, match=r"int\(.*4\) = 3"):
        dataset.split(SplitConfig(how="by-user"))


def test_row_52_leave_one_out_without_long_actors_is_refused(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, HEAD + b"u,i,1400000000\nv,i,1400000001\n")
    with pytest.raises(ValueError, match=r"3|min_events|fewer"):
        dataset.split(SplitConfig(how="leave-one-out"))


def test_row_53_an_empty_core_shows_its_rounds(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, GOOD)
    with pytest.raises(ValueError, match=r"k_core=50 leaves nothing.*smaller k"):
        filters.apply(dataset, Filters(k_core=50))


def test_row_62_an_unknown_split_names_the_nearest(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, GOOD)
    with pytest.raises(KeyError, match="leave-one-out"):
        dataset.split(SplitConfig(how="leave_one"))  # type: ignore[arg-type]


def test_row_63_a_multi_index_is_refused() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"user": [1, 2], "item": [1, 2]}, index=[[0, 0], [1, 2]])
    with pytest.raises(ValueError, match="MultiIndex"):
        read(frame)


def test_row_63_a_column_of_mixed_types_is_named() -> None:
    pd = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match='column "item" mixes types'):
        read(pd.DataFrame({"user": [1, 2], "item": [1, "b"]}))


def test_row_63_unused_levels_go_and_zones_become_utc() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "user": pd.Categorical(["a", "b"], categories=["z", "a", "b"]),
            "item": ["x", "y"],
            "time": pd.to_datetime(["2014-01-01", "2014-01-02"]).tz_localize("Europe/Berlin"),
        }
    )
    dataset = read(frame)
    assert dataset.vocabs["actor"].size == 2
    assert int(dataset.events.time[0]) == 1_388_530_800_000
    assert any("Europe/Berlin" in note for note in dataset.source.notes)


def test_row_64_markup_in_keys_is_data(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, HEAD + b"<script>,=1+1,1400000000\n")
    assert dataset.vocabs["actor"].key(1) == "<script>"
    assert dataset.vocabs["target"].key(1) == "=1+1"


def test_a_frame_of_floats_as_keys_is_refused() -> None:
    table = pa.table({"user": np.array([1.0, 2.0]), "item": ["a", "b"]})
    with pytest.raises(ValueError, match="--key-int"):
        read(table)


def test_an_open_file_is_no_log() -> None:
    with pytest.raises(ValueError, match="a log is a path"):
        read(io.BytesIO(GOOD))  # type: ignore[arg-type]
