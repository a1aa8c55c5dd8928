"""Readers: from a file, folder or data frame to a data set; one entry of READERS a format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from polyrec.data.events import Dataset
from polyrec.data.readers.assemble import Draft, assemble
from polyrec.data.readers.faults import near
from polyrec.data.readers.formats.atomic import atomic
from polyrec.data.readers.formats.comirec import reviews, taobao, triples
from polyrec.data.readers.formats.delimited import delimited
from polyrec.data.readers.formats.frames import frame, is_frame, parquet
from polyrec.data.readers.formats.lists import lastfm, lightgcn, sequences
from polyrec.data.readers.formats.movielens import movielens
from polyrec.data.readers.formats.tencentgr import tencentgr
from polyrec.data.readers.options import ReadOptions
from polyrec.data.readers.recognise import missing, recognise
from polyrec.data.readers.rows import joined
from polyrec.data.store import is_stored, load

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["READERS", "Draft", "ReadOptions", "assemble", "draft", "read", "read_path", "recognise"]

Reader = Callable[[Path, ReadOptions], Draft]
READERS: dict[str, Reader] = {
    "delimited": delimited,
    "parquet": parquet,
    "atomic": atomic,
    "movielens": movielens,
    "lightgcn": lightgcn,
    "lastfm": lastfm,
    "sequences": sequences,
    "comirec": triples,
    "reviews": reviews,
    "taobao": taobao,
    "tencentgr": tencentgr,
}

WHOLE = {"delimited": delimited, "parquet": parquet, "atomic": atomic, "reviews": reviews}
"""Readers that can keep the columns without a role too."""


def draft(
    source: Path | str | pd.DataFrame | pl.DataFrame | pl.LazyFrame | pa.Table,
    options: ReadOptions | None = None,
    every: bool = False,
) -> Draft:
    """Columns with their roles, not yet read as keys and times: what `--dry-run` shows.

    `every` keeps columns without a role too, for checks that look at all of them.

    Raises:
        ValueError, FileNotFoundError, MemoryError: one line naming value, rule and remedy.
    """
    options = options or ReadOptions()
    if isinstance(source, str | Path):
        return _parts(Path(source), options, every)
    if not is_frame(source):
        raise ValueError(
            f"got a {type(source).__name__}; a log is a path, a pandas or polars data frame "
            "or an Arrow table; convert it to one of these"
        )
    return frame(source, options, every)


def read(
    source: Path | str | pd.DataFrame | pl.DataFrame | pl.LazyFrame | pa.Table,
    options: ReadOptions | None = None,
) -> Dataset:
    """A data set from a file, a folder of a known layout, an imported folder, a name of the
    catalogue, or a data frame.

    The reader is recognised unless `options.reader` names it; what was assumed, dropped and
    noted stands in `Dataset.source`.

    Raises:
        ValueError: the input is bad; one line names the place, the value, the rule, the remedy.
        FileNotFoundError: nothing is there; the nearest names are given.
        MemoryError: the estimate passes `options.mem`.
    """
    if isinstance(source, str | Path):
        return read_path(Path(source), options)
    return assemble(draft(source, options))


def read_path(path: Path, options: ReadOptions | None = None) -> Dataset:
    """`read` for a path or a name of the catalogue."""
    from polyrec.data.catalogue import CATALOGUE, read_entry  # it reads through this room

    if not path.exists() and str(path) in CATALOGUE and options is None:
        return read_entry(str(path))
    if is_stored(path):
        return load(path)
    return assemble(draft(path, options))


def _parts(path: Path, options: ReadOptions, every: bool) -> Draft:
    """One path, or the files of a split that `valid` and `test` name beside it."""
    first = _draft(path, options, every)
    others = {1: options.valid, 2: options.test}
    if not any(others.values()):
        return first
    drafts = {0: first}
    for part, name in others.items():
        if name:
            drafts[part] = _draft(_beside(path, name), options, every)
    rows = [held.rows for held in drafts.values()]
    part_of = np.repeat([*drafts], [r.count for r in rows]).astype(np.int8)
    return replace(
        first,
        rows=joined(" + ".join(r.name for r in rows), rows),
        part=part_of,
        sha256={r.name: r.sha256 for r in rows},
    )


def _beside(path: Path, name: str) -> Path:
    for packed in ("", ".gz", ".zst", ".bz2"):
        for folder in (path.parent, Path()):
            if (folder / (name + packed)).is_file():
                return folder / (name + packed)
    return path.parent / name


def _draft(path: Path, options: ReadOptions, every: bool) -> Draft:
    if options.reader and options.reader not in READERS:
        raise ValueError(
            f'--reader: got "{options.reader}"; one of {", ".join(READERS)}; '
            f"nearest: {near(options.reader, list(READERS), 1)}"
        )
    if not path.exists():
        raise missing(path)
    name = options.reader or recognise(path)
    if every and name in WHOLE:
        return WHOLE[name](path, options, True)
    return READERS[name](path, options)
