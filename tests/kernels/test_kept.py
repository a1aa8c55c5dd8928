"""Compiled code is kept by the sources it was made of: a caller never runs a callee of before."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from polyrec.kernels.caching.kept import WEEK, digest, keep_by_sources

CALLER = """
from numba import njit
from small.inner.called import two
@njit(cache=True)
def four():
    return two() * 2
print(four(), four.stats.cache_hits[()] if four.stats.cache_hits else 0, four.stats.cache_path)
"""
CALLED = "from numba import njit\n@njit(cache=True)\ndef two():\n    return {}\n"
START = "from pathlib import Path\nfrom polyrec.kernels.caching.kept import keep_by_sources\n"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "small"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text(START + "keep_by_sources(Path(__file__).parent)\n")
    (folder / "inner" / "__init__.py").write_text("")
    (folder / "inner" / "called.py").write_text(CALLED.format(2))
    (folder / "caller.py").write_text(CALLER)
    return folder


def run(package: Path, **env: str) -> tuple[int, int, Path]:
    """What the caller says in a process of its own, whether it was kept, and where."""
    told = subprocess.run(
        [sys.executable, "-c", "import small.caller"],
        cwd=package.parent,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return int(told[0]), int(told[1]), Path(told[2])


def test_a_caller_is_kept_until_what_it_calls_is_another(package: Path) -> None:
    assert run(package)[:2] == (4, 0)
    assert run(package)[:2] == (4, 1)
    (package / "inner" / "called.py").write_text(CALLED.format(3))
    assert run(package)[:2] == (6, 0)
    (package / "inner" / "called.py").write_text(CALLED.format(2))
    assert run(package)[:2] == (4, 1)  # the older sources' code was not touched


def test_a_folder_named_by_the_user_is_kept_by_sources_too(package: Path, tmp_path: Path) -> None:
    own = str(tmp_path / "own")
    assert run(package, NUMBA_CACHE_DIR=own)[:2] == (4, 0)
    (package / "inner" / "called.py").write_text(CALLED.format(3))
    value, kept, where = run(package, NUMBA_CACHE_DIR=own)
    assert (value, kept) == (6, 0)
    assert where.is_relative_to(own)
    assert where.name == f"sources-{digest(package)}"


def test_what_others_left_goes_a_week_after_its_last_use(package: Path) -> None:
    beside = package / "__pycache__"
    old, new, mine = (beside / f"sources-{name}" for name in ("old", "new", digest(package)))
    for folder in (old, new, mine):
        folder.mkdir(parents=True)
        (folder / "f.nbi").write_text("code")
    ago = time.time() - WEEK - 60
    for folder in (old, mine):
        os.utime(folder, (ago, ago))
    run(package)
    assert not old.exists()
    assert (new / "f.nbi").exists()
    assert (mine / "f.nbi").exists()
    assert mine.stat().st_mtime > time.time() - WEEK  # in use, so its week begins again


def test_where_the_package_cannot_be_written_code_is_kept_for_the_user(
    package: Path, tmp_path: Path
) -> None:
    (package / "__pycache__").write_text("no folder")
    own = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    assert run(package, **own)[:2] == (4, 0)
    value, kept, where = run(package, **own)
    assert (value, kept) == (4, 1)
    assert where.is_relative_to(tmp_path / "cache")
    assert where.name == f"sources-{digest(package)}"


def test_what_is_no_readable_source_is_passed_over(package: Path) -> None:
    before = digest(package)
    (package / ".#caller.py").symlink_to("nobody@nowhere.1")
    (package / "folder.py").mkdir()
    assert digest(package) == before
    assert run(package)[0] == 4


def test_functions_of_other_packages_are_left_to_numba(package: Path) -> None:
    from numba.core.caching import CacheImpl

    before = CacheImpl._locator_classes
    try:
        keep_by_sources(package)
        mine = CacheImpl._locator_classes[: len(before)]
        assert all(place.from_function(run, __file__) is None for place in mine)
    finally:
        CacheImpl._locator_classes = before


def test_a_digest_is_of_names_and_contents(package: Path) -> None:
    before = digest(package)
    os.utime(package / "caller.py", (1, 1))
    assert digest(package) == before
    (package / "caller.py").rename(package / "other.py")
    assert digest(package) != before
