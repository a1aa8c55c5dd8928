"""Files appear whole or not at all: written beside, flushed, renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; on success it takes `path`'s name, else it goes.

    >>> import tempfile; folder = Path(tempfile.mkdtemp())
    >>> with writing(folder / "a.txt") as beside: _ = beside.write_text("whole")
    >>> (folder / "a.txt").read_text()
    'whole'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        _flush(beside)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def writing_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder beside `path`; on success it takes `path`'s name.

    Raises:
        FileExistsError: `path` exists already and is not an empty folder.
    """
    refuse_taken(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    beside.chmod(path.parent.stat().st_mode & 0o777)  # mkdtemp's own is for one person alone
    try:
        yield beside
        os.replace(beside, path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def refuse_taken(path: Path) -> None:
    """A new folder takes a free name.

    Raises:
        FileExistsError: `path` exists already and is not an empty folder.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(f"{path} exists already: name another folder, or remove it first")


def _flush(path: Path) -> None:
    """Bytes reach the disk before the name does."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
