"""Data frames (pandas, polars, Arrow) and the files that hold them (Parquet, Arrow, Feather)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

from polyrec.data.readers.assemble import Draft
from polyrec.data.readers.columns.mapping import mapping_of
from polyrec.data.readers.faults import fault, refuse_twins, shown
from polyrec.data.readers.options import ReadOptions
from polyrec.data.readers.rows import Rows

NAME = "data frame"


def parquet(path: Path, options: ReadOptions, every: bool = False) -> Draft:
    """Parquet, Arrow and Feather files, told apart by their first bytes."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        packed = file.read(4) == b"PAR1"
    try:
        names = pq.read_schema(path).names if packed else _open(path).schema.names
        refuse_twins(path.name, names)
        mapping = mapping_of(path.name, names, options)
        used = None if every else mapping.used
        table = pq.ParquetFile(path).read(used) if packed else _open(path).select(used or names)
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise fault(
            path.name,
            f"cannot be read ({shown(error)})",
            "the file must be whole and of one version",
            "copy or write it again",
        ) from None
    return Draft("parquet", _rows(path.name, table, names, digest), mapping, options)


def frame(source: Any, options: ReadOptions, every: bool = False) -> Draft:
    """A pandas or polars data frame, or an Arrow table; the input is never modified."""
    table, notes = _arrow(source)
    refuse_twins(NAME, table.column_names)
    mapping = mapping_of(NAME, table.column_names, options)
    names = table.column_names
    table = table if every else table.select(mapping.used)
    return Draft("frame", _rows(NAME, table, names, ""), mapping, options, notes=tuple(notes))


def is_frame(source: object) -> bool:
    """Whether `frame` reads this object."""
    roots = {kind.__module__.split(".")[0] for kind in type(source).__mro__}
    return isinstance(source, pa.Table) or (
        type(source).__name__ in ("DataFrame", "LazyFrame") and bool(roots & {"pandas", "polars"})
    )


def _open(path: Path) -> pa.Table:
    return feather.read_table(path)


def _rows(name: str, table: pa.Table, names: list[str], digest: str) -> Rows:
    if not table.num_rows:
        raise fault(
            name,
            f"0 rows ({shown(', '.join(names))})",
            "at least one row is needed",
            "name another file",
        )
    columns = {column: _plain(table.column(column)) for column in table.column_names}
    place = {column: i for i, column in enumerate(names, 1)}
    return Rows(name, columns, table.num_rows, place, lambda row: row + 1, digest)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Binary text as text; everything else as it is."""
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return column.cast(pa.large_string())
    return column


def _arrow(source: Any) -> tuple[pa.Table, list[str]]:
    if isinstance(source, pa.Table):
        return source, []
    if type(source).__module__.startswith("polars"):
        from polars import LazyFrame

        return (source.collect() if isinstance(source, LazyFrame) else source).to_arrow(), []
    return _from_pandas(source)


def _from_pandas(source: Any) -> tuple[pa.Table, list[str]]:
    if source.index.nlevels > 1 or source.columns.nlevels > 1:
        raise fault(
            NAME,
            f"a MultiIndex of {max(source.index.nlevels, source.columns.nlevels)} levels",
            "one row is one event, one column one thing",
            "reset_index() or flatten the columns first",
        )
    names = [str(name) for name in source.columns]
    refuse_twins(NAME, names)
    columns = []
    for place, name in enumerate(names):
        try:
            columns.append(pa.chunked_array([pa.Array.from_pandas(source.iloc[:, place])]))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise fault(
                NAME,
                f"column {shown(name)} mixes types ({shown(error)})",
                "a column has one type",
                f'cast it: df["{name}"].astype(str)',
            ) from None
    plain = np.array_equal(np.asarray(source.index), np.arange(len(source)))
    notes = [] if plain else ["the index of the data frame is ignored"]
    return pa.table(columns, names), notes
