"""Turns evidence into a report: each metric at each k, with interval, passport and slices.

Letters: R requests, k list places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import torch
from torch import Tensor

from polyrec.evaluate.report import Evidence, Report, SliceValue, Value
from polyrec.metrics import DIALECTS, RANKING, SYSTEM, Formula, Hits, System, dialect, hits
from polyrec.metrics.intervals import (
    Interval,
    Method,
    interval,
    percentiles,
    resampled,
    resampled_whole,
)
from polyrec.metrics.passport import Passport
from polyrec.metrics.ranked import tied
from polyrec.metrics.ranking import Parts, contributions
from polyrec.metrics.sampled import expected
from polyrec.metrics.slices import too_small


@dataclass(frozen=True)
class Wanted:
    """Which values to compute. Metrics are names; the lists are ranked once for the longest k."""

    metrics: Sequence[str]
    k: Sequence[int]
    dialect: str = "polyrec"
    interval: Method = "auto"


def check(wanted: Wanted) -> None:
    """Every name is known before anything is computed.

    Raises:
        KeyError: an unknown metric or dialect, with the nearest name.
        ValueError: no metric, no k, or k < 1.
    """
    if not wanted.metrics or not wanted.k:
        raise ValueError("evaluate: name at least one metric and one k")
    if min(wanted.k) < 1:
        raise ValueError(f"evaluate: k={min(wanted.k)}, need at least 1")
    dialect(wanted.dialect)
    for name in wanted.metrics:
        if name not in SYSTEM:
            _known(name)
            dialect(wanted.dialect).formula(name)


def _known(name: str) -> None:
    every = {*SYSTEM, *RANKING, *(m for d in DIALECTS.values() for m in d.formulas)}
    if name not in every:
        near = get_close_matches(name, every, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise KeyError(f"no metric {name!r}: allowed are {', '.join(sorted(every))}{hint}")


def judge(evidence: Evidence, wanted: Wanted) -> Report:
    """The report of stored or fresh lists: same evidence, same numbers."""
    check(wanted)
    values: dict[str, Value] = {}
    per_request: dict[str, Tensor] = {}
    judged: list[str] = []
    for k in sorted(set(wanted.k)):
        if k > evidence.lists.ids.shape[1]:
            raise ValueError(
                f"evaluate: k={k}, but the stored lists hold {evidence.lists.ids.shape[1]};"
                " evaluate the model again with a larger k"
            )
        base = replace(evidence.base, k=k, dialect=wanted.dialect, tied=_tied(evidence, k))
        found = hits(evidence.ranked, k)
        for name in wanted.metrics:
            label = f"{name}@{k}"
            if name in SYSTEM:
                values[label], each = _system(evidence, SYSTEM[name], base, wanted)
            else:
                formula = dialect(wanted.dialect).formula(name)
                values[label], each = _ranking(evidence, formula, found, base, wanted)
                judged.append(label)
            if each is not None:
                per_request[label] = each
    return Report(values, per_request, _sliced(evidence, per_request, judged), evidence)


def _tied(evidence: Evidence, k: int) -> float:
    lists = evidence.lists
    scores = torch.cat([lists.scores, lists.border[:, None]], 1)
    return float(tied(evidence.ranked, scores, k).double().mean())


def _ranking(
    evidence: Evidence, formula: Formula, found: Hits, base: Passport, wanted: Wanted
) -> tuple[Value, Tensor]:
    kind = dialect(wanted.dialect)
    mine = f"{kind.name}." if formula.name in kind.own else ""
    passport = replace(
        base,
        metric=formula.name,
        formula=mine + formula.id,
        truth=kind.truth,
        averaging=formula.averaging,
    )
    parts = formula.parts(found)
    return _value(evidence, parts, formula.range, passport, wanted)


def _system(
    evidence: Evidence, system: System, base: Passport, wanted: Wanted
) -> tuple[Value, Tensor | None]:
    ids = evidence.lists.ids[:, : base.k]
    passport = replace(
        base,
        metric=system.name,
        formula=system.id,
        dialect="polyrec",
        note=f"vectors: {evidence.catalogue.vectors_from}" if system.needs == "vectors" else "",
    )
    if system.of == "requests":
        parts = system.parts(ids, evidence.catalogue)
        return _value(evidence, parts, "unit" if system.unit_range else "free", passport, wanted)
    value = float(system.of_all(ids, evidence.catalogue)[0])
    people = torch.unique(evidence.lists.cluster, return_inverse=True)[1]
    draws = resampled_whole(lambda w: system.of_all(ids, evidence.catalogue, w), len(ids), people)
    # A resample holds 63% of the requests, so it shows fewer items: its spread is right, its
    # level is not.
    low, high = (min(max(end, 0.0), 1.0) for end in percentiles(value + draws - draws.mean()))
    span = Interval(low, high, "centred boot", int(people.max()) + 1, "people")
    return Value.of(value, len(ids), span, replace(passport, averaging="whole")), None


def _value(
    evidence: Evidence, parts: Parts, range: str, passport: Passport, wanted: Wanted
) -> tuple[Value, Tensor]:
    each = contributions(parts)
    defined = ~each.isnan()
    n = int(defined.sum())
    if not n:
        nothing = Interval(float("nan"), float("nan"), "none", 0)
        return Value.of(float("nan"), 0, nothing, passport), each
    if passport.averaging == "pooled":
        draws = resampled(parts.top[:, None], parts.bottom[:, None], _people(evidence))
        span = Interval(*percentiles(draws[:, 0]), "boot", n)
    else:
        span = interval(each, wanted.interval, range, evidence.lists.cluster)
    return Value.of(float(each[defined].mean()), n, span, passport), each


def _people(evidence: Evidence) -> Tensor | None:
    people = torch.unique(evidence.lists.cluster, return_inverse=True)[1]
    return people if int(people.max()) + 1 < len(people) else None


def _sliced(
    evidence: Evidence, per_request: dict[str, Tensor], names: list[str]
) -> dict[str, dict[str, dict[str, SliceValue]]]:
    out: dict[str, dict[str, dict[str, SliceValue]]] = {}
    for slicing in evidence.slicings:
        here = out.setdefault(slicing.name, {})
        for part, mask in slicing.masks().items():
            cluster = evidence.lists.cluster[mask]
            here[part] = {
                name: _slice_value(per_request[name][mask], cluster, name) for name in names
            }
    return out


def _slice_value(each: Tensor, cluster: Tensor, name: str) -> SliceValue:
    unit = bool(((each >= 0) & (each <= 1)).all())
    span = interval(each, "auto", "unit" if unit else "free", cluster)
    n, positives = len(each), int((each > 0).sum())
    return SliceValue(
        float(each.mean()), span.low, span.high, n, positives, too_small(n, positives)
    )


def sampled(report: Report, metrics: Sequence[str], k: int, candidates: int) -> dict[str, Value]:
    """Expected values over sampled candidates, from stored full ranks: "ndcg@10[u100]".

    One wanted item at a time meets its candidates; a request's value is the mean over its items.

    Raises:
        ValueError: the report holds no full ranks.
    """
    lists = report.evidence.lists
    if lists.ranks is None:
        raise ValueError(
            "evaluate: sampled candidates need the full ranks of wanted items, and this report"
            " has none; evaluate again with ranks='full'"
        )
    ours = {"recall": "hit_rate", "hit_rate": "hit_rate", "ndcg": "ndcg", "mrr": "mrr"}
    out: dict[str, Value] = {}
    for name in metrics:
        if name not in ours:
            raise KeyError(f"{name} has no sampled form here; allowed are {', '.join(ours)}")
        worth = expected(lists.ranks, report.evidence.catalogue.items, candidates, k, ours[name])  # type: ignore[arg-type]
        each = torch.bincount(lists.truth.row, weights=worth, minlength=len(lists.truth))
        each = each / lists.truth.lengths
        passport = replace(
            report.evidence.base,
            metric=name,
            k=k,
            formula=f"sampled.{name}/1",
            candidates=f"u{candidates}",
            note="exact expectation, one wanted item at a time",
        )
        span = interval(each, "auto", "unit", lists.cluster)
        out[passport.name] = Value.of(float(each.mean()), len(each), span, passport)
    return out
