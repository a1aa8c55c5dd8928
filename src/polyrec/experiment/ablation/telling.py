"""An ablation in words: before it runs, after it ran, and as values for its page."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from polyrec.data import Split
from polyrec.evaluate import Report
from polyrec.experiment.ablation import scheme as schemes
from polyrec.experiment.ablation.arms import Arm, Bench, flags
from polyrec.experiment.ablation.decide import Ruling, Trial, between
from polyrec.experiment.ablation.question import Question
from polyrec.experiment.ablation.scheme import Scheme
from polyrec.experiment.ablation.trainings.measure import average
from polyrec.report.ablation import (
    EDGE,
    AblationPage,
    Against,
    Cost,
    Effect,
    Row,
    brief,
    number,
    summary,
)
from polyrec.trust import Comparison
from polyrec.trust.power import smallest

Held = tuple[Bench, Trial]
ONWARDS = "onwards"  # where copies go that train on; no run of an ablation is looked for there


def before(
    q: Question, chosen: Scheme, split: Split, left: schemes.Cost, jobs: int
) -> Iterator[str]:
    """What will be asked, what it can show, and what it costs."""
    yield (
        f"ablation of {q.name}: {split.facts.items:,} items, {len(split.train):,} train events, "
        f"{len(split.valid):,} validation and {len(split.test):,} test requests"
    )
    for bench in chosen.benches:
        names = ", ".join(arm.name for arm in bench.changes)
        yield f"  from {bench.anchor.anchor.name} on {bench.primary}: {names or 'nothing'}"
        for name, why in bench.skipped:
            yield f"    not tried: {name}: {why}"
    least = smallest(len(split.test), chosen.seeds)
    yield (
        f"  differences below {least:.4f} are not to be found with {chosen.seeds} seeds here "
        "(power 80%; spread over people and seeds assumed)"
    )
    yield from schemes.told(chosen, left, jobs)
    for trim in chosen.trims:
        yield f"  trimmed: {trim}"
    if chosen.mark:
        yield f"  {chosen.mark}: {chosen.seeds} seeds; {schemes.FIRM} make a firm verdict"


def after(page: AblationPage) -> Iterator[str]:
    """The verdicts as a table for the terminal."""
    for one in page.tables:
        width = max(len(row.name) for row in one.rows)
        yield f"from {one.anchor} ({one.seeds} seeds, {one.users:,} users):"
        yield (
            f"  {'change':<{width}}  {one.primary:>9}  {'difference [95% interval]':<28}  "
            f"{'p':>7}  {'lr':>7}  {'steps/s':>7}  {'MB':>6}  {'sd':>6}  {'unst.':>5}  verdict"
        )
        for row in one.rows:
            yield f"  {row.name:<{width}}  {_line(row)}"
        if any(row.at_edge for row in one.rows):
            yield f"  {EDGE}"
    for name, e in page.anchors:
        told = f"{e.metric} {e.difference:+.4f} [{e.low:+.4f}, {e.high:+.4f}], p {e.p:.3g}"
        yield f"{name}: {told}"
    yield summary(page)


def page(
    q: Question,
    chosen: Scheme,
    rulings: Sequence[Sequence[Ruling]],
    anchors: Sequence[tuple[str, Effect | str]],
    split: Split,
    out: Path,
) -> AblationPage:
    """All that the report shows, but for the plan."""
    tables = tuple(
        _against(q, bench, group, split)
        for bench, group in zip(chosen.benches, rulings, strict=True)
    )
    commands = [
        line
        for bench, group in zip(chosen.benches, rulings, strict=True)
        for line in _commands(q, bench, group, out)
    ]
    about = (
        ("recipe", q.name),
        ("data", _data(q, chosen, split)),
        ("seeds", str(chosen.seeds)),
        ("test requests", f"{len(split.test):,}"),
    )
    held = tuple((name, effect) for name, effect in anchors if isinstance(effect, Effect))
    title = f"Ablation of {q.name} on {_data(q, chosen, split)}"
    again = ("the same polyrec ablate command", "runs what is missing; finished runs are kept")
    told = tuple(dict([*commands, again]).items())
    return AblationPage(title, about, chosen.mark, tables, held, commands=told)


def _data(q: Question, chosen: Scheme, split: Split) -> str:
    """The log's name; of a simulated shop the world's."""
    config = chosen.benches[0].anchor.config
    return split.source.name if config.data else str(config.world)


def pair(a: Held, b: Held, reports: Mapping[Path, Report]) -> tuple[str, Effect | str]:
    """One anchor against another."""
    name = f"{a[0].anchor.anchor.name} - {b[0].anchor.anchor.name}"
    found = between(a, b, reports)
    return name, found if isinstance(found, str) else _effect(found)


def as_json(page: AblationPage) -> dict[str, Any]:
    """The result as JSON values."""
    return {"summary": summary(page), **dataclasses.asdict(page)}


def _against(q: Question, bench: Bench, group: Sequence[Ruling], split: Split) -> Against:
    anchor = bench.anchor
    own = f"variant {anchor.anchor.variant}"
    told = ", ".join((own, *flags(anchor.settings)))
    seeds = max(len(group[0].trial.paths), 0)
    users = next((one.one.units for one in group if one.one is not None), len(split.test))
    rows = tuple(_row(ruling) for ruling in group)
    return Against(anchor.anchor.name, told, bench.primary, seeds, users, rows, bench.skipped)


def _row(ruling: Ruling) -> Row:
    trial = ruling.trial
    return Row(
        name=ruling.name,
        settings=", ".join(flags(trial.arm.change)),
        value=ruling.value,
        spread=ruling.spread,
        effect=None if ruling.one is None else _effect(ruling.one),
        others=tuple(_effect(one) for one in ruling.also.values()),
        verdict=ruling.verdict,
        why=ruling.why,
        rate=trial.rate,
        rates=tuple(sorted(trial.rates.items())),
        at_edge=trial.at_edge,
        cost=_cost(trial),
        unstable=trial.unstable,
        failures=trial.failures,
        runs=tuple(map(str, trial.paths)),
    )


def _effect(one: Comparison) -> Effect:
    p = one.p if one.adjusted is None else one.adjusted
    return Effect(one.metric, one.a, one.difference, one.low, one.high, p, one.detectable)


def _cost(trial: Trial) -> Cost | None:
    runs = trial.measured
    if not runs:
        return None
    rate = average(one.rate for one in runs)
    return Cost(
        steps_a_second=rate,
        positives_a_second=rate * trial.arm.pace.positives,
        seconds=average(one.seconds for one in runs),
        cpu_seconds=average(one.cpu_seconds for one in runs),
        steps=average(one.steps for one in runs),
        peak_mb=average(one.peak_mb for one in runs),
    )


def _commands(
    q: Question, bench: Bench, group: Sequence[Ruling], out: Path
) -> Iterator[tuple[str, str]]:
    """How to go on from each state, and back to the one before; with copies, so that the runs
    judged here stay as they are and a repeated ablation finds them."""
    base = group[0].trial
    for ruling in group[1:]:
        trial = ruling.trial
        if trial.paths and ruling.verdict == "keep":
            command = _run(q, trial.arm, trial.rate)
            yield command, f"{bench.anchor.anchor.name} with {ruling.name}, as a run of its own"
        if trial.paths and trial.arm.pace.positives:
            told = f"a copy that goes on from where {ruling.name} stands"
            yield _onwards(q, trial, out), told
        if trial.paths and base.paths:
            sides = [shlex.quote(str(one.paths[0].parent)) for one in (trial, base)]
            yield f"polyrec compare {' '.join(sides)}", "the same test, with other --metrics"
    if base.paths:
        name = bench.anchor.anchor.name
        told = f"back to {name} as it was before any change: a copy that goes on from there"
        yield _onwards(q, base, out), told


def _run(q: Question, arm: Arm, rate: float | None) -> str:
    told = {**arm.settings} | ({} if rate is None else {"lr": rate})
    words = [q.name, "--variant", arm.anchor.variant, *flags(told)]
    return "polyrec run " + " ".join(map(shlex.quote, words))


def _onwards(q: Question, trial: Trial, out: Path) -> str:
    """A copy, trained for twice as long, and with twice the patience where that ended it."""
    config, idle = trial.arm.config, q.of.idle(trial.arm.config)
    place = out / ONWARDS / trial.arm.folder
    words = ["polyrec run --resume", shlex.quote(str(trial.paths[0])), "--out"]
    words.append(shlex.quote(str(place)))
    if trial.arm.pace.positives:
        told = [k for k in (q.of.LENGTH, "patience") if hasattr(config, k) and k not in idle]
        words += [f"{key}={2 * getattr(config, key)}" for key in told]
    return " ".join(words)


def _line(row: Row) -> str:
    e, c = row.effect, row.cost
    span = f"{e.difference:+.4f} [{e.low:+.4f}, {e.high:+.4f}]" if e else ""
    p = f"{e.p:.2g}" if e else ""
    lr = "–" if row.rate is None else f"{row.rate:g}{'*' if row.at_edge else ' '}"
    speed = brief(c.steps_a_second) if c else "–"
    memory = f"{c.peak_mb:,.0f}" if c else "–"
    why = f" ({row.why})" if row.why else ""
    return (
        f"{number(row.value):>9}  {span:<28}  {p:>7}  {lr:>7}  {speed:>7}  {memory:>6}  "
        f"{number(row.spread):>6}  {row.unstable:>5.0%}  {row.verdict}{why}"
    )
