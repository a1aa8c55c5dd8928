"""However broken the bytes: the same data, or one line that says what is wrong. Never a crash.

Counts never change silently: whatever comes back holds as many events as the file has rows,
less those whose loss is noted.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polyrec.data import Dataset, ReadOptions, read

from .test_readers import FORMS, Form

ROWS = [(f"u{i % 5}", f"i{i % 7}", 1_400_000_000 + 60 * i, i % 5 + 1) for i in range(40)]
CSV = b"user,item,ts,rating\n" + b"".join(
    b"%s,%s,%d,%d\n" % _ for _ in [(u.encode(), i.encode(), t, r) for u, i, t, r in ROWS]
)
REFUSALS = (ValueError, FileNotFoundError, MemoryError)


def outcome(files: dict[str, bytes], options: ReadOptions | None = None) -> Dataset | str:
    """What reading gives: a data set, or the message of the refusal."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / name).write_bytes(content)
        try:
            return read(Path(folder) / next(iter(files)), options)
        except REFUSALS as error:
            return str(error)


def holds(found: Dataset | str) -> None:
    """A refusal is one line of three parts; a data set is whole."""
    if isinstance(found, str):
        assert "\n" not in found, found
        assert len(found) < 1000, found
        assert found.count(";") >= 2 or "order=given" in found, found
        return
    events = found.events
    assert events.start[-1] == len(events) == len(events.target) > 0
    assert 1 <= events.target.min() <= events.target.max() <= found.items
    assert found.hash


def rows_of(content: bytes) -> int:
    """Rows that a text without quotes has, whatever its line ends."""
    text = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return sum(1 for line in text.split(b"\n")[1:] if line)


def corrupted(content: bytes, rng: random.Random) -> bytes:
    """Byte flips, a truncation, shuffled lines or swapped columns."""
    kind = rng.choice(["flip", "cut", "shuffle", "swap", "double", "insert"])
    if kind == "flip":
        out = bytearray(content)
        for _ in range(rng.choice([1, 1, 2, 5, 20])):
            out[rng.randrange(len(out))] = rng.randrange(256)
        return bytes(out)
    if kind == "cut":
        return content[: rng.randrange(len(content) + 1)]
    if kind == "insert":
        at = rng.randrange(len(content))
        word = rng.choice(
            [b'"', b"\n", b"\r", b"\0", b",", b"\t", b"::", b" ", b"\xff", b"nan", b"{"]
        )
        return content[:at] + word * rng.choice([1, 2, 30]) + content[at:]
    lines = content.split(b"\n")
    if kind == "shuffle":
        rng.shuffle(lines)
    elif kind == "double":
        lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    else:
        sep = rng.choice([b",", b"\t", b" ", b"::", b"|"])
        lines = [sep.join(reversed(line.split(sep))) for line in lines]
    return b"\n".join(lines)


def corrupt_one(form: Form, seed: int) -> None:
    rng = random.Random(seed)
    files = dict(form.files)
    name = rng.choice(list(files))
    files[name] = corrupted(files[name], rng)
    holds(outcome(files))


@given(st.integers(0, 2**32))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_a_corrupted_log_is_read_whole_or_refused(seed: int) -> None:
    content = corrupted(CSV, random.Random(seed))
    found = outcome({"log.csv": content})
    holds(found)
    if isinstance(found, Dataset) and b'"' not in content:
        assert len(found.events) == rows_of(content)


@given(st.integers(0, 2**32), st.sampled_from(FORMS))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_a_corrupted_fixture_of_any_format_is_read_whole_or_refused(seed: int, form: Form) -> None:
    corrupt_one(form, seed)


@given(st.binary(max_size=300), st.sampled_from(["log.csv", "train.txt", "x.inter", "r.json"]))
@settings(max_examples=100)
def test_any_bytes_are_read_or_refused(content: bytes, name: str) -> None:
    holds(outcome({name: content}))


CELLS = st.text(st.sampled_from('ab1"0,;\t\r\n .-:eé\x00/nul'), max_size=8)


@given(st.lists(st.lists(CELLS, min_size=1, max_size=5), max_size=8))
@settings(max_examples=100)
def test_any_table_is_read_or_refused(rows: list[list[str]]) -> None:
    content = "user,item,ts\n" + "\n".join(",".join(row) for row in rows)
    holds(outcome({"log.csv": content.encode()}))


@given(st.integers(0, 2**32))
@settings(max_examples=60)
def test_bad_rows_left_out_are_counted(seed: int) -> None:
    rng = random.Random(seed)
    lines = CSV.split(b"\n")[:-1]
    bad = rng.sample(range(1, len(lines)), 5)
    for at in bad:
        lines[at] = rng.choice(
            [b"u,i", b",i,1400000000,1", b"u,i,soon,1", b"u,i,,2", b"u,i,1400000000,x"]
        )
    found = outcome({"log.csv": b"\n".join(lines) + b"\n"}, ReadOptions(bad_rows="skip:5"))
    assert isinstance(found, Dataset), found
    assert len(found.events) == 35


@pytest.mark.slow
def test_five_thousand_corruptions_of_every_fixture_never_crash() -> None:
    whole = Form("delimited", {"log.csv": CSV}, (5, 7, 40), [])
    for seed in range(5000):
        corrupt_one([whole, *FORMS][seed % (len(FORMS) + 1)], seed)
