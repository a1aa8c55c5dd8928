"""The data verbs of the command line: what they show, their last line, their exit codes."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from polyrec.cli import status
from polyrec.cli.reading import SWITCHES, TEXT
from polyrec.data import ReadOptions

T = 1_400_000_000
LOG = "user,item,ts,rating\n" + "".join(
    f"u{i % 6},i{(i * 5 + i // 6) % 8},{T + 60 * i},{i % 5 + 1}\n" for i in range(90)
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    return path


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = status(["data", *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err


def last(out: str) -> dict[str, Any]:
    value = json.loads(out.strip().splitlines()[-1])
    assert isinstance(value, dict)
    return value


Capture = pytest.CaptureFixture[str]


def test_import_split_show_and_size_follow_one_another(
    log: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "out"
    code, said, _ = run(capsys, "import", log, out, "--positive", "rating>=2", "--k-core", "2")
    assert code == 0
    assert "actor   user    u0" in said
    assert "filter positives rating>=2: 90 events" in said
    code, said, _ = run(capsys, "split", out, "--how", "time", "--json")
    assert code == 0
    assert last(said)["how"]["how"] == "time"
    code, said, _ = run(capsys, "show", out, "--actor", "u3", "--json")
    assert {row["actor"] for row in last(said)["events"]} == {"u3"}
    code, said, _ = run(capsys, "size", out, "--json")
    held = last(said)["total"]
    files = sum(p.stat().st_size for p in out.iterdir() if p.suffix == ".npy")
    headers = 128 * len([p for p in out.iterdir() if p.suffix == ".npy"])
    assert held == files - headers


def test_a_dry_run_shows_all_and_writes_nothing(log: Path, tmp_path: Path, capsys: Capture) -> None:
    before = set(tmp_path.iterdir())
    code, said, _ = run(capsys, "import", log, tmp_path / "out", "--dry-run")
    assert code == 0
    assert "row 3" in said
    assert set(tmp_path.iterdir()) == before


def test_json_is_the_only_and_last_line(log: Path, capsys: Capture) -> None:
    code, said, _ = run(capsys, "import", log, "--dry-run", "--json")
    assert code == 0
    assert len(said.strip().splitlines()) == 1
    assert last(said)["events"] == 90


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("import", "{log}"), "no folder OUT"),
        (("import", "{folder}/nope.csv", "{folder}/out"), "no such file"),
        (("import", "{log}", "{folder}/out", "--actor", "usr"), "nearest: user"),
        (("import", "{log}", "{folder}/out", "--min-count", "5"), "USERS,ITEMS"),
        (("import", "{log}", "{folder}/out", "--k-core", "five"), "--k-core"),
        (("import", "{log}", "{folder}/out", "--k-core", "500"), "leaves nothing"),
        (("import", "{log}", "{folder}/out", "--since", "soon"), "--since"),
        (("import", "{log}", "{folder}/out", "--dedup", "some"), "consecutive"),
        (("import", "{log}", "{folder}/out", "--mem", "much"), "--mem"),
        (("import", "{log}", "{folder}/out", "--fill", "x"), "--fill"),
        (("import", "{log}", "{folder}/out", "--nonsense", "5"), "--nonsense"),
        (("import", "{log}", "{folder}/out", "--dedup", "lst"), 'nearest "last"'),
        (("import", "{log}", "{folder}/out", "--accept", "D88"), '--accept: got "D88"'),
        (("import", "{log}", "{folder}/out", "--allow-leak", "D9"), "one of L1"),
        (("import", "{folder}/nope.csv", "{folder}"), "exists already"),  # before anything is read
        (("size", "{log}", "--length", "-5"), "--length: got -5; at least 1"),
        (("split", "{folder}", "--n", "0"), "--n: got 0; at least 1"),
        (("split", "{folder}", "--cut", "1.5"), "--cut: got 1.5; a share"),
        (("split", "{folder}", "--how", "time"), "data.json"),
        (("show", "{folder}/nope"), "no such file"),
        (("get", "beauty"), "beauty-seq"),
        (("get", "ml-1m", "--to", "{folder}"), "no direct address"),
    ],
)
def test_bad_input_gives_exit_2_and_one_line_without_traceback(
    words: tuple[str, ...], says: str, log: Path, tmp_path: Path, capsys: Capture
) -> None:
    filled = [word.format(log=log, folder=tmp_path) for word in words]
    code, _, error = run(capsys, *filled)
    assert code == 2
    assert len(error.strip().splitlines()) == 1
    assert says in error
    assert "Traceback" not in error


def test_an_unknown_split_names_the_nearest(log: Path, tmp_path: Path, capsys: Capture) -> None:
    run(capsys, "import", log, tmp_path / "out")
    code, _, error = run(capsys, "split", tmp_path / "out", "--how", "leave_one")
    assert code == 2
    assert 'nearest "leave-one-out"' in error


def test_actors_that_stay_in_train_are_told(tmp_path: Path, capsys: Capture) -> None:
    log = tmp_path / "log.csv"
    long = "".join(f"v,i{i},{T + i}\n" for i in range(5))
    log.write_text(f"user,item,ts\nu,i1,{T}\nu,i2,{T + 9}\n{long}")
    run(capsys, "import", log, tmp_path / "out")
    code, said, _ = run(capsys, "split", tmp_path / "out", "--accept", "D13")
    assert code == 0
    assert "note: 1 actors (50%) stay train only" in said


def test_the_next_command_keeps_a_given_split(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "train.txt").write_text("1 1 2 3\n2 3 4\n")
    (tmp_path / "lists" / "test.txt").write_text("1 4\n2 1\n")
    _, said, _ = run(capsys, "import", tmp_path / "lists", tmp_path / "out")
    assert "--how given" in said
    _, said, _ = run(capsys, "split", tmp_path / "out", "--how", "last-n")
    assert "WARN D9   the order of a list says nothing" in said


def test_check_says_findings_and_exits_3_when_one_fails(
    log: Path, tmp_path: Path, capsys: Capture
) -> None:
    code, said, _ = run(capsys, "check", log, "--json")
    assert code == 0
    assert {"D1", "D9", "D11"} <= {f["id"] for f in last(said)["findings"]}
    log.write_text(LOG + "u,i\n")
    code, said, _ = run(capsys, "check", log)
    assert code == 3
    assert "FAIL D1" in said


def test_list_shows_every_count_that_is_known(capsys: Capture) -> None:
    _, said, _ = run(capsys, "list")
    head, *lines = said.splitlines()
    lastfm = next(line for line in lines if line.startswith("lastfm-social"))
    assert lastfm[: head.index("events") + 6].split()[1:] == ["1,880", "4,489", "52,668"]
    assert "train 1,878 / 4,476 / 42,135" in lastfm


def test_list_shows_the_catalogue(capsys: Capture) -> None:
    code, said, _ = run(capsys, "list", "--json")
    assert code == 0
    assert "ml-100k" in {s["name"] for s in last(said)["sets"]}


def test_every_option_of_the_reader_has_a_flag() -> None:
    options = {field.name for field in fields(ReadOptions)} - {"header"}
    assert options == set(TEXT) - {"allow_leak"} | set(SWITCHES) - {"no_header"}
