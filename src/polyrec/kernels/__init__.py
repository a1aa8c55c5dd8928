"""Compiled loops over plain arrays. Every kernel has a typed wrapper; none depends on threads.

Compiled code is kept beside its source for the next process. It holds the code of what it calls,
in other files too, and whoever keeps it looks at its own file alone: after an update old and new
would run together. So what is kept goes when any file of this package is another.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path


def drop_stale(folder: Path) -> int:
    """Deletes the index of kept code under `folder` if its sources changed; returns how many."""
    kept = folder / "__pycache__"
    stamp, dropped = kept / "sources", 0
    digest = hashlib.sha256()
    for source in sorted(folder.rglob("*.py")):
        about = source.stat()
        digest.update(
            f"{source.relative_to(folder)} {about.st_size} {about.st_mtime_ns}\n".encode()
        )
    now = digest.hexdigest()
    if stamp.exists() and stamp.read_text() == now:
        return 0
    for index in folder.rglob("__pycache__/*.nbi"):
        index.unlink(missing_ok=True)
        dropped += 1
    kept.mkdir(exist_ok=True)
    beside = kept / f"sources.{os.getpid()}"
    beside.write_text(now)
    beside.replace(stamp)
    return dropped


with contextlib.suppress(OSError):  # where nothing can be written, nothing was kept here
    drop_stale(Path(__file__).parent)
