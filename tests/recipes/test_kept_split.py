"""A run takes an imported folder's own split as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from polyrec import data, worlds
from polyrec.data.store import save, save_split
from polyrec.recipes import recipe


def test_a_run_takes_the_split_that_a_folder_keeps(tmp_path: Path) -> None:
    dataset, _ = worlds.build(worlds.TINY)
    folder = tmp_path / "shop"
    save(dataset, folder)
    how = data.SplitConfig(how="leave-one-out")
    save_split(data.load(folder).split(how), folder)
    of = recipe("comirec")
    found = of.data(of.Config(data=str(folder), split="kept"))
    assert found.test.hash == dataset.split(how).test.hash


def test_a_kept_split_needs_a_folder() -> None:
    of = recipe("comirec")
    with pytest.raises(ValueError, match="data=FOLDER"):
        of.data(of.Config(split="kept"))
