"""Checks of a split: what train knows of the future, what valid and test ask that it never saw."""

from __future__ import annotations

import numpy as np

from polyrec.data.check.finding import Finding, graded
from polyrec.data.check.log import ties
from polyrec.data.events import Dataset
from polyrec.data.splits import Questions, Split
from polyrec.data.tables import Sparse


def check_split(dataset: Dataset, split: Split, ties_told: bool = True) -> list[Finding]:
    """D9, D12, D13 and D19 of a finished split."""
    how = str(split.how["how"])
    out = [ties(dataset, ties_told)] if how in ("leave-one-out", "last-n") else []
    if how in ("leave-one-out", "last-n", "random"):
        out.append(_future(split))
    for name, part in (("valid", split.valid), ("test", split.test)):
        out += _cold(split, part, name, how)
    return [*out, *_categories(dataset, split)]


def _future(split: Split) -> Finding:
    asked = split.test.at.asked
    if not split.train.clock or asked is None or not len(asked):
        return Finding("D12", "PASS", "not checked: no times")
    share = float((split.train.time > asked.min()).mean())
    what = f"{share:.1%} of train events lie after the first test question"
    return graded("D12", share, (0.0, 2.0), what)


def _cold(split: Split, part: Questions, name: str, how: str) -> list[Finding]:
    counts = split.facts.counts.numpy()
    wanted = part.truth.values.numpy()
    share = float((counts[wanted] == 0).mean()) if len(wanted) else 0.0
    what = f"{name}: {share:.1%} of wanted targets are unknown to train"
    out = [graded("D13", share, (0.05, 0.5), what)]
    if how != "by-user":
        known = split.train.lengths[part.at.actor] > 0
        cold = float((~known).mean()) if len(known) else 0.0
        what = f"{name}: {cold:.1%} of actors are unknown to train"
        out.append(graded("D13", cold, (0.05, 0.5), what))
    return out


def _categories(dataset: Dataset, split: Split) -> list[Finding]:
    table = dataset.tables.get("target")
    if table is None:
        return []
    seen = split.facts.counts.numpy() > 0
    asked = np.unique(split.test.truth.values.numpy())
    only = 0
    for column in table.columns.values():
        if isinstance(column, Sparse):
            known = np.unique(column.values[seen])
            only += len(np.setdiff1d(np.unique(column.values[asked]), [*known, 0]))
    return [Finding("D19", "PASS", f"{only} categories of targets occur in test only: id 0")]
