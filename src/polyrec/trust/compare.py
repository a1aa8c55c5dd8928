"""Is a better than b? The difference, how sure it is, and in which words it may be told.

Requests are paired, model seeds are not. The interval answers for both: for other requests and
for other seeds of the same recipe. With one seed a side it speaks of two checkpoints only.

Letters: S seeds, U independent units (people, or requests where each is its own).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf, sqrt
from typing import Literal, NamedTuple

import torch
from scipy.stats import t
from torch import Tensor

from polyrec.evaluate.labels import LabelReport
from polyrec.evaluate.report import Report
from polyrec.metrics import LABEL, SYSTEM
from polyrec.metrics.intervals import resampled_whole
from polyrec.trust.align import Judged, Table, align, check
from polyrec.trust.power import SURE
from polyrec.trust.significance import holm, mcnemar, sign_flip

ALPHA = 0.05


class Need(NamedTuple):
    """What would decide: more independent units, or, where seeds scatter most, seeds in all."""

    units: int = 0
    seeds: int = 0


@dataclass(frozen=True)
class Comparison:
    """a minus b on one metric."""

    metric: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float
    df: float
    test: str
    units: int  # independent units behind it
    seeds: tuple[int, int]
    covers: str  # what the interval answers for
    cohen_d: float  # paired: mean difference / its standard deviation over units
    error: float  # standard error of the difference
    seed_share: float  # share of the variance that comes from seeds
    margin: float | None = None
    adjusted: float | None = None  # Holm, within a family

    @property
    def verdict(self) -> str:
        """better, worse, equivalent, or not separated with what would do."""
        p = self.p if self.adjusted is None else self.adjusted
        if p < ALPHA and (self.low > 0 or self.high < 0):
            return "better" if self.difference > 0 else "worse"
        if self.margin is not None and -self.margin < self.low and self.high < self.margin:
            return "equivalent"
        need = self.needed
        if need is None:
            return "not separated: no difference to find"
        told = f"{need.seeds} seeds needed" if need.seeds else f"{need.units:,} more needed"
        return f"not separated: {told}"

    @property
    def needed(self) -> Need | None:
        """What would tell a difference of this size from none; None = there is none to find."""
        if self.difference == 0 or self.error == 0:
            return None
        factor = (SURE * self.error / self.difference) ** 2
        if self.seed_share > 0.5:
            return Need(seeds=ceil(max(self.seeds) * factor))
        return Need(units=ceil(self.units * max(factor - 1, 0)))

    @property
    def detectable(self) -> float:
        """The smallest difference that this many units and seeds would find (power 80%)."""
        return SURE * self.error

    def __str__(self) -> str:
        adjusted = "" if self.adjusted is None else f", Holm {self.adjusted:.3g}"
        return (
            f"{self.metric}: {self.a:.4f} - {self.b:.4f} = {self.difference:+.4f}"
            f" [{self.low:+.4f}, {self.high:+.4f}], p {self.p:.3g} ({self.test}){adjusted}:"
            f" {self.verdict}; over {self.units:,} units, {self.covers}"
        )


def compare(
    a: Sequence[Judged],
    b: Sequence[Judged],
    metric: str,
    *,
    margin: float | None = None,
    requests: Literal["same", "intersect"] = "same",
    among: Tensor | None = None,
) -> Comparison:
    """The paired difference of two recipes, one report a seed.

    Args:
        among: keys of the only requests that count, a slice; for metrics kept per request.
        margin: differences within it, decided before the run, count as equivalent.
        requests: "intersect" compares the requests that all reports hold.

    Raises:
        ValueError: passports differ, or requests do.
        KeyError: a report lacks the metric.
    """
    check(a, b, metric)
    if metric in a[0].per_request:
        table = align(a, b, metric, requests, among)
        pooled = a[0].values[metric].passport.averaging not in ("request", "row")
        influence = pooled or metric == "auc"
        got = _paired(table, metric, influence)
    else:
        got = _whole(a, b, metric)
    return replace(got, margin=margin)


def family(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons of one family, their p adjusted by Holm: what the verdicts then rest on.

    One family = all pairs on the primary metric; slices and other metrics are families of
    their own, and exploratory.
    """
    adjusted = holm([one.p for one in comparisons])
    return [replace(one, adjusted=p) for one, p in zip(comparisons, adjusted, strict=True)]


@dataclass(frozen=True)
class _Variance:
    """Parts of the variance of the mean difference."""

    units: float
    a: float
    b: float
    total: float
    df: float


def _paired(table: Table, metric: str, influence: bool) -> Comparison:
    difference = table.a.mean(0) - table.b.mean(0)
    d = float(difference.mean())
    v = _variance(table, difference)
    one_each = len(table.a) == len(table.b) == 1
    if one_each and table.binary:
        p, test = mcnemar(table.a[0], table.b[0]), "exact McNemar"
    elif one_each and not influence:
        p, test = sign_flip(difference), "sign flips"
    else:
        p, test = _p(d, v.total, v.df), "two-way t" if not one_each else "paired t"
    return _comparison(metric, table.a, table.b, v, (d, p, test), float(difference.std()))


