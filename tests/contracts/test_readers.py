"""Every reader that is listed gives a data set that keeps the house's numbering."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from tests.data.test_readers import FORMS, put

from polyrec.data import READERS, Dataset, ReadOptions, read

each = pytest.mark.parametrize("name", READERS)


def held(name: str, folder: Path) -> Dataset:
    """A small log in the reader's own format, read."""
    if name == "parquet":
        path = folder / "log.parquet"
        rows = {"user": ["a", "a", "b"], "item": ["x", "y", "x"], "timestamp": [1, 2, 3]}
        pl.DataFrame(rows).write_parquet(path)
        return read(path)
    form = next(form for form in FORMS if form.reader == name)
    return read(put(folder, form.files), ReadOptions(**form.options))


@each
def test_a_reader_says_what_it_is(name: str) -> None:
    assert (READERS[name].__doc__ or "").strip()


@each
def test_a_data_set_names_its_reader_and_hashes_its_files(name: str, tmp_path: Path) -> None:
    source = held(name, tmp_path).source
    assert source.reader == name
    assert source.sha256
    assert all(len(sha256) == 64 for sha256 in source.sha256.values())


@each
def test_ids_begin_at_one_and_leave_no_gap(name: str, tmp_path: Path) -> None:
    dataset = held(name, tmp_path)
    for role, ids in (("actor", dataset.events.actor), ("target", dataset.events.target)):
        assert 1 <= ids.min() <= ids.max() <= dataset.vocabs[role].size


@each
def test_keys_go_out_as_they_came_in(name: str, tmp_path: Path) -> None:
    vocab = held(name, tmp_path).vocabs["target"]
    every = list(range(1, vocab.size + 1))
    assert vocab.ids(vocab.keys(every)).tolist() == every


@each
def test_the_same_file_has_the_same_hash(name: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert held(name, tmp_path / "a").hash == held(name, tmp_path / "b").hash
