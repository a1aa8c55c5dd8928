"""Known public data sets: where they live, under which terms, how they are read, what they hold.

Nothing is fetched without being asked for, only from the official address, and nothing is parsed
before its hash is right.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from polyrec.data.catalogue.entry import Entry, File
from polyrec.data.catalogue.fetch import Told, by_hand, fetch, quiet, verify
from polyrec.data.catalogue.sets import LOGS
from polyrec.data.catalogue.tables import OTHERS
from polyrec.data.events import Dataset
from polyrec.data.readers.faults import near

__all__ = [
    "CATALOGUE",
    "Entry",
    "File",
    "entry",
    "get",
    "home",
    "known",
    "located",
    "read_entry",
    "verified",
]

CATALOGUE: dict[str, Entry] = {entry.name: entry for entry in (*LOGS, *OTHERS)}
PACKED = ("", ".gz", ".zst", ".bz2")


def entry(name: str) -> Entry:
    """The entry of that name.

    Raises:
        KeyError: there is none; the nearest is named.
    """
    if name not in CATALOGUE:
        nearest = near(name, list(CATALOGUE), 1)
        raise KeyError(
            f'"{name}" is not in the catalogue; nearest: {nearest}; `polyrec data list` shows all'
        )
    return CATALOGUE[name]


def known(sha256: Mapping[str, str]) -> Entry | None:
    """The entry that one of these hashes (of decompressed files) belongs to, whatever its name."""
    held = set(sha256.values())
    return next(
        (e for e in CATALOGUE.values() if held & {f.sha256 for f in e.files if f.sha256}), None
    )


def home() -> Path:
    """Where data sets lie: POLYREC_DATA, or `data` below the working folder."""
    return Path(os.environ.get("POLYREC_DATA", "data"))


def located(wanted: Entry, root: Path | None = None) -> Path:
    """What is to be read for a set: its main file, or its folder.

    Raises:
        FileNotFoundError: a file is missing; address, name, hash and place are named.
    """
    root = root or home()
    for folder in (root / wanted.name, root / (wanted.folder or wanted.name)):
        files = {file.name: _held(folder, file.name) for file in wanted.files}
        if any(files.values()):
            break
    for file in wanted.files:
        if files[file.name] is None:
            raise by_hand(wanted, file, root / wanted.name, "it is not there yet")
    main = files.get(wanted.main)
    return folder if main is None else main


def at_hand(wanted: Entry, root: Path | None = None) -> bool:
    """Whether every file of the set is there; hashes are not looked at."""
    try:
        located(wanted, root)
    except FileNotFoundError:
        return False
    return True


def verified(wanted: Entry, root: Path | None = None) -> dict[str, str]:
    """file -> sha256 of a set at hand.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a hash is another.
    """
    place = located(wanted, root)
    folder = place if place.is_dir() else place.parent
    out = {}
    for file in wanted.files:
        held = _held(folder, file.name)
        assert held is not None, "located() found every file"
        out[file.name] = verify(wanted, file, held)
    return out


def get(name: str, folder: Path | None = None, address: str = "", told: Told = quiet) -> list[Path]:
    """Downloads the files of a set, resumes where an earlier call stopped, checks every hash.

    Args:
        folder: where the files go; None = below `home()`.
        address: another base address.

    Raises:
        KeyError: no such set. FileNotFoundError: offline. ValueError: the hash is another.
    """
    wanted = entry(name)
    folder = home() / name if folder is None else folder
    paths = []
    for file in wanted.files:
        held = _held(folder, file.name)
        if held is not None:
            verify(wanted, file, held)
        paths.append(held or fetch(wanted, file, folder, address, told))
    return paths


def read_entry(name: str, root: Path | None = None) -> Dataset:
    """A set at hand, verified and read as its entry says.

    Raises:
        FileNotFoundError: it is not at hand. ValueError: its hash is another, or it is no log.
    """
    from polyrec.data.readers import read_path

    wanted = entry(name)
    if not wanted.log:
        raise ValueError(
            f"{name} is no event log ({wanted.title}); logs are "
            f"{', '.join(e.name for e in LOGS)}; name one of these"
        )
    hashes = verified(wanted, root)
    dataset = read_path(located(wanted, root), wanted.options)
    notes = dict.fromkeys((*dataset.source.notes, *([wanted.note] if wanted.note else [])))
    source = replace(
        dataset.source,
        name=name,
        address=wanted.address,
        licence=wanted.licence,
        sha256=hashes,
        notes=tuple(notes),
    )
    return replace(dataset, source=source)


def _held(folder: Path, name: str) -> Path | None:
    for packed in PACKED:
        if (folder / (name + packed)).is_file():
            return folder / (name + packed)
    return None
