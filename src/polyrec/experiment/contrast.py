"""Two sets of runs held against each other over the same requests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyrec import evaluate, report
from polyrec.evaluate import Report
from polyrec.experiment.stored import siblings, stored, values
from polyrec.experiment.watching import Quiet, Watch
from polyrec.recipes import primary
from polyrec.report import ComparisonPage, Versus
from polyrec.trust import Comparison, compare, family

FIRST = ("recall@50", "ndcg@50", "hit_rate@50", "recall@20", "ndcg@20", "hit_rate@20")


@dataclass(frozen=True)
class Contrast:
    """What to compare; no metrics named: the one A was chosen by, then those of FIRST."""

    metrics: tuple[str, ...] = ()
    margin: float = 0.0
    html: Path | None = None


def contrast(a: Path, b: Path, how: Contrast, watch: Watch = Quiet()) -> dict[str, Any]:
    """Differences A - B with interval, p and verdict; seeds in a folder are averaged.

    The first metric is the primary one and stands alone; the others are one exploratory family.

    Raises:
        ValueError: passports or requests differ; names the field, or the missing requests.
    """
    ours, theirs = siblings(a), siblings(b)
    left, right = [_report(path) for path in ours], [_report(path) for path in theirs]
    common = (primary(stored(ours[0]).config), *FIRST)  # the metric that A was chosen by decides
    shared = (n for n in dict.fromkeys(common) if n in left[0].values and n in right[0].values)
    names = how.metrics or tuple(shared)
    if not names:
        raise ValueError(f"{a} and {b} share no metric: judge both with the same --k first")
    margin = how.margin or None
    found = [compare(left, right, name, margin=margin) for name in names]
    found = found[:1] + family(found[1:])
    watch.line(f"{a} - {b}, {len(left)} against {len(right)} seeds")
    for place, one in enumerate(found):
        watch.line(f"  {one}" + ("" if place == 0 else "; exploratory"))
    if how.html is not None:
        rows = tuple(_versus(one) for one in found)
        pages = tuple(report.collect(path) for path in (ours[0], theirs[0]))
        title = f"{a.name} - {b.name}"
        page = ComparisonPage(title, pages, ((title, rows),))
        watch.line(f"  page: {report.write_comparison(page, how.html)}")
    return {"a": str(a), "b": str(b), "metrics": {one.metric: _plain(one) for one in found}}


def _report(path: Path) -> Report:
    return evaluate.load(values(stored(path).run, "test"))


def _plain(one: Comparison) -> dict[str, Any]:
    return {
        "a": one.a,
        "b": one.b,
        "difference": one.difference,
        "low": one.low,
        "high": one.high,
        "p": one.p,
        "adjusted": one.adjusted,
        "verdict": one.verdict,
        "test": one.test,
        "n": one.units,
        "seeds": list(one.seeds),
        "covers": one.covers,
        "cohen_d": one.cohen_d,
    }


def _versus(one: Comparison) -> Versus:
    seeds = f"{one.seeds[0]} against {one.seeds[1]}"
    p = one.p if one.adjusted is None else one.adjusted
    return Versus(one.metric, one.difference, one.low, one.high, p, one.verdict, one.units, seeds)
