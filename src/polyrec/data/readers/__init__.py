"""Readers: from a file, folder or data frame to a data set; one entry of READERS a format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Union

from polyrec.data.events import Dataset
from polyrec.data.readers.assemble import Draft, assemble
from polyrec.data.readers.faults import near
from polyrec.data.readers.formats.atomic import atomic
from polyrec.data.readers.formats.comirec import reviews, taobao, triples
from polyrec.data.readers.formats.delimited import delimited
from polyrec.data.readers.formats.frames import frame, is_frame, parquet
from polyrec.data.readers.formats.lists import lightgcn, sequences
from polyrec.data.readers.formats.movielens import movielens
from polyrec.data.readers.options import ReadOptions
from polyrec.data.readers.recognise import missing, recognise

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    Frame = Union[pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.Table]

__all__ = ["READERS", "Draft", "ReadOptions", "draft", "read", "recognise"]

READERS: dict[str, Callable[[Path, ReadOptions], Draft]] = {
    "delimited": delimited,
    "parquet": parquet,
    "atomic": atomic,
    "movielens": movielens,
    "lightgcn": lightgcn,
    "sequences": sequences,
    "comirec": triples,
    "reviews": reviews,
    "taobao": taobao,
}


def draft(source: Path | str | Frame, options: ReadOptions | None = None) -> Draft:
    """Columns with their roles, not yet read as keys and times: what `--dry-run` shows.

    Raises:
        ValueError, FileNotFoundError, MemoryError: one line naming value, rule and remedy.
    """
    options = options or ReadOptions()
    if not isinstance(source, str | Path):
        if not is_frame(source):
            raise ValueError(
                f"got a {type(source).__name__}; a log is a path, a pandas or polars data frame "
                "or an Arrow table; convert it to one of these"
            )
        return frame(source, options)
    path = Path(source)
    if options.reader and options.reader not in READERS:
        raise ValueError(
            f'--reader: got "{options.reader}"; one of {", ".join(READERS)}; '
            f"nearest: {near(options.reader, list(READERS), 1)}"
        )
    if not path.exists():
        raise missing(path)
    name = options.reader or recognise(path)
    return READERS[name](path, options)


def read(source: Path | str | Frame, options: ReadOptions | None = None) -> Dataset:
    """A data set from a file, a folder of a known layout, or a data frame.

    The reader is recognised unless `options.reader` names it; what was assumed, dropped and
    noted stands in `Dataset.source`.

    Raises:
        ValueError: the input is bad; one line names the place, the value, the rule, the remedy.
        FileNotFoundError: nothing is there; the nearest names are given.
        MemoryError: the estimate passes `options.mem`.
    """
    return assemble(draft(source, options))
