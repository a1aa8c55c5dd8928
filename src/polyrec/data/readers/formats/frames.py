"""Data frames (pandas, polars, Arrow) and the files that hold them (Parquet, Arrow, Feather)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

from polyrec.data.readers.assemble import Draft
from polyrec.data.readers.columns.mapping import mapping_of
from polyrec.data.readers.faults import fault, plain, refuse_twins, shown
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
    table = _simple(path.name, table, mapping.used)
    return Draft("parquet", _rows(path.name, table, names, digest), mapping, options)


def frame(source: Any, options: ReadOptions, every: bool = False) -> Draft:
    """A pandas or polars data frame, or an Arrow table; the input is never modified."""
    table, notes = _arrow(source)
    refuse_twins(NAME, table.column_names)
    mapping = mapping_of(NAME, table.column_names, options)
    names = table.column_names
    table = _simple(NAME, table if every else table.select(mapping.used), mapping.used)
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
    columns = {column: _plain(name, column, table.column(column)) for column in table.column_names}
    place = {column: i for i, column in enumerate(names, 1)}
    return Rows(name, columns, table.num_rows, place, lambda row: row + 1, digest)


def _simple(name: str, table: pa.Table, used: Sequence[str]) -> pa.Table:
    """The table without lists, structures and types of other libraries.

    Raises:
        ValueError: a column that has a role is one of these, or holds bytes that are no text.
    """
    odd = {f.name for f in table.schema if pa.types.is_nested(f.type) or _foreign(f.type)}
    raw = {f.name for f in table.schema if _is_bytes(f.type)}
    for column in used:
        if column in odd:
            raise fault(
                name,
                f"column {shown(column)} is {plain(table.schema.field(column).type)}",
                "a role's column holds text, numbers or times",
                "cast it, for example to text, before it is read",
            )
    return table.drop_columns(sorted(odd | raw - {*used}))


def _foreign(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.BaseExtensionType)


def _is_bytes(kind: pa.DataType) -> bool:
    of = pa.types
    return bool(of.is_binary(kind) or of.is_large_binary(kind) or of.is_binary_view(kind))


def _plain(name: str, told: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Binary text and views of text as text; everything else as it is."""
    if not (_is_bytes(column.type) or pa.types.is_string_view(column.type)):
        return column
    try:
        return column.cast(pa.large_string())
    except pa.ArrowInvalid:
        raise fault(
            name,
            f"column {shown(told)} holds bytes that are not UTF-8",
            "keys are text or integers",
            "write them as text, for example in hexadecimal",
        ) from None


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
