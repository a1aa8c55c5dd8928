"""TencentGR's folders: advertising histories with features and content vectors."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from polyrec.data import tables
from polyrec.data.readers.assemble import Draft
from polyrec.data.readers.columns.mapping import Mapping
from polyrec.data.readers.faults import fault
from polyrec.data.readers.formats.tencentgr.beside import find, read_indexer, read_items
from polyrec.data.readers.formats.tencentgr.records import Lines, Records
from polyrec.data.readers.formats.tencentgr.vectors import read_vectors
from polyrec.data.readers.options import ReadOptions
from polyrec.data.readers.text.content import empty
from polyrec.data.vocab import Vocab

SEQUENCES = "seq.jsonl"
ITEMS = "item_feat_dict.json"
ROLES = {"actor": "user", "target": "item", "time": "timestamp", "kind": "action"}


def is_tencentgr(path: Path) -> bool:
    """Whether the folder, or the folder of this file, has the layout."""
    folder = path if path.is_dir() else path.parent
    return find(folder, SEQUENCES) is not None and (path.is_dir() or _bare(path) == SEQUENCES)


def tencentgr(path: Path, options: ReadOptions) -> Draft:
    """TencentGR folders: seq.jsonl, item_feat_dict.json, indexer.json, creative_emb/emb_ID_DIM.

    A line of seq.jsonl holds one user's records [user_id, item_id, user_feature, item_feature,
    action_type, timestamp], the profile exactly once at any place. Only seq.jsonl must be there.
    Columns are named by their feature ids: item 100.., user 103.., vectors 81..86 of whatever
    width they have. The profile's own timestamp is left out: it tells the future.
    Source: the READMEs of the TencentGR-1M competition's data.
    """
    _refuse_encoding(path, options)
    file = path if path.is_file() else find(path, SEQUENCES)
    if file is None:
        rule = f"the folder holds {SEQUENCES}"
        raise fault(str(path.name), f"no {SEQUENCES}", rule, "name the folder that does")
    if file.stat().st_size == 0:
        raise empty(file)
    lines, records = Lines(file, file.name), Records(options)
    records.read(lines)
    sha256 = {file.name: lines.sha256}
    notes: list[str] = []
    if beside := find(file.parent, ITEMS):
        sha256[beside.name], notes = read_items(beside, records)
    users, items, hashes, said = read_indexer(file.parent, records)
    keys = Vocab.of(items.texts)
    vectors = read_vectors(file.parent, keys, options)
    about = {**records.about_items.columns(), **vectors.columns}
    tables_of = {"target": tables.build(pa.array(items.texts, pa.large_string()), about)}
    tables_of["actor"] = tables.build(
        pa.array(users.texts, pa.large_string()), records.about_users.columns()
    )
    notes += [*said, *records.about_users.notes(), *records.about_items.notes(), *vectors.notes]
    return Draft(
        reader="tencentgr",
        rows=records.rows(lines, users, items),
        mapping=Mapping(ROLES),
        options=options,
        tables=tables_of,
        sha256=sha256 | hashes | vectors.sha256,
        notes=tuple(notes),
    )


def _bare(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".zst").removesuffix(".bz2")


def _refuse_encoding(path: Path, options: ReadOptions) -> None:
    if options.encoding.lower().replace("_", "-") not in ("utf-8", "utf8", "utf-8-sig"):
        raise fault(path.name, f"--encoding {options.encoding}", "JSON is UTF-8", "leave it out")
