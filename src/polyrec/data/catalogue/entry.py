"""What the catalogue knows of a data set."""

from __future__ import annotations

from dataclasses import dataclass

from polyrec.data.readers.options import ReadOptions


@dataclass(frozen=True)
class File:
    """One file of a set; hash and size are those of its decompressed bytes."""

    name: str
    sha256: str = ""  # empty = open: no verified copy was at hand
    size: int = 0  # bytes; 0 = open
    url: str = ""  # direct address; empty = fetched by hand at the set's address

    @property
    def hash_told(self) -> str:
        """The hash, or "open"."""
        return self.sha256 or "open"


@dataclass(frozen=True)
class Entry:
    """A data set: where it lives, its terms, how it is read, what it holds."""

    name: str
    title: str
    address: str  # the official page
    licence: str  # as stated there
    files: tuple[File, ...]
    folder: str = ""  # where development copies lie, below the data folder
    main: str = ""  # the file that is read; empty = the whole folder
    options: ReadOptions = ReadOptions()
    actors: int = 0  # counts after reading; 0 = not stated
    targets: int = 0
    events: int = 0
    split: str = ""  # the split it is published with
    note: str = ""
    edition: str = ""  # what a wrong hash is likely to be
    redistributable: bool = False
    log: bool = True  # False: no event log; fetched and verified, read by other rooms
