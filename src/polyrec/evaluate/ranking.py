"""Asks a recommender every question of a part, in blocks, and judges its lists.

Letters: R requests, k list places, n items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from polyrec.evaluate.judge import Wanted, check, judge
from polyrec.evaluate.report import Evidence, Lists, Report
from polyrec.metrics.intervals import Method
from polyrec.metrics.passport import Passport
from polyrec.metrics.ranked import duplicates
from polyrec.metrics.slices import Slicing, by_activity, by_history, by_popularity
from polyrec.metrics.system import Catalogue
from polyrec.types import Ragged, Recommender, Requests


class Asked(Protocol):
    """Requests with their answers: what `Split.valid` and `Split.test` are."""

    @property
    def key(self) -> Tensor: ...  # [R]
    @property
    def cluster(self) -> Tensor: ...  # [R], the person
    @property
    def truth(self) -> Ragged: ...  # [R], in order of time, repeats kept, 0 = unknown to train
    @property
    def dropped(self) -> Mapping[str, int]: ...
    @property
    def hash(self) -> str: ...
    def __len__(self) -> int: ...
    def requests(self, rows: Tensor) -> Requests: ...


@runtime_checkable
class Placing(Protocol):
    """A recommender that can tell the full rank of given items."""

    def ranks(
        self, requests: Requests, truth: Ragged, exclude: Ragged | None = None
    ) -> Tensor: ...  # [sum], 0 = never listed


@dataclass(frozen=True)
class Setting:
    """Everything about an evaluation that its numbers depend on, or that their passports say."""

    exclude: Literal["none", "history"] = "none"  # what a list must not hold
    dialect: str = "polyrec"
    items: int = 0  # n; 0 = the length of counts
    counts: Tensor | None = None  # [n + 1], train events of each item
    categories: Tensor | None = None  # [n + 1]
    vectors: Tensor | None = None  # [n + 1, D], for ild
    vectors_from: str = ""
    activity: Tensor | None = None  # [actors + 1], train events of each person
    slices: tuple[str, ...] = ("activity", "popularity", "history")
    cold: Literal["keep", "drop"] = "keep"  # wanted items unknown to train
    ties: Literal["count", "skip"] = "count"  # count asks for one place more
    ranks: Literal["none", "full"] = "none"  # also the full rank of each wanted item
    interval: Method = "auto"
    part: str = ""
    data: str = ""
    split: str = ""
    selected_on: str = ""
    checkpoint: str = ""
    seeds: tuple[int, ...] = ()
    rows: int = 4096  # requests at once

    @property
    def catalogue(self) -> Catalogue:
        """What system metrics know."""
        items = self.items or (0 if self.counts is None else len(self.counts) - 1)
        return Catalogue(items, self.counts, self.categories, self.vectors, self.vectors_from)


def ranking(
    rec: Recommender,
    questions: Asked,
    metrics: Sequence[str],
    k: Sequence[int],
    *,
    setting: Setting,
) -> Report:
    """Values of each metric at each k, ranked once for the longest.

    A request without a wanted item is dropped and counted; a wanted item unknown to train stays
    as a miss and is counted, unless the setting drops it.

    Raises:
        ValueError: no request is left, k exceeds the catalogue, a score is NaN.
        KeyError: an unknown metric or dialect.
    """
    wanted = Wanted(metrics, k, setting.dialect, setting.interval)
    check(wanted)
    n = setting.catalogue.items
    if n and max(k) > n:
        raise ValueError(f"evaluate: k={max(k)}, but there are {n} candidates; ask k <= {n}")
    truth = questions.truth if setting.cold == "keep" else _known(questions.truth)
    rows = (truth.lengths > 0).nonzero()[:, 0]
    dropped = _dropped(questions.dropped, len(questions) - len(rows))
    if not len(rows):
        why = ", ".join(f"{count} {name}" for name, count in dropped) or "none were given"
        raise ValueError(
            f"0 requests after filtering ({why}): use a larger test part or --keep-cold"
        )
    lists, length = _ask(rec, questions, rows, truth, max(k), setting)
    unknown = int((questions.truth.select(rows).values == 0).sum())
    base = replace(_base(questions, setting), dropped=dropped, requests=len(rows), unknown=unknown)
    base = replace(base, duplicates=int(duplicates(lists.ids).sum()))
    slicings = _slicings(lists, length, setting)
    return judge(Evidence(lists, base, setting.catalogue, slicings), wanted)


def _known(truth: Ragged) -> Ragged:
    keep = truth.values > 0
    lengths = torch.bincount(truth.row[keep], minlength=len(truth))
    return Ragged(truth.values[keep], torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]))


def _dropped(already: Mapping[str, int], here: int) -> tuple[tuple[str, int], ...]:
    counts = dict(already)
    if here:
        counts["without truth"] = counts.get("without truth", 0) + here
    return tuple(counts.items())


def _ask(
    rec: Recommender, questions: Asked, rows: Tensor, truth: Ragged, k: int, setting: Setting
) -> tuple[Lists, Tensor]:
    """The lists, and the length [R] of each history."""
    more = setting.ties == "count" and (not setting.catalogue.items or k < setting.catalogue.items)
    parts, lengths, placed = [], [], []
    with torch.no_grad():
        for block in rows.split(setting.rows):  # type: ignore[no-untyped-call]
            requests = questions.requests(block)
            exclude = requests.history if setting.exclude == "history" else None
            parts.append(rec.recommend(requests, k + more, exclude=exclude))
            _check(parts[-1].ids, parts[-1].scores, questions.key[block], setting.catalogue.items)
            lengths.append(requests.history.lengths)
            if setting.ranks == "full" and isinstance(rec, Placing):
                placed.append(rec.ranks(requests, truth.select(block), exclude))
    ids = torch.cat([part.ids for part in parts])
    scores = torch.cat([part.scores for part in parts]).float()
    border = scores[:, k] if more else torch.full((len(ids),), torch.nan)
    lists = Lists(
        questions.key[rows],
        questions.cluster[rows],
        ids[:, :k],
        scores[:, :k],
        border,
        torch.cat([part.why for part in parts]),
        truth.select(rows),
        torch.cat(placed) if placed else None,
    )
    return lists, torch.cat(lengths)


def _check(ids: Tensor, scores: Tensor, key: Tensor, n: int) -> None:
    bad = scores.isnan() | scores.isposinf()
    if bool(bad.any()):
        row, column = (int(x) for x in bad.nonzero()[0])
        raise ValueError(
            f"evaluate: request {int(key[row])}, place {column + 1}: score"
            f" {float(scores[row, column])}; scores must be finite"
        )
    if n and ids.numel() and int(ids.max()) > n:
        raise ValueError(f"evaluate: a list holds id {int(ids.max())}, but there are {n} items")


def _base(questions: Asked, setting: Setting) -> Passport:
    return Passport(
        metric="",
        excluded=setting.exclude,
        data=setting.data,
        split=" ".join(x for x in (setting.split, questions.hash[:12]) if x),
        part=setting.part,
        cold="kept" if setting.cold == "keep" else "dropped",
        selected_on=setting.selected_on,
        checkpoint=setting.checkpoint,
        seeds=setting.seeds,
    )


def _slicings(lists: Lists, length: Tensor, setting: Setting) -> tuple[Slicing, ...]:
    """The slicings asked for that the setting has the figures for."""
    out = []
    for name in setting.slices:
        if name == "history":
            out.append(by_history(length))
        elif name == "popularity" and setting.counts is not None:
            out.append(by_popularity(lists.truth, setting.counts))
        elif name == "activity" and setting.activity is not None:
            out.append(by_activity(setting.activity[lists.cluster]))
        elif name not in ("activity", "popularity"):
            raise KeyError(f"no slicing {name!r}: allowed are activity, popularity, history")
    return tuple(out)
