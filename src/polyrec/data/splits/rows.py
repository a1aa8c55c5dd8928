"""Splits of rows with labels, and folds of small sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from polyrec.data.tables import Labelled
from polyrec.kernels.shuffle import words
from polyrec.types import derived_seed

I64 = NDArray[np.int64]
RowHow = Literal["random", "stratified", "grouped", "time"]


@dataclass(frozen=True)
class RowConfig:
    """How rows are split; `how` None = grouped where rows name a group, else random."""

    how: RowHow | None = None
    ratios: tuple[float, float, float] = (0.8, 0.1, 0.1)
    label: str = ""  # stratified: the task whose rate every part keeps; empty = the first
    seed: int = 0


@dataclass(frozen=True)
class RowSplit:
    """Ids of the rows (1..n) of each part, ascending."""

    train: I64
    valid: I64
    test: I64
    how: RowHow


def random_rows(rows: Labelled, config: RowConfig) -> I64:
    """Rows in random order: parts may share people, and their labels leak."""
    return np.argsort(_drawn(np.arange(len(rows)), config.seed), kind="stable")


def stratified_rows(rows: Labelled, config: RowConfig) -> I64:
    """Every part gets each class of a label in the same share."""
    drawn = _drawn(np.arange(len(rows)), config.seed)
    label = rows.labels[_task(rows, config)][1:]
    order = np.lexsort((drawn, label))
    _, size = np.unique(label, return_counts=True)
    inside = np.concatenate([(np.arange(n) + 0.5) / n for n in size]) if len(size) else size
    return order[np.lexsort((drawn[order], inside))]


def grouped_rows(rows: Labelled, config: RowConfig) -> I64:
    """All rows of a person fall into one part; people come in random order.

    Raises:
        ValueError: the rows name no group.
    """
    group = _group(rows)
    return np.lexsort((np.arange(len(rows)), group, _drawn(group, config.seed)))


def time_rows(rows: Labelled, config: RowConfig) -> I64:
    """Train is the past of valid, valid the past of test.

    Raises:
        ValueError: the rows have no time.
    """
    if rows.time is None:
        raise ValueError("a time split needs times; these rows have none: use random or grouped")
    return np.argsort(rows.time[1:], kind="stable")


ROW_SPLITS: dict[str, Callable[[Labelled, RowConfig], I64]] = {
    "random": random_rows,
    "stratified": stratified_rows,
    "grouped": grouped_rows,
    "time": time_rows,
}


def split_rows(rows: Labelled, config: RowConfig) -> RowSplit:
    """Orders the rows as `config.how` says and cuts them at the ratios.

    A cut moves on to where a group, or a moment, ends.

    Raises:
        KeyError: there is no such split.
        ValueError: a part is empty, or a label has one class in valid or test.
    """
    how = config.how or ("random" if rows.group is None else "grouped")
    if how not in ROW_SPLITS:
        near = get_close_matches(how, ROW_SPLITS, 1, cutoff=0.3)
        raise KeyError(f"row split {how!r}: one of {', '.join(ROW_SPLITS)}; nearest {near}")
    order = ROW_SPLITS[how](rows, config) + 1
    kept = {"grouped": rows.group, "time": rows.time}.get(how)
    shares = config.ratios[0], round(config.ratios[0] + config.ratios[1], 12)
    first, second = (_boundary(order, kept, int(len(rows) * share)) for share in shares)
    parts = [np.sort(part) for part in (order[:first], order[first:second], order[second:])]
    for name, part in zip(("train", "valid", "test"), parts, strict=True):
        _usable(rows, name, part)
    return RowSplit(parts[0], parts[1], parts[2], how)


def folds(rows: Labelled, count: int, repeats: int, config: RowConfig) -> list[tuple[I64, I64]]:
    """k-fold, `repeats` times with fresh orders (5 × 2, 10 × 10): pairs (train, test) of row ids.

    Stratified and grouped folds keep their promise in every fold.

    Raises:
        ValueError: fewer rows or groups than folds, or folds along time.
    """
    how = config.how or ("random" if rows.group is None else "grouped")
    if how == "time":
        raise ValueError("folds along time would train on the future: use split_rows")
    unit = _group(rows) if how == "grouped" else np.arange(len(rows))
    if count < 2 or len(np.unique(unit)) < count:
        raise ValueError(f"{count} folds of {len(np.unique(unit))} units: 2 to as many as units")
    made = []
    for repeat in range(repeats):
        fresh = RowConfig(how, config.ratios, config.label, derived_seed(config.seed, repeat))
        order = ROW_SPLITS[how](rows, fresh)
        turn = np.arange(len(rows))
        # neighbours go to different folds: classes, laid end to end, stay even; groups stay whole
        if how == "stratified":
            order = order[np.argsort(rows.labels[_task(rows, config)][order + 1], kind="stable")]
        elif how == "grouped":
            turn = np.concatenate([[0], np.cumsum(np.diff(unit[order]) != 0)])
        fold = np.empty(len(rows), np.int64)
        fold[order] = turn % count
        made += [
            (np.flatnonzero(fold != f) + 1, np.flatnonzero(fold == f) + 1) for f in range(count)
        ]
    return made


def _drawn(numbers: NDArray[np.integer], seed: int) -> NDArray[np.uint64]:
    return words(derived_seed(seed, "rows"), numbers.astype(np.int64))


def _task(rows: Labelled, config: RowConfig) -> str:
    label = config.label or next(iter(rows.labels))
    if label not in rows.labels:
        raise KeyError(f"label {label!r}; there are {', '.join(rows.labels)}")
    return label


def _group(rows: Labelled) -> I64:
    if rows.group is None:
        raise ValueError("a grouped split needs a group column: --group COL, or use random")
    return rows.group[1:]


def _boundary(order: I64, kept: I64 | None, at: int) -> int:
    """`at`, or the next place where the group or moment changes."""
    if kept is None or at in (0, len(order)):
        return at
    values = kept[order]
    later = np.flatnonzero(values[at:] != values[at - 1])
    return at + int(later[0]) if len(later) else len(order)


def _usable(rows: Labelled, name: str, part: I64) -> None:
    if not len(part):
        raise ValueError(f"the {name} part has 0 of {len(rows)} rows: take other ratios")
    for task, label in rows.labels.items():
        weight = rows.weight.get(task)
        inside = part if weight is None else part[weight[part] > 0]
        values = np.unique(label[inside])
        if len(values) == 1 and len(np.unique(label[1:])) > 1:
            raise ValueError(
                f"label {task} is {values[0]:g} on all {len(inside):,} rows of {name}: "
                "take a larger part, a stratified split, or drop the label"
            )
