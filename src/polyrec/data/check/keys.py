"""Checks of keys and column names: twins, mixed scripts, personal data, swapped roles."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pyarrow as pa

from polyrec.data.check.finding import Finding
from polyrec.data.events import Dataset
from polyrec.data.readers.assemble import Draft
from polyrec.data.readers.columns.mapping import ACTOR, TARGET
from polyrec.data.readers.faults import shown
from polyrec.data.readers.text.shape import plain_name
from polyrec.data.tables import Sparse
from polyrec.data.vocab import Vocab

MIXED = (
    r"[A-Za-z][\u0370-\u03FF\u0400-\u04FF]|[\u0370-\u03FF\u0400-\u04FF][A-Za-z]"
    r"|Ã[\u0080-\u00BF]|â€|Ð[\u0080-\u00BF]"
)
MAIL = r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$"
PERSONAL = re.compile(
    r"(e?mail|phone|mobile|firstname|lastname|surname|fullname|birth|address|ssn|passport)"
)
SWAP = 10_000


def key_twins(dataset: Dataset) -> list[Finding]:
    """D4: keys that differ by blanks around them or by case alone."""
    pairs: list[str] = []
    for vocab in _vocabs(dataset):
        keys = _keys(vocab)
        plain = keys.str.strip_chars().str.to_lowercase()
        if plain.n_unique() == len(keys):
            continue
        twin = pl.DataFrame({"key": keys, "plain": plain}).filter(pl.col("plain").is_duplicated())
        groups = twin.group_by("plain", maintain_order=True).agg("key").head(3)
        pairs += [" and ".join(shown(key) for key in group) for group in groups["key"].to_list()]
    if not pairs:
        return [Finding("D4", "PASS", "no keys differ by case or blanks alone")]
    return [Finding("D4", "WARN", f"the same key written twice? {'; '.join(pairs[:3])}")]


def mixed_scripts(dataset: Dataset) -> list[Finding]:
    """D5: letters of two alphabets inside one word, or bytes decoded wrongly."""
    found: list[str] = []
    for vocab in _vocabs(dataset):
        data = np.asarray(vocab.data)
        if not len(data) or data.max() < 128:
            continue
        keys = _keys(vocab)
        found += keys.filter(keys.str.contains(MIXED)).head(3).to_list()
    if not found:
        return [Finding("D5", "PASS", "no word mixes alphabets")]
    told = ", ".join(shown(key) for key in found[:3])
    return [Finding("D5", "WARN", f"two alphabets in one word, or a wrong encoding: {told}")]


def personal(draft: Draft) -> list[Finding]:
    """D22: columns that may hold personal data. They are left out unless a flag names them."""
    names = [n for n in draft.rows.columns if PERSONAL.search(plain_name(n))]
    for name, column in draft.rows.columns.items():
        text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        if text and name not in names:
            first = pl.Series(column.slice(0, 1000).to_pylist(), dtype=pl.String)
            if first.str.contains(MAIL).sum() > len(first) / 2:
                names.append(name)
    if not names:
        return [Finding("D22", "PASS", "no column looks like personal data")]
    used = [name for name in names if name in draft.mapping.used]
    told = f"; in use: {', '.join(used)}" if used else "; none is in use"
    return [Finding("D22", "WARN", f"personal data? {', '.join(map(shown, names[:6]))}{told}")]


def swapped(dataset: Dataset, draft: Draft | None) -> list[Finding]:
    """D25: actor and target look swapped, or share most of their keys."""
    actors, targets = dataset.vocabs["actor"], dataset.vocabs["target"]
    roles = {} if draft is None else draft.mapping.roles
    target, actor = (plain_name(roles.get(role, "")) for role in ("target", "actor"))
    on_actor, on_target = ({plain_name(n) for n in names} for names in (ACTOR, TARGET))
    if (targets.size * SWAP <= actors.size and target in on_actor) or (
        actors.size * SWAP <= targets.size and actor in on_target
    ):
        what = f"{actors.size} actors, {targets.size} targets: are the two columns swapped?"
        return [Finding("D25", "WARN", what)]
    data = np.asarray(targets.data)
    if len(data) and not ((data >= 48) & (data <= 57)).all():
        both = int((actors.ids(pa.array(_keys(targets).to_arrow())) > 0).sum())
        if both > 0.5 * min(actors.size, targets.size):
            what = f"{both} keys are actor and target alike: one column for both roles?"
            return [Finding("D25", "WARN", what)]
    return [Finding("D25", "PASS", "actor and target are two things")]


def _vocabs(dataset: Dataset) -> list[Vocab]:
    out = [dataset.vocabs["actor"], dataset.vocabs["target"]]
    for table in dataset.tables.values():
        columns = [column for column in table.columns.values() if isinstance(column, Sparse)]
        out += [column.vocab for column in columns]
    return out


def _keys(vocab: Vocab) -> pl.Series:
    data, at = np.asarray(vocab.data), np.asarray(vocab.at)
    text = pa.LargeStringArray.from_buffers(len(at) - 1, pa.py_buffer(at), pa.py_buffer(data))
    series = pl.from_arrow(text)
    assert isinstance(series, pl.Series)
    return series