def _variance(table: Table, difference: Tensor) -> _Variance:
    units = float(difference.var()) / len(difference)
    (seeds_a, rest_a), (seeds_b, rest_b) = _seeds(table.a), _seeds(table.b)
    total = max(units + seeds_a + seeds_b - rest_a - rest_b, units, seeds_a + seeds_b)
    return _Variance(units, seeds_a, seeds_b, total, _df(total, units, table, (seeds_a, seeds_b)))


def _df(total: float, units: float, table: Table, seeds: tuple[float, float]) -> float:
    """Satterthwaite's degrees of freedom."""
    below = units**2 / (table.a.shape[1] - 1)
    for part, side in zip(seeds, (table.a, table.b), strict=True):
        below += part**2 / (len(side) - 1) if len(side) > 1 else 0.0
    return total**2 / below if below > 0 else inf


def _seeds(x: Tensor) -> tuple[float, float]:
    """Variance of the mean over seeds, and the part of it that is noise of single requests."""
    seeds, units = x.shape
    if seeds == 1:
        return 0.0, 0.0
    rest = x - x.mean(0) - x.mean(1, keepdim=True) + x.mean()
    noise = float(rest.square().sum()) / ((seeds - 1) * (units - 1))
    return float(x.mean(1).var()) / seeds, noise / (units * seeds)


def _p(d: float, variance: float, df: float) -> float:
    if variance == 0:
        return 1.0 if d == 0 else 0.0
    return float(2 * t.sf(abs(d) / sqrt(variance), df))


def _comparison(
    metric: str, a: Tensor, b: Tensor, v: _Variance, told: tuple[float, float, str], sd: float
) -> Comparison:
    d, p, test = told
    error = sqrt(v.total)
    half = float(t.ppf(0.975, v.df)) * error if error else 0.0
    seeds = (len(a), len(b))
    covers = "requests and seeds"
    if min(seeds) == 1:
        which = "both sides" if max(seeds) == 1 else ("a" if seeds[0] == 1 else "b")
        covers = f"requests only on {which} (one seed): these very checkpoints"
    return Comparison(
        metric=metric,
        a=float(a.mean()),
        b=float(b.mean()),
        difference=d,
        low=d - half,
        high=d + half,
        p=p,
        df=v.df,
        test=test,
        units=a.shape[1],
        seeds=seeds,
        covers=covers,
        cohen_d=d / sd if sd > 0 else 0.0,
        error=error,
        seed_share=(v.a + v.b) / v.total if v.total else 0.0,
    )


def _whole(a: Sequence[Judged], b: Sequence[Judged], metric: str) -> Comparison:
    """For metrics of all requests at once: a paired bootstrap of the seed-averaged difference.

    The noise of single requests is not taken off the seeds' variance, so it errs wide.
    """
    cluster = a[0].cluster
    if any(not torch.equal(one.key, a[0].key) for one in (*a, *b)):
        raise ValueError(
            f"compare: {metric} needs the same requests in the same order in each report"
        )
    people = torch.unique(cluster, return_inverse=True)[1]
    ways = [_statistic(one, metric) for one in (*a, *b)]

    def difference(weight: Tensor) -> Tensor:
        values = torch.stack([way(weight) for way in ways])
        return values[: len(a)].mean(0) - values[len(a) :].mean(0)

    draws = resampled_whole(difference, len(cluster), people)
    values = torch.stack([way(torch.ones(len(cluster), 1)) for way in ways]).double()
    left, right = values[: len(a)], values[len(a) :]
    seeds = [float(x.var()) / len(x) if len(x) > 1 else 0.0 for x in (left, right)]
    units = float(draws.var())
    count = int(people.max()) + 1
    total = units + sum(seeds)
    sides = Table(left.expand(-1, count), right.expand(-1, count), count, False, False)
    df = _df(total, units, sides, (seeds[0], seeds[1]))
    v = _Variance(units, seeds[0], seeds[1], total, df)
    d = float(left.mean() - right.mean())
    told = (d, _p(d, total, df), "paired bootstrap t")
    return _comparison(metric, sides.a, sides.b, v, told, 0.0)


def _statistic(report: Judged, metric: str) -> Callable[[Tensor], Tensor]:
    """weight [R, B] -> [B]."""
    name, _, k = metric.partition("@")
    if isinstance(report, Report) and name in SYSTEM:
        ids, catalogue = report.evidence.lists.ids[:, : int(k)], report.evidence.catalogue
        return lambda weight: SYSTEM[name].of_all(ids, catalogue, weight)
    if isinstance(report, LabelReport) and name in LABEL and not LABEL[name].threshold:
        scored = report.scored
        return lambda weight: LABEL[name].whole(scored, weight)
    raise ValueError(f"compare: {metric} keeps no values per request; compare another metric")
