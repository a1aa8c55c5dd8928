"""Kept compiled code goes when a source of the package changes, and only then."""

from __future__ import annotations

from pathlib import Path

from polyrec.kernels import drop_stale


def package(folder: Path) -> Path:
    (folder / "inner" / "__pycache__").mkdir(parents=True)
    (folder / "__pycache__").mkdir()
    (folder / "caller.py").write_text("a")
    (folder / "inner" / "called.py").write_text("b")
    return folder


def compiled(folder: Path) -> list[Path]:
    found = [folder / "__pycache__" / "caller.nbi", folder / "inner" / "__pycache__" / "x.nbi"]
    for index in found:
        index.write_text("code")
    return found


def test_code_stays_while_sources_are_the_same(tmp_path: Path) -> None:
    folder = package(tmp_path)
    drop_stale(folder)
    kept = compiled(folder)
    assert drop_stale(folder) == 0
    assert all(index.exists() for index in kept)


def test_code_of_callers_goes_when_what_they_call_changes(tmp_path: Path) -> None:
    folder = package(tmp_path)
    drop_stale(folder)
    kept = compiled(folder)
    (folder / "inner" / "called.py").write_text("another")
    assert drop_stale(folder) == 2
    assert not any(index.exists() for index in kept)
    assert drop_stale(folder) == 0


def test_a_package_without_stamp_is_taken_as_changed(tmp_path: Path) -> None:
    folder = package(tmp_path)
    compiled(folder)
    assert drop_stale(folder) == 2
