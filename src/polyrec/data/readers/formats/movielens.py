"""MovieLens as GroupLens publishes it: 100K, 1M, 10M, 20M, 25M, told apart by file names."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from polyrec.data.readers.assemble import Draft
from polyrec.data.readers.columns.mapping import Mapping
from polyrec.data.readers.faults import fault
from polyrec.data.readers.features import Kind, feature_table
from polyrec.data.readers.options import ReadOptions
from polyrec.data.readers.rows import Rows
from polyrec.data.readers.text.content import Text, open_text
from polyrec.data.readers.text.parse import parse
from polyrec.data.readers.text.shape import Shape
from polyrec.data.tables import Table

ROLES = Mapping({"actor": "user", "target": "item", "time": "timestamp", "rating": "rating"})
EVENTS = ("user", "item", "rating", "timestamp")
GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
    *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
FLAGS = tuple(f"genre {name}" for name in GENRES)


@dataclass(frozen=True)
class _Side:
    """A file of features: its columns in order, the first one the key."""

    file: str
    sep: str
    columns: tuple[str, ...]
    kinds: MappingOf[str, Kind]
    header: bool = False
    encodings: tuple[str, ...] = ("utf-8", "latin-1")


@dataclass(frozen=True)
class _Layout:
    """One edition: the file of events, and those of features."""

    events: str
    sep: str
    header: bool = False
    sides: MappingOf[str, _Side] = field(default_factory=dict)


_PEOPLE: MappingOf[str, Kind] = {
    "gender": "token",
    "age": "token",
    "occupation": "token",
    "zip": "token",
}
_FILM: MappingOf[str, Kind] = {"title": "token", "genres": "token_seq"}
LAYOUTS = (
    _Layout(
        "u.data",
        "\t",
        sides={
            "actor": _Side("u.user", "|", ("user", "age", "gender", "occupation", "zip"), _PEOPLE),
            "target": _Side(
                "u.item", "|", ("item", "title", "date", "video date", "url", *FLAGS), _FILM
            ),
        },
    ),
    _Layout(
        "ratings.dat",
        "::",
        sides={
            "actor": _Side(
                "users.dat", "::", ("user", "gender", "age", "occupation", "zip"), _PEOPLE
            ),
            "target": _Side("movies.dat", "::", ("item", "title", "genres"), _FILM),
        },
    ),
    _Layout(
        "ratings.csv",
        ",",
        header=True,
        sides={"target": _Side("movies.csv", ",", ("item", "title", "genres"), _FILM, True)},
    ),
)


def movielens(path: Path, options: ReadOptions) -> Draft:
    """MovieLens folders or rating files: ratings with seconds, people, films, genres."""
    layout, folder = _layout(path)
    file = path if path.is_file() else _find(folder, layout.events)
    assert file is not None
    text = open_text(file, options)
    rows = parse(text, _shape(text, layout.sep, EVENTS, layout.header), options)
    tables: dict[str, Table] = {}
    notes: list[str] = []
    digests = {file.name: text.sha256}
    for name, side in layout.sides.items():
        if found := _find(folder, side.file):
            table, said, digest = _features(found, side, options)
            tables[name] = table
            notes += said
            digests[found.name] = digest
    return Draft(
        reader="movielens",
        rows=rows,
        mapping=ROLES,
        options=options,
        tables=tables,
        sha256=digests,
        notes=tuple(notes),
    )


def is_movielens(path: Path) -> bool:
    """Whether the folder or file has one of the layouts."""
    name = _bare(path.name)
    if path.is_dir():
        return any(_find(path, layout.events) for layout in LAYOUTS)
    if name == "ratings.csv":
        return _find(path.parent, "movies.csv") is not None
    return name in ("u.data", "ratings.dat")


def _bare(name: str) -> str:
    return name.removesuffix(".gz").removesuffix(".zst").removesuffix(".bz2")


def _layout(path: Path) -> tuple[_Layout, Path]:
    folder = path if path.is_dir() else path.parent
    for layout in LAYOUTS:
        if path.is_dir() and _find(path, layout.events):
            return layout, folder
        if path.is_file() and _bare(path.name) == layout.events:
            return layout, folder
    raise fault(
        str(path.name),
        "no MovieLens layout",
        f"one of {', '.join(layout.events for layout in LAYOUTS)}",
        "name the file or folder that holds it",
    )


def _find(folder: Path, name: str) -> Path | None:
    for packed in ("", ".gz", ".zst", ".bz2"):
        if (folder / (name + packed)).is_file():
            return folder / (name + packed)
    return None


def _shape(text: Text, sep: str, columns: tuple[str, ...], header: bool) -> Shape:
    body = text.data.find(b"\n") + 1 if header else 0
    return Shape(sep, '"' if sep == "," else "", columns, body, 2 if header else 1)


def _features(path: Path, side: _Side, options: ReadOptions) -> tuple[Table, list[str], str]:
    text, notes = _open(path, side, options)
    rows = parse(text, _shape(text, side.sep, side.columns, side.header), options)
    if side.columns[-1] in FLAGS:
        rows = _with_genres(rows)
    key = side.columns[0]
    wanted = {key, *side.kinds}
    rows = replace(rows, columns={n: c for n, c in rows.columns.items() if n in wanted})
    table, said = feature_table(rows, key, side.kinds, replace(options, list_sep="|"))
    return table, [*notes, *said], text.sha256


def _open(path: Path, side: _Side, options: ReadOptions) -> tuple[Text, list[str]]:
    """The older editions write titles in latin-1; that is said, not guessed silently."""
    try:
        return open_text(path, options), []
    except ValueError as error:
        if "--encoding" not in str(error) or options.encoding != "utf-8":
            raise
        read = open_text(path, replace(options, encoding="latin-1"))
        return read, [f"{path.name} read as latin-1: it is not UTF-8"]


def _with_genres(rows: Rows) -> Rows:
    """Nineteen 0/1 columns as one list."""
    parts = [
        pc.if_else(pc.equal(rows.columns[flag].combine_chunks(), "1"), name + "|", "")
        for flag, name in zip(FLAGS, GENRES, strict=True)
    ]
    genres = pc.utf8_rtrim(pc.binary_join_element_wise(*parts, ""), "|")
    return replace(rows, columns={**rows.columns, "genres": pa.chunked_array([genres])})
