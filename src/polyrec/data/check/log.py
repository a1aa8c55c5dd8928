"""Checks of a data set: times, sizes, labels, memory, licence."""

from __future__ import annotations

import numpy as np

from polyrec.data.catalogue import CATALOGUE, known
from polyrec.data.check.finding import Finding, graded
from polyrec.data.events import Dataset
from polyrec.data.readers.options import ReadOptions, budget
from polyrec.data.store import bytes_of
from polyrec.data.tables import Sparse

FEW = 20  # positives below which an interval says little
CLICKS = ("click", "is_click", "clicked")
BOUGHT = ("buy", "purchase", "conversion", "order", "bought", "converted")


def constant_time(dataset: Dataset) -> Finding:
    """D8: a clock that never moves (unit, range and missing times are the reader's)."""
    events = dataset.events
    if not events.clock:
        return Finding("D8", "PASS", "no times: order only")
    if len(events) > 1 and int(events.time.min()) == int(events.time.max()):
        what = "all times are equal, order unknown: --ties shuffle, no time split"
        return Finding("D8", "WARN", what)
    return Finding("D8", "PASS", "times lie between 1990 and tomorrow, in one unit")


def ties(dataset: Dataset, told: bool = True) -> Finding:
    """D9: actors whose last two events, the valid and the test one, have equal times.

    `told`: whether somebody said how ties are broken; it fails only where nobody did.
    """
    events = dataset.events
    if not events.clock:
        return _untimed(dataset)
    ends = events.start[2:][events.lengths[1:] >= 3]
    if not len(ends):
        return Finding("D9", "PASS", "no actor has three events")
    share = float((events.time[ends - 1] == events.time[ends - 2]).mean())
    what = f"{share:.1%} of actors have equal times at the valid/test cut"
    return graded("D9", share, (0.01, 2.0 if told else 0.2), what + ": --ties says how they break")


def _untimed(dataset: Dataset) -> Finding:
    """What is known of the order of a set without times."""
    entry = known(dataset.source.sha256)
    note = f"; {entry.name}: {entry.note}" if entry and entry.note else ""
    if dataset.source.reader == "lightgcn":
        what = "the order of a list says nothing: what is last in it was not last in time"
        return Finding("D9", "WARN", what + note)
    return Finding("D9", "PASS", "not checked: no times" + note)


def sizes(dataset: Dataset) -> Finding:
    """D11: how much there is, and how it is spread."""
    lengths = dataset.events.lengths[1:]
    lengths = lengths[lengths > 0]
    counts = np.sort(dataset.events.counts(dataset.items)[1:])
    few = float((lengths < 3).mean())
    one = float((lengths == 1).mean())
    low, middle, high = np.quantile(lengths, [0.1, 0.5, 0.9])
    actors, targets, size = dataset.sizes
    density = size / (actors * targets)
    message = (
        f"{actors:,} actors, {targets:,} targets, {size:,} events, density {density:.2%}; events "
        f"an actor 10% {low:g}, 50% {middle:g}, 90% {high:g}; one event {one:.1%}; fewer than "
        f"three {few:.1%}; Gini of targets {_gini(counts):.2f}"
    )
    return graded("D11", few, (0.5, 2.0), message)


def label_logic(dataset: Dataset) -> list[Finding]:
    """D14: conversions without a click. D15: labels of one class, or with few positives."""
    extra = dataset.events.extra
    out = []
    click = next((extra[name] for name in CLICKS if name in extra), None)
    for name in extra:
        if click is not None and name in BOUGHT and (extra[name] > 0).any():
            share = float((click[extra[name] > 0] == 0).mean())
            what = f"{share:.1%} of rows with {name} have no click: attribution window?"
            out.append(graded("D14", share, (0.0, 0.01), what))
    for name, column in extra.items():
        if column.dtype == np.int8 and name != "part":
            out.append(_rate(name, column))
    return out


def _rate(name: str, column: np.ndarray) -> Finding:
    positives = int((column > 0).sum())
    if positives in (0, len(column)):
        value = int(positives > 0)
        what = f"label {name} is {value} on all {len(column):,} rows: a larger part, or drop it"
        return Finding("D15", "FAIL", what)
    what = f"label {name}: {positives:,} positives ({positives / len(column):.2%})"
    if min(positives, len(column) - positives) < FEW:
        return Finding("D15", "WARN", what + f": fewer than {FEW}, intervals will be wide")
    return Finding("D15", "PASS", what)


def graphs(dataset: Dataset) -> list[Finding]:
    """D20: self loops and repeated edges of tables whose rows are edges."""
    out = []
    for name, table in dataset.tables.items():
        ends = [c for c in table.columns.values() if isinstance(c, Sparse)]
        if name not in ("net", "kg") or len(ends) < 2:
            continue
        first, last = ends[0].values[1:], ends[1].values[1:]
        loops = int((first == last).sum())
        rows = np.stack([column.values[1:] for column in ends])
        again = rows.shape[1] - np.unique(rows, axis=1).shape[1]
        what = f"{name}: {rows.shape[1]:,} edges, {loops} self loops, {again} repeated, no times"
        out.append(Finding("D20", "WARN" if loops or again else "PASS", what))
    return out


def memory(dataset: Dataset, options: ReadOptions) -> Finding:
    """D21: what the data set takes, against the budget."""
    needed, limit = sum(bytes_of(dataset).values()), budget(options)
    what = f"needs {needed / 2**20:,.1f} MB, the limit is {limit / 2**20:,.0f} MB (--mem)"
    return Finding("D21", "FAIL" if needed > limit else "PASS", what)


def licence(dataset: Dataset) -> Finding:
    """D24: whether a catalogue set may be given away."""
    entry = CATALOGUE.get(dataset.source.name) or known(dataset.source.sha256)
    if entry is None or entry.redistributable:
        return Finding("D24", "PASS", "no licence of the catalogue forbids giving this away")
    return Finding("D24", "WARN", f"{entry.name}: {entry.licence}: do not pass it on")


def _gini(counts: np.ndarray) -> float:
    total = counts.sum()
    place = np.arange(1, len(counts) + 1)
    return float(
        2 * (place * counts).sum() / (len(counts) * total) - (len(counts) + 1) / len(counts)
    )
