"""What is written comes back, mapped, whole, and with its hash."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from polyrec.data import (
    Bag,
    Dataset,
    Dense,
    Facts,
    Log,
    Source,
    Sparse,
    SplitConfig,
    build,
    filters,
    load,
    load_split,
    save,
    save_split,
    store,
    tables,
)
from polyrec.data.events import _hash

Make = Callable[..., Dataset]


def rich(make: Make) -> Dataset:
    """A set with every kind of column, and counts and notes in its source."""
    table = tables.build(
        np.array([f"i{i}" for i in range(12)]),
        {
            "genre/main": Sparse.of(np.array(list("abcabcabcabc"))),
            "price": Dense.of(np.arange(12) * 1.0),
            "vector": Dense.of(np.where(np.arange(24) == 5, np.nan, 1.0).reshape(12, 2)),
            "tags": Bag.of(np.array(["x", "y"]), np.array([2, *[0] * 11])),
            "numbers": Bag.of_numbers(np.ones(12), np.ones(12, int)),
        },
    )
    own = tables.build(np.array(["q"]), {"n": Dense.of(np.array([1.0]))})
    made = make()
    log = Log(
        np.array(made.vocabs["actor"].keys(made.events.actor)),
        np.array(made.vocabs["target"].keys(made.events.target)),
        made.events.time,
        made.events.kind,
        made.kinds,
        made.events.extra,
    )
    source = Source("toy", "here", "free", {"a.csv": "00"}, "csv", {"sep": ","}, notes=("n",))
    return filters.k_core(build(log, source, tables={"target": table, "queries": own}), 2)


def test_a_stored_set_comes_back_equal(make: Make, tmp_path: Path) -> None:
    made = rich(make)
    save(made, tmp_path / "set")
    again = load(tmp_path / "set")
    assert again.hash == made.hash == _hash(replace(again, stored_hash=""))
    assert again.source == made.source
    assert again.kinds == made.kinds
    ids = torch.arange(made.items + 1)
    for name in made.tables["target"].columns:
        one, two = made.tables["target"].columns[name], again.tables["target"].columns[name]
        assert type(one) is type(two)
        assert str(one.gather(ids)) == str(two.gather(ids))


def test_stored_columns_are_mapped_and_cannot_be_written(make: Make, tmp_path: Path) -> None:
    save(make(), tmp_path / "set")
    target = load(tmp_path / "set").events.target
    assert not target.flags.writeable
    assert type(target) is np.ndarray
    assert isinstance(target.base, np.memmap)


def test_a_stored_set_splits_and_filters_as_before(make: Make, tmp_path: Path) -> None:
    save(make(), tmp_path / "set")
    again = load(tmp_path / "set")
    assert again.split(SplitConfig()).test.hash == make().split(SplitConfig()).test.hash
    assert filters.k_core(again, 3).hash == filters.k_core(make(), 3).hash


def test_an_empty_vocabulary_text_is_stored(tmp_path: Path) -> None:
    save(build(Log(np.array([""]), np.array([""])), Source()), tmp_path / "set")
    assert load(tmp_path / "set").vocabs["target"].key(1) == ""


def test_a_filtered_set_gets_its_own_hash(make: Make, tmp_path: Path) -> None:
    save(make(), tmp_path / "set")
    kept = filters.kinds(load(tmp_path / "set"), ("buy",))
    assert kept.hash != make().hash


def test_a_folder_that_holds_something_is_not_overwritten(make: Make, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="exists already"):
        save(make(), tmp_path)


def test_a_folder_without_a_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no data\.json"):
        load(tmp_path)


def test_another_format_is_refused(make: Make, tmp_path: Path) -> None:
    save(make(), tmp_path / "set")
    path = tmp_path / "set" / "data.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(ValueError, match="format 99"):
        load(tmp_path / "set")


def test_sizes_equal_the_files_within_their_headers(make: Make, tmp_path: Path) -> None:
    made = rich(make)
    save(made, tmp_path / "set")
    files = list((tmp_path / "set").glob("*.npy"))
    written = sum(file.stat().st_size - 128 for file in files)
    assert sum(store.bytes_of(made).values()) == written


def test_a_full_disk_is_refused_before_writing(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 10, "total": 100})
    monkeypatch.setattr(store.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(
        ValueError, match=r"set needs [\d,]+ bytes, 10 are free.*a folder elsewhere"
    ):
        save(make(), tmp_path / "set")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("events", [300, 5000])  # refused at the last block, and before it
def test_a_file_that_cannot_be_written_whole_leaves_nothing(
    events: int, make: Make, tmp_path: Path
) -> None:
    """The operating system refuses long files as it refuses a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    made = make(events=events)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(ValueError) as caught:
            save(made, tmp_path / "set")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    told = str(caught.value)
    for words in (f"{tmp_path / 'set'} cannot be written", "bytes", "are free", "elsewhere"):
        assert words in told
    assert "\n" not in told
    assert not [*tmp_path.iterdir()]


def test_a_place_that_cannot_hold_a_folder_is_named(make: Make, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,item\n")
    with pytest.raises(ValueError, match=r"log.csv/set cannot be written.*name a folder elsewhere"):
        save(make(), tmp_path / "log.csv" / "set")


@pytest.mark.parametrize("hurt", ["target.npy", "data.json"])
def test_a_stored_set_that_was_cut_is_refused_in_one_line(
    hurt: str, make: Make, tmp_path: Path
) -> None:
    save(make(), tmp_path / "set")
    file = tmp_path / "set" / hurt
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(ValueError, match=rf"{hurt} is .*broken.*import the log again"):
        load(tmp_path / "set")


def test_facts_come_back(make: Make, tmp_path: Path) -> None:
    facts = rich(make).split(SplitConfig()).facts
    facts.save(tmp_path / "facts")
    again = Facts.load(tmp_path / "facts")
    assert torch.equal(again.counts, facts.counts)
    assert (again.items, again.actors, again.until) == (facts.items, facts.actors, facts.until)
    assert again.vocabs["target"].hash == facts.vocabs["target"].hash
    assert set(again.tables) == {"target", "queries"}


def test_a_stored_split_comes_back(make: Make, tmp_path: Path) -> None:
    save(make(), tmp_path / "set")
    made = load(tmp_path / "set").split(SplitConfig("time", quantiles=(0.5, 0.7)))
    save_split(made, tmp_path / "set")
    again = load_split(tmp_path / "set")
    assert again.how == made.how
    assert (again.valid.hash, again.test.hash) == (made.valid.hash, made.test.hash)


def test_a_split_of_other_data_is_refused(make: Make, tmp_path: Path) -> None:
    for seed in (0, 1):
        save(make(seed), tmp_path / f"set{seed}")
    save_split(load(tmp_path / "set0").split(SplitConfig()), tmp_path / "set1")
    with pytest.raises(ValueError, match="do not belong together"):
        load_split(tmp_path / "set1")


def test_the_hash_is_the_same_in_another_process() -> None:
    code = (
        "import numpy as np; from polyrec.data import Log, Source, build;"
        "log = Log(np.array(['b', 'a', 'b']), np.array(['x', 'y', 'z']), np.array([3, 2, 1]));"
        "print(build(log, Source()).hash)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "7", "NUMBA_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    log = Log(np.array(["b", "a", "b"]), np.array(["x", "y", "z"]), np.array([3, 2, 1]))
    assert told.stdout.strip() == build(log, Source()).hash
