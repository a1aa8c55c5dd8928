"""A shop written as a TencentGR folder is the same shop when it is read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from polyrec.cli import status
from polyrec.data import Dataset, ReadOptions, load, read
from polyrec.types import Ragged, Requests
from polyrec.worlds import TINY, build, noisy, oracle, write_tencentgr

KINDS = {"exposure": "exposure", "click": "click", "buy": "conversion"}


def told(dataset: Dataset) -> set[tuple[str, str, str, int]]:
    """Every event under its keys, times in seconds."""
    events, vocabs = dataset.events, dataset.vocabs
    return {
        (
            vocabs["actor"].key(int(events.actor[at])),
            vocabs["target"].key(int(events.target[at])),
            dataset.kinds[events.kind[at]],
            int(events.time[at] // 1000),
        )
        for at in range(len(events))
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tencent") / "log"
    assert write_tencentgr(TINY, path) == len(build(TINY)[0].events)
    return path


def test_events_and_keys_are_those_of_the_shop(folder: Path) -> None:
    built, found = build(TINY)[0], read(folder)
    want = {(user, item, KINDS[kind], time) for user, item, kind, time in told(built)}
    assert told(found) == want
    assert len(found.events) == len(built.events)
    assert found.items == built.items


def test_content_and_categories_are_those_of_the_shop(folder: Path) -> None:
    built, found = build(TINY)[0], read(folder)
    keys = built.vocabs["target"].keys(range(1, built.items + 1))
    mine, theirs = built.tables["target"].columns, found.tables["target"].columns
    ids = found.vocabs["target"].ids(keys)
    assert np.abs(mine["content"].values[1:] - theirs["81"].values[ids]).max() < 1e-4
    first = [mine["category"].vocab.key(int(c)) for c in mine["category"].values[1:]]
    second = [theirs["100"].vocab.key(int(c)) for c in theirs["100"].values[ids]]
    assert [int(key[1:]) for key in first] == [int(key) for key in second]


def test_profiles_stand_at_any_place_and_later_than_all_events(folder: Path) -> None:
    places = set()
    for line in (folder / "seq.jsonl").open():
        records = json.loads(line)
        (at,) = [at for at, record in enumerate(records) if record[1] is None]
        places.add("first" if at == 0 else "last" if at == len(records) - 1 else "inside")
        assert records[at][5] > max(record[5] for record in records if record[1])
    assert places == {"first", "inside", "last"}


def test_the_oracle_of_the_shop_speaks_the_keys_of_the_folder(folder: Path) -> None:
    found, (_, truth) = read(folder), build(TINY)
    asked = Requests(torch.arange(1, 11), Ragged.of([[]] * 10))
    answer = oracle(truth, found.vocabs).recommend(asked, 5)
    assert (answer.ids >= 1).all()
    assert (answer.why == 0).all()


def test_noise_is_written_as_noise(tmp_path: Path, folder: Path) -> None:
    write_tencentgr(noisy(TINY), tmp_path / "noise")
    a, b = ((at / "item_feat_dict.json").read_text() for at in (folder, tmp_path / "noise"))
    assert a != b
    assert sorted(json.loads(a)) == sorted(json.loads(b))


def test_the_command_writes_what_import_reads(tmp_path: Path) -> None:
    out, kept = str(tmp_path / "log"), str(tmp_path / "kept")
    verb = ["data", "simulate", "retail_tiny", out, "--format", "tencentgr", "--users", "40"]
    assert status(verb) == 0
    assert status(["data", "import", out, kept]) == 0
    assert told(load(tmp_path / "kept")) == told(read(tmp_path / "log"))
    assert status(verb) == 2  # the folder is taken
    assert len(told(read(tmp_path / "log"))) < len(build(replace(TINY, users=300))[0].events)


def test_the_command_writes_csv_by_default(tmp_path: Path) -> None:
    out = tmp_path / "log.csv"
    assert status(["data", "simulate", "retail_tiny", str(out)]) == 0
    found = read(out, ReadOptions(kind="kind"))
    assert told(found) == told(build(TINY)[0])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["retial", "x"], 'nearest "retail"'),
        (["retail", "x", "--format", "parquet"], "one of csv, tencentgr"),
        (["retail", "x", "--users", "many"], "--users"),
    ],
)
def test_a_wrong_command_is_refused_in_a_line(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["data", "simulate", *arguments]) == 2
    assert says in capsys.readouterr().err
