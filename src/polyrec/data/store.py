"""A data set on disk: one folder of .npy columns, vocabularies and `data.json`, mapped back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from polyrec.data.events import Count, Dataset, Events, Sizes, Source
from polyrec.data.facts import Facts
from polyrec.data.splits import Split, SplitConfig
from polyrec.data.splits import split as split_of
from polyrec.data.tables import Bag, Column, Dense, Sparse, Table
from polyrec.data.vocab import Vocab, mapped, write
from polyrec.files import writing, writing_folder

FORMAT = 1
BASE = ("actor", "target", "time", "kind")
COLUMNS = {"sparse": Sparse, "dense": Dense, "bag": Bag}
Said = dict[str, Any]  # what JSON holds


def save(dataset: Dataset, folder: Path) -> None:
    """Writes a data set into a new folder, whole or not at all.

    Raises:
        FileExistsError: the folder holds something already.
        ValueError: the disk has no room for it, or the place cannot be written.
    """
    need = sum(bytes_of(dataset).values())
    _room(folder, need)
    with _said(folder, need), writing_folder(folder) as beside:
        for name, column in _columns(dataset.events).items():
            write(beside / f"{name}.npy", column)
        said: Said = {
            "format": FORMAT,
            "hash": dataset.hash,
            "clock": dataset.events.clock,
            "kinds": list(dataset.kinds),
            "extra": sorted(dataset.events.extra),
            "sizes": dataset.sizes._asdict(),
            "vocabs": _save_vocabs(dataset.vocabs, beside),
            "tables": _save_tables(dataset.tables, dataset.vocabs, beside),
            "source": asdict(dataset.source),
        }
        _write(beside / "data.json", said)


def load(folder: Path) -> Dataset:
    """Maps a stored data set into memory: columns are read when they are touched.

    Raises:
        FileNotFoundError: the folder holds no data set.
        ValueError: it was written in another format.
    """
    said = _read(folder / "data.json")
    vocabs = _load_vocabs(said["vocabs"], folder)
    extra = {name: mapped(folder / f"extra{i}.npy") for i, name in enumerate(said["extra"])}
    base = {name: mapped(folder / f"{name}.npy") for name in (*BASE, "start")}
    return Dataset(
        events=Events(**base, extra=extra, clock=said["clock"]),
        vocabs=vocabs,
        source=_source(said["source"]),
        tables=_load_tables(said["tables"], vocabs, folder),
        kinds=tuple(said["kinds"]),
        stored_hash=said["hash"],
    )


def is_stored(folder: Path) -> bool:
    """Whether `load` may be asked for this folder."""
    return (folder / "data.json").is_file()


def bytes_of(dataset: Dataset) -> dict[str, int]:
    """Bytes of every column, vocabulary and table: what the files will take, but for headers."""
    sizes = {name: column.nbytes for name, column in _columns(dataset.events).items()}
    for i, name in enumerate(sorted(dataset.events.extra)):
        sizes[name] = sizes.pop(f"extra{i}")
    for name, vocab in dataset.vocabs.items():
        sizes[f"keys of {name}"] = vocab.data.nbytes + vocab.at.nbytes
    for name, table in dataset.tables.items():
        for label, column in table.columns.items():
            sizes[f"{name}.{label}"] = sum(array.nbytes for array in column.arrays().values())
            if (own := _vocab(column)) is not None:
                sizes[f"{name}.{label}"] += own.data.nbytes + own.at.nbytes
        if name not in dataset.vocabs:
            sizes[f"keys of {name}"] = table.keys.data.nbytes + table.keys.at.nbytes
    return sizes


def save_facts(facts: Facts, folder: Path) -> None:
    """Writes facts into a new folder; the graph is its own room's to write."""
    with writing_folder(folder) as beside:
        write(beside / "counts.npy", facts.counts.numpy())
        said: Said = {
            "format": FORMAT,
            "until": facts.until,
            "kinds": list(facts.kinds),
            "vocabs": _save_vocabs(facts.vocabs, beside),
            "tables": _save_tables(facts.tables, facts.vocabs, beside),
        }
        _write(beside / "facts.json", said)


def load_facts(folder: Path) -> Facts:
    """Maps stored facts into memory.

    Raises:
        FileNotFoundError: the folder holds no facts.
        ValueError: they were written in another format.
    """
    said = _read(folder / "facts.json")
    vocabs = _load_vocabs(said["vocabs"], folder)
    counts = torch.from_numpy(np.load(folder / "counts.npy", allow_pickle=False))
    tables = _load_tables(said["tables"], vocabs, folder)
    kinds = tuple(said.get("kinds", Facts.kinds))  # folders of before hold none
    return Facts(vocabs, counts, tables, said["until"], kinds)


def save_split(split: Split, folder: Path) -> None:
    """Writes `split.json` beside a stored data set: how it was split, and what must come out."""
    told = {"format": FORMAT, "how": dict(split.how), **_hashes(split)}
    path = folder / "split.json"
    with _said(path, len(json.dumps(told))), writing(path) as beside:
        _write(beside, told)


