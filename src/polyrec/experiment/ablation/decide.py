"""Keep, drop or undecided: each change held against its anchor, as one family.

Differences are taken user by user and averaged over seeds; the interval answers for other users
and other seeds. All changes of one anchor are one family on the primary metric (Holm); other
metrics are families of their own, and exploratory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from polyrec.evaluate import Report
from polyrec.experiment.ablation.arms import Arm, Bench
from polyrec.experiment.ablation.scheme import FIRM, WEAK
from polyrec.experiment.ablation.trainings.measure import Measured, average, scatter
from polyrec.trust import Comparison, compare, family


@dataclass(frozen=True)
class Trial:
    """The runs of one arm: those that count, and what failed."""

    arm: Arm
    rate: float | None = None  # the learning rate that was chosen
    rates: Mapping[float, float] = field(default_factory=dict)  # what each reached on validation
    paths: tuple[Path, ...] = ()
    measured: tuple[Measured, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def at_edge(self) -> bool:
        """Whether the best learning rate may lie outside of those tried."""
        return len(self.rates) > 1 and self.rate in (min(self.rates), max(self.rates))

    @property
    def unstable(self) -> float:
        """Share of runs that failed or whose loss tripled."""
        runs = len(self.paths) + len(self.failures)
        bad = len(self.failures) + sum(one.tripled for one in self.measured)
        return bad / runs if runs else 0.0


@dataclass(frozen=True)
class Ruling:
    """A trial with its verdict; the anchor's own has no comparison."""

    trial: Trial
    value: float | None  # of the primary metric, mean over seeds
    spread: float | None  # standard deviation over seeds
    others: Mapping[str, float] = field(default_factory=dict)  # the other metrics, mean over seeds
    one: Comparison | None = None
    also: Mapping[str, Comparison] = field(default_factory=dict)
    verdict: str = ""
    why: str = ""

    @property
    def name(self) -> str:
        """Of the arm."""
        return self.trial.arm.name


def decide(bench: Bench, trials: Sequence[Trial], reports: Mapping[Path, Report]) -> list[Ruling]:
    """The anchor first, then every change in the order of the question."""
    held = {trial.arm.name: [reports[path] for path in trial.paths] for trial in trials}
    anchor = held[bench.anchor.name]
    base = {trial.arm.name: _plain(trial, held[trial.arm.name], bench) for trial in trials}
    found: dict[str, dict[str, Comparison]] = {}
    notes: dict[str, str] = {}
    for arm in bench.changes:
        sides = held.get(arm.name, []), anchor
        if sides[0] and not anchor:
            base[arm.name] = dataclasses.replace(
                base[arm.name], verdict="no verdict", why=_lost(trials, bench.anchor)
            )
        if not all(sides):
            continue
        ours, theirs, notes[arm.name] = _same_question(*sides)
        try:
            found[arm.name] = {
                metric: compare(ours, theirs, metric)
                for metric in (bench.primary, *bench.also)
                if metric in ours[0].values and metric in theirs[0].values
            }
        except ValueError as error:
            base[arm.name] = dataclasses.replace(
                base[arm.name], verdict="not comparable", why=str(error)
            )
    for metric in (bench.primary, *bench.also):
        names = [name for name in found if metric in found[name]]
        for name, one in zip(names, family([found[n][metric] for n in names]), strict=True):
            found[name][metric] = one
    for name, comparisons in found.items():
        base[name] = _ruled(base[name], comparisons, bench.primary, notes[name])
    return list(base.values())


def _lost(trials: Sequence[Trial], anchor: Arm) -> str:
    reasons = [why for trial in trials if trial.arm.name == anchor.name for why in trial.failures]
    first = f": {reasons[0]}" if reasons else ""
    return f"no run of the anchor came to its end{first}"


def between(
    a: tuple[Bench, Trial], b: tuple[Bench, Trial], reports: Mapping[Path, Report]
) -> Comparison | str:
    """One anchor held against another on the second's primary metric; or why it cannot be."""
    ours, theirs = ([reports[path] for path in trial.paths] for _, trial in (a, b))
    if not ours or not theirs:
        return "one of the anchors has no finished run"
    left, right, _ = _same_question(ours, theirs)
    try:
        return compare(left, right, b[0].primary)
    except (ValueError, KeyError) as error:
        return str(error.args[0] if error.args else error)


def verdict(one: Comparison) -> tuple[str, str]:
    """keep, drop, undecided or no verdict; and what it rests on or what would decide."""
    seeds = min(one.seeds)
    if seeds < WEAK:
        return "no verdict", f"pilot: {seeds} of {FIRM} seeds"
    weak = "weak" if seeds < FIRM else ""
    word = one.verdict.split(":")[0]
    if word in ("better", "worse"):
        return {"better": "keep", "worse": "drop"}[word], weak
    need = one.needed
    if need is None:
        needed = "no difference to find"
    elif need.seeds:
        needed = f"{need.seeds} seeds would decide"
    elif need.units:
        needed = f"{need.units:,} more users would decide"
    else:
        needed = "only the family's size keeps it from being separated: ask fewer changes at once"
    return "undecided", "; ".join(part for part in (needed, weak) if part)


def _plain(trial: Trial, reports: Sequence[Report], bench: Bench) -> Ruling:
    """Without a comparison."""
    known = {
        metric: [one.values[metric].value for one in reports if metric in one.values]
        for metric in (bench.primary, *bench.also)
    }
    main = known.pop(bench.primary)
    failed = not reports and bool(trial.failures)
    return Ruling(
        trial,
        average(main) if main else None,
        scatter(main),
        {metric: average(values) for metric, values in known.items() if values},
        verdict="failed" if failed else "",
        why=trial.failures[0] if failed else "",
    )


def _ruled(plain: Ruling, found: Mapping[str, Comparison], primary: str, note: str) -> Ruling:
    one = found[primary]
    word, why = verdict(one)
    also = {metric: other for metric, other in found.items() if metric != primary}
    told = "; ".join(part for part in (why, note) if part)
    return dataclasses.replace(plain, one=one, also=also, verdict=word, why=told)


def _same_question(
    ours: Sequence[Report], theirs: Sequence[Report]
) -> tuple[list[Report], list[Report], str]:
    """Whether seen items are left out may be the very change that is judged: then both sides are
    taken as each would serve, and the row says so. All else in the passports must agree."""
    kinds = {
        value.passport.excluded for report in (*ours, *theirs) for value in report.values.values()
    }
    if len(kinds) < 2:
        return list(ours), list(theirs), ""
    sides = ([_as_served(one) for one in side] for side in (ours, theirs))
    left, right = sides
    return left, right, f"items left out differ ({' and '.join(sorted(kinds))})"


def _as_served(report: Report) -> Report:
    values = {
        name: dataclasses.replace(
            value, passport=dataclasses.replace(value.passport, excluded="as each serves")
        )
        for name, value in report.values.items()
    }
    return dataclasses.replace(report, values=values)
