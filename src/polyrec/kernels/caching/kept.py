"""Where compiled code is kept for the next process: by the sources it was made of.

Numba keeps a function's code beside its file, with all that it calls in other files too, and takes
it as valid while its own file is the same: after an update old and new code would run together.
Here the name of the folder it lies in holds a digest of every source of the package, taken when it
is imported, so that code of other sources is neither read nor written over.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import Any

from numba.core.caching import CacheImpl

PREFIX = "sources-"
WEEK = 7 * 86_400  # seconds


def digest(package: Path) -> str:
    """Of the names and contents of all Python files under a folder, in twelve hex digits."""
    whole = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        with contextlib.suppress(OSError):  # an editor's lock, or gone again: no source
            text = source.read_bytes()
            whole.update(f"{source.relative_to(package)} {len(text)}\n".encode() + text)
    return whole.hexdigest()[:12]


def keep_by_sources(package: Path) -> None:
    """Tells numba where code of this package is kept; call it before any of it is decorated.

    Places are numba's own, in its order (NUMBA_CACHE_DIR, beside the source, the user's), a folder
    deeper. NUMBA_CACHE_LOCATOR_CLASSES still overrides all of it, and a package in a zip file stays
    with numba. What others left beside the sources is cleared; the other places are the user's.
    """
    if not package.is_dir():
        return
    name = PREFIX + digest(package)
    numbas = CacheImpl._locator_classes
    ours = [_inside(package, name, place) for place in numbas]
    CacheImpl._locator_classes = [*ours, *numbas]
    with contextlib.suppress(OSError):  # cleared by somebody else meanwhile, or not ours to change
        _clear_others(package, name)


def _inside(package: Path, name: str, place: Any) -> Any:
    """One of numba's places, for functions of this package alone."""

    def path(self: Any) -> str:
        return str(Path(place.get_cache_path(self)) / name)

    def ours(cls: Any, function: Any, file: str) -> Any:
        if not Path(file).is_relative_to(package):
            return None
        return place.from_function.__func__(cls, function, file)

    methods = {"get_cache_path": path, "from_function": classmethod(ours)}
    return type(f"Inside{place.__name__}", (place,), methods)


def _clear_others(package: Path, name: str) -> None:
    """Frees what other sources left beside these, a week after a process last began with them.

    One that still runs makes its folder anew when it has more to keep.
    """
    for folder in list(package.rglob(f"__pycache__/{PREFIX}*")):
        if folder.name == name:
            os.utime(folder)
        elif folder.stat().st_mtime < time.time() - WEEK:
            shutil.rmtree(folder, ignore_errors=True)
