"""Checks of rows and columns as they stand in the file."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.stats import rankdata

from polyrec.data.check.finding import Finding, Level, graded
from polyrec.data.readers.assemble import Draft
from polyrec.data.readers.columns.numbers import frame_column, parsed
from polyrec.data.readers.faults import shown
from polyrec.data.readers.text.shape import plain_name

WEIGHTS = ("weight", "weights", "instanceweight", "sampleweight", "wgt", "fnlwgt")
TELLING = 0.95


def row_checks(draft: Draft) -> list[Finding]:
    """D6, D7, D16, D17, D18, D23 over every column of the file."""
    frame = pl.DataFrame(
        {name: frame_column(column) for name, column in draft.rows.columns.items()}
    )
    return [
        _duplicates(frame),
        *_conflicts(frame, draft),
        _empty_columns(frame, draft),
        *_telling(frame, draft),
        _weights(frame, draft),
        *_sorted(frame, draft),
    ]


def _duplicates(frame: pl.DataFrame) -> Finding:
    again = frame.height - frame.n_unique()
    share = again / frame.height
    return graded("D6", share, (0.0, 2.0), f"{again} rows repeat another exactly ({share:.2%})")


def _conflicts(frame: pl.DataFrame, draft: Draft) -> list[Finding]:
    labels = list(draft.mapping.labels)
    others = [name for name in frame.columns if name not in labels]
    if not labels or not others:
        return []
    kinds = frame.group_by(others).agg(pl.struct(labels).n_unique().alias("labels"))
    wrong = int((kinds["labels"] > 1).sum())
    share = wrong / kinds.height
    return [graded("D7", share, (0.0, 2.0), f"{wrong} equal rows have different labels")]


def _empty_columns(frame: pl.DataFrame, draft: Draft) -> Finding:
    keys = {draft.mapping.roles.get(role) for role in ("actor", "target", "time")}
    told = []
    for name in frame.columns:
        distinct = frame[name].n_unique()
        if distinct == 1 and frame.height > 1:
            told.append(f"{shown(name)} is constant")
        elif distinct == frame.height > 20 and name not in keys and not _measured(frame[name]):
            told.append(f"{shown(name)} differs in every row")
    if not told:
        return Finding("D16", "PASS", "no column is constant, empty or unique in every row")
    return Finding("D16", "WARN", "; ".join(told[:6]))


def _measured(column: pl.Series) -> bool:
    """Whether a column holds numbers with fractions: those may all differ."""
    numbers = parsed(column.head(1000), pl.Float64)
    return bool((numbers != numbers.floor()).any())


def _telling(frame: pl.DataFrame, draft: Draft) -> list[Finding]:
    out = []
    roles = {draft.mapping.roles.get(role) for role in ("actor", "target", "time")}
    for label in draft.mapping.labels:
        truth = parsed(frame[label], pl.Float64).fill_null(0).to_numpy() > 0
        others = set(frame.columns) - set(draft.mapping.labels) - roles
        told = []
        for name in sorted(others):
            values = parsed(frame[name], pl.Float64)
            if values.null_count() == 0 and (alone := _auc(values.to_numpy(), truth)) > TELLING:
                told.append(f"{shown(name)} tells {shown(label)} alone (AUC {alone:.3f})")
        level: Level = "FAIL" if told else "PASS"
        out.append(Finding("D17", level, "; ".join(told) or f"no column tells {shown(label)}"))
    return out


def _auc(values: np.ndarray, truth: np.ndarray) -> float:
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives or not np.isfinite(values).all():
        return 0.0
    ranks = rankdata(values)
    area = (ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    return float(max(area, 1 - area))


def _weights(frame: pl.DataFrame, draft: Draft) -> Finding:
    named = [name for name in frame.columns if plain_name(name) in WEIGHTS]
    free = [name for name in named if name != draft.mapping.roles.get("weight")]
    if free:
        told = ", ".join(shown(name) for name in free)
        return Finding("D18", "WARN", f"{told} looks like row weights: --weight, never a feature")
    return Finding("D18", "PASS", "no weights among the features")


def _sorted(frame: pl.DataFrame, draft: Draft) -> list[Finding]:
    out = []
    for label in draft.mapping.labels:
        values = parsed(frame[label], pl.Float64).fill_null(0).to_numpy()
        steps = np.diff(values)
        ordered = bool(((steps >= 0).all() or (steps <= 0).all()) and (steps != 0).any())
        level: Level = "WARN" if ordered and len(values) > 3 else "PASS"
        told = "rows are sorted by" if level == "WARN" else "rows are not sorted by"
        out.append(Finding("D23", level, f"{told} {shown(label)}: shuffle before any cut"))
    return out


def order_in_file(actor: np.ndarray, time: np.ndarray) -> Finding:
    """D10: events out of order inside their actor. `actor`, `time` in the order of the file."""
    place = np.argsort(actor, kind="stable")
    same = np.diff(actor[place]) == 0
    back = int((same & (np.diff(time[place]) < 0)).sum())
    told = f"{back} events stand before an earlier one of their actor: sorted"
    return Finding("D10", "PASS", told if back else "the file is in order of time")