def load_split(folder: Path) -> Split:
    """The split that `save_split` described, made again from the mapped data set.

    Raises:
        FileNotFoundError: the folder holds no data set, or no split of it.
        ValueError: what comes out is not what was written down.
    """
    said = _read(folder / "split.json")
    names = {field.name for field in fields(SplitConfig)}
    told: Said = {name: _tuple(value) for name, value in said["how"].items() if name in names}
    config = SplitConfig(**told)
    made = split_of(load(folder), config)
    if _hashes(made) != {"valid": said["valid"], "test": said["test"]}:
        raise ValueError(f"{folder}: data and split.json do not belong together: split it again")
    return made


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _hashes(split: Split) -> dict[str, str]:
    return {"valid": split.valid.hash, "test": split.test.hash}


def _columns(events: Events) -> dict[str, np.ndarray[Any, Any]]:
    base = {name: events.columns[name] for name in BASE} | {"start": events.start}
    return base | {f"extra{i}": events.extra[name] for i, name in enumerate(sorted(events.extra))}


def _save_vocabs(vocabs: Mapping[str, Vocab], folder: Path) -> Said:
    return {name: _save_vocab(vocab, folder, name) for name, vocab in vocabs.items()}


def _save_vocab(vocab: Vocab, folder: Path, file: str) -> Said:
    vocab.save(folder, file)
    return {"file": file, "order": vocab.order, "shift": vocab.shift, "size": vocab.size}


def _load_vocabs(said: Said, folder: Path) -> dict[str, Vocab]:
    return {name: _load_vocab(one, folder) for name, one in said.items()}


def _load_vocab(said: Said, folder: Path) -> Vocab:
    return Vocab.load(folder, said["file"], said["order"], said["shift"])


def _save_tables(tables: Mapping[str, Table], vocabs: Mapping[str, Vocab], folder: Path) -> Said:
    """Files are numbered, since names of columns may be no names of files."""
    said: Said = {}
    for t, (name, table) in enumerate(sorted(tables.items())):
        columns = {}
        for c, (label, column) in enumerate(sorted(table.columns.items())):
            columns[label] = _save_column(column, folder, f"table{t}.{c}")
        keys = None if name in vocabs else _save_vocab(table.keys, folder, f"table{t}")
        said[name] = {"keys": keys, "columns": columns}
    return said


def _save_column(column: Column, folder: Path, file: str) -> Said:
    for part, array in column.arrays().items():
        write(folder / f"{file}.{part}.npy", array)
    vocab = _vocab(column)
    return {
        "file": file,
        "type": type(column).__name__.lower(),
        "arrays": sorted(column.arrays()),
        "vocab": None if vocab is None else _save_vocab(vocab, folder, f"{file}.vocab"),
    }


def _load_tables(said: Said, vocabs: Mapping[str, Vocab], folder: Path) -> dict[str, Table]:
    tables = {}
    for name, table in said.items():
        columns = {label: _load_column(one, folder) for label, one in table["columns"].items()}
        keys = vocabs[name] if table["keys"] is None else _load_vocab(table["keys"], folder)
        tables[name] = Table(columns, keys)
    return tables


def _load_column(said: Said, folder: Path) -> Column:
    arrays = {part: mapped(folder / f"{said['file']}.{part}.npy") for part in said["arrays"]}
    vocab = {} if said["vocab"] is None else {"vocab": _load_vocab(said["vocab"], folder)}
    column: Column = COLUMNS[said["type"]](**arrays, **vocab)
    return column


def _vocab(column: Column) -> Vocab | None:
    return None if isinstance(column, Dense) else column.vocab


def _source(said: Said) -> Source:
    counts = [Count(name, Sizes(*before), Sizes(*after)) for name, before, after in said["counts"]]
    return Source(**{**said, "counts": tuple(counts), "notes": tuple(said["notes"])})


def _write(path: Path, said: Said) -> None:
    path.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _read(path: Path) -> Said:
    if not path.is_file():
        raise FileNotFoundError(f"no {path.name} in {path.parent}: import a log there first")
    try:
        said: Said = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is broken ({error}): import the log again") from error
    if said.get("format") != FORMAT:
        raise ValueError(
            f"{path}: format {said.get('format')!r}, this version reads {FORMAT}: import it again"
        )
    return said


def _room(folder: Path, need: int) -> None:
    free = _free(folder)
    if free is not None and need > free:
        raise ValueError(
            f"{folder} needs {need:,} bytes, {free:,} are free; a data set is written whole; "
            "name a folder elsewhere"
        )


def _free(folder: Path) -> int | None:
    """Bytes free where the folder would lie; None where the system does not say (0 in all)."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    usage = shutil.disk_usage(there)
    return usage.free if usage.total else None


@contextmanager
def _said(path: Path, need: int) -> Iterator[None]:
    """What the system refuses to write, in one line; what was half written is gone by then."""
    try:
        yield
    except FileExistsError as error:
        if error.errno is None:  # said by ourselves
            raise
        raise _unwritten(path, need, error) from error
    except OSError as error:
        raise _unwritten(path, need, error) from error


def _unwritten(path: Path, need: int, error: OSError) -> ValueError:
    free = _free(path)
    told = "unknown" if free is None else f"{free:,} are free"
    return ValueError(
        f"{path} cannot be written ({error.strerror or error}); needs {need:,} bytes, {told}; "
        "nothing half-written is left; name a folder elsewhere"
    )
