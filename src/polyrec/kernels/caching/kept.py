"""Where compiled code is kept for the next process: by the sources it was made of.

Numba keeps a function's code beside its file, with all that it calls in other files too, and takes
it as valid while its own file is the same: after an update old and new code would run together.
Here the name of the folder it lies in holds a digest of every source of the package, so that no
process, not even one begun before an update, ever reads or writes what other sources made.
"""

from __future__ import annotations

import contextlib
import hashlib
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
        text = source.read_bytes()
        whole.update(f"{source.relative_to(package)} {len(text)}\n".encode() + text)
    return whole.hexdigest()[:12]


def keep_by_sources(package: Path) -> None:
    """Tells numba where code of this package is kept; call it before any of it is decorated.

    Places are numba's own, in its order (NUMBA_CACHE_DIR, beside the source, the user's), a folder
    deeper. NUMBA_CACHE_LOCATOR_CLASSES still overrides all of it.
    """
    name = PREFIX + digest(package)
    numbas = CacheImpl._locator_classes
    ours = [_inside(package, name, place) for place in numbas]
    CacheImpl._locator_classes = [*ours, *numbas]
    _empty_others(package, name)


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


def _empty_others(package: Path, name: str) -> None:
    """Frees what other sources left beside these, a week after its last use.

    Folders stay, for a process that still runs on older sources and may have more to keep.
    """
    for folder in package.rglob(f"__pycache__/{PREFIX}*"):
        if folder.name != name:
            with contextlib.suppress(OSError):  # gone, or not ours to change
                if folder.stat().st_mtime < time.time() - WEEK:
                    for file in folder.iterdir():
                        file.unlink(missing_ok=True)
