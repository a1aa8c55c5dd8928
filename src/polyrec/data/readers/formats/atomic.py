"""RecBole's atomic files: tab-separated, the header names and types each column.

`.inter` events, `.user` and `.item` tables, `.kg` triples, `.link` items to entities, `.net`
actors to actors. The files of one name beside each other load together.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from polyrec.data.readers.assemble import Draft
from polyrec.data.readers.columns.mapping import mapping_of
from polyrec.data.readers.faults import fault, near, refuse_twins, shown
from polyrec.data.readers.features import KINDS, Kind, feature_table, shared
from polyrec.data.readers.options import ReadOptions
from polyrec.data.readers.rows import Rows
from polyrec.data.readers.text.content import Text, open_text
from polyrec.data.readers.text.parse import parse
from polyrec.data.readers.text.shape import Shape
from polyrec.data.tables import Table
from polyrec.data.vocab import Vocab

PACKED = ("", ".gz", ".zst", ".bz2")
SUFFIXES = (".inter", ".user", ".item", ".kg", ".link", ".net")


@dataclass(frozen=True)
class _File:
    rows: Rows
    kinds: MappingOf[str, Kind]

    @property
    def names(self) -> list[str]:
        return list(self.kinds)


def atomic(path: Path, options: ReadOptions, every: bool = False) -> Draft:
    """RecBole atomic files: NAME.inter with the .user .item .kg .link .net beside it."""
    files = beside(path)
    if ".inter" not in files:
        raise fault(
            path.name,
            f"no .inter file beside it (found {', '.join(sorted(files)) or 'none'})",
            "events stand in NAME.inter",
            "name a folder or file that has one",
        )
    inter = _read(files[".inter"], options)
    mapping = mapping_of(inter.rows.name, inter.names, options)
    used = inter.rows.columns if every else {c: inter.rows.columns[c] for c in mapping.used}
    tables: dict[str, Table] = {}
    notes: list[str] = []
    digests = {inter.rows.name: inter.rows.sha256}
    for suffix, file in files.items():
        if suffix != ".inter":
            read = _read(file, options)
            digests[file.name] = read.rows.sha256
            table, said = _table(suffix, read, mapping.roles, options)
            tables[_table_name(suffix)] = table
            notes += said
    return Draft(
        reader="atomic",
        rows=replace(inter.rows, columns=used),
        mapping=mapping,
        options=options,
        tables=tables,
        sha256=digests,
        notes=tuple(notes),
    )


def beside(path: Path) -> dict[str, Path]:
    """suffix -> file, for the atomic files of one name."""
    if path.is_dir():
        found = [p for packed in PACKED for p in sorted(path.glob(f"*.inter{packed}"))]
        if len(found) > 1:
            raise fault(
                str(path),
                f"{len(found)} .inter files ({', '.join(p.name for p in found[:4])})",
                "one data set at a time",
                "name one of them",
            )
        path = found[0] if found else path / "none.inter"
    stem = _stem(path.name)
    out: dict[str, Path] = {}
    for suffix in SUFFIXES:
        for packed in PACKED:
            file = path.with_name(stem + suffix + packed)
            if file.is_file():
                out.setdefault(suffix, file)
    return out


def _stem(name: str) -> str:
    for packed in PACKED:
        for suffix in SUFFIXES:
            if name.endswith(suffix + packed):
                return name.removesuffix(suffix + packed)
    return name


def _table_name(suffix: str) -> str:
    return {".user": "actor", ".item": "target"}.get(suffix, suffix[1:])


def _read(path: Path, options: ReadOptions) -> _File:
    text = open_text(path, options)
    kinds, end = _header(text)
    sep = "\t" if "\t" in text.data[:end].decode() or len(kinds) == 1 else " "
    shape = Shape(sep, "", tuple(kinds), end, text.line_at(end))
    return _File(parse(text, shape, options), kinds)


def _header(text: Text) -> tuple[dict[str, Kind], int]:
    end = text.data.find(b"\n") + 1 or len(text.data)
    fields = text.data[:end].decode().strip("\n").split("\t")
    kinds: dict[str, Kind] = {}
    for place, cell in enumerate(fields, 1):
        name, _, kind = cell.rpartition(":")
        if kind not in KINDS or not name:
            raise fault(
                f"{text.name}:1:{place}",
                f"{shown(cell)} in the header",
                f"NAME:TYPE, separated by tabs, TYPE one of {', '.join(KINDS)}",
                f"nearest: {near(kind, list(KINDS), 1)}",
            )
        kinds[name] = cast(Kind, kind)
    refuse_twins(f"{text.name}:1", [cell.rpartition(":")[0] for cell in fields])
    return kinds, end


def _table(
    suffix: str, read: _File, roles: MappingOf[str, str], options: ReadOptions
) -> tuple[Table, list[str]]:
    if suffix in (".user", ".item"):
        wanted = roles["actor" if suffix == ".user" else "target"]
        key = wanted if wanted in read.kinds else read.names[0]
        kinds = {name: kind for name, kind in read.kinds.items() if name not in options.ignore}
        return feature_table(read.rows, key, kinds, options)
    return _edges(suffix, read.rows, read.names), list(read.rows.notes)


def _edges(suffix: str, rows: Rows, names: list[str]) -> Table:
    """Triples and links, a row an edge; ends of one sort share a vocabulary."""
    wanted = 3 if suffix == ".kg" else 2
    if len(names) < wanted:
        raise fault(
            f"{rows.name}:1",
            f"{len(names)} columns",
            f"a {suffix} file has {wanted}",
            "is this file complete?",
        )
    first, last = names[0], names[2 if suffix == ".kg" else 1]
    ends = {first: rows.columns[first], last: rows.columns[last]}
    if suffix == ".link":
        columns = {name: shared({name: column})[name] for name, column in ends.items()}
    else:
        columns = shared(ends)
    if suffix == ".kg":
        columns |= shared({names[1]: rows.columns[names[1]]})
    numbers, _ = Vocab.build(np.arange(1, rows.count + 1), "given")
    return Table(columns, numbers)
