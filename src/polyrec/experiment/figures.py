"""A run's figures: what can be told apart before it, what it reached, and what stands beside."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from polyrec import evaluate
from polyrec.data import Split
from polyrec.data.events import JSON, Source
from polyrec.evaluate import Report
from polyrec.experiment.stored import restore
from polyrec.experiment.watching import Watch, clock
from polyrec.files import writing
from polyrec.recipes import Plan, Recipe, nouns, primary, reasons
from polyrec.run import Run
from polyrec.train import Best, Patience, Stage, Tick, batch_seed, best, fit
from polyrec.trust.power import smallest
from polyrec.trust.probe import probe
from polyrec.types import Progress, Retriever


@dataclass(frozen=True)
class Judged:
    """What the judging of one run found."""

    test: Report
    valid: Report
    baselines: Mapping[str, Report]
    ceiling: Report | None
    step: int


@dataclass(frozen=True)
class Trained:
    """A model at its best weights, and all that judging it takes."""

    run: Run
    recipe: Recipe
    config: Any
    split: Split
    model: nn.Module
    plan: Plan
    watch: Watch


def before(recipe: Recipe, split: Split, config: Any) -> Iterator[str]:
    """How the log was read and what its test part can tell apart, before anything is trained."""
    requests, said = len(split.test), nouns(recipe)
    how = split.how.get("how", getattr(config, "split", ""))
    yield from _read_as(split.source)
    yield (
        f"{split.facts.items:,} {said.items}, {len(split.train):,} {said.events}, "
        f"{len(split.valid):,} validation and {requests:,} test {said.requests} ({how})"
    )
    kept = Path(config.data or ".") / "split.json"
    if config.data and how != "kept" and kept.is_file():
        yield f"{kept} is not read: split=kept would take it as it stands"
    yield (
        f"differences of {primary(config)} below {smallest(requests):.4f} between two such runs "
        "are not to be told apart here (power 80%; spread over people and seeds assumed)"
    )


def _read_as(source: Source) -> Iterator[str]:
    """Columns by role, filters with what they left, and what was assumed."""
    roles = source.options.get("mapping")
    if isinstance(roles, Mapping):
        told = [f"{role} {_named(column)}" for role, column in roles.items()]
        yield f"columns of {source.name}: {', '.join(told)}"
    for count in source.counts:
        before, after = count.before.events, count.after.events
        yield f"filter {count.filter}: {before:,} events -> {after:,}"
    yield from (f"note: {note}" for note in source.notes)


def _named(column: JSON) -> str:
    return " and ".join(map(str, column)) if isinstance(column, list) else str(column)


def judge(of: Trained, progress: Progress) -> Judged:
    """Reads test once, puts baselines and the ceiling beside it, and writes everything down.

    The best weights answer for both parts; the last ones, where they are others, for valid alone.
    """
    top = best(progress, of.config.select_by) if progress.metrics else None
    step = top.step if top else progress.step
    trained = any(isinstance(stage, Stage) for stage in of.plan.stages)
    unchosen = "last, epochs fixed before" if trained else "closed form"
    checkpoint = f"step {step:,}, " + ("best on valid" if top else unchosen)
    own = of.recipe.serve(of.config, of.model, of.split.facts)
    reports, asked = {}, nouns(of.recipe).requests
    for part in ("valid", "test"):
        of.run.log("read", {"part": part, "step": step, "purpose": "report"})
        of.watch.progress(f"  judging {part}, {len(getattr(of.split, part)):,} {asked}")
        reports[part] = of.plan.judge(own, part, checkpoint)
        evaluate.save(reports[part], of.run.path, f"{part}@{step}")
    oracle = of.recipe.ceiling(of.config, of.split)
    judged = Judged(
        test=reports["test"],
        valid=reports["valid"],
        baselines=dict(_baselines(of)),
        ceiling=of.plan.judge(oracle, "test", "the truth") if oracle else None,
        step=step,
    )
    of.run.write_json("report.json", summary(judged) | {"last_step": _last(of, step)})
    _probe(of)
    _coverage(of, progress)
    return judged


def summary(judged: Judged) -> dict[str, Any]:
    """report.json: values with intervals and passports, slices, what stands beside."""
    slices = [
        {"by": by, "name": name, "metric": metric, **dataclasses.asdict(value)}
        for by, parts in judged.test.slices.items()
        for name, metrics in parts.items()
        for metric, value in metrics.items()
    ]
    return {
        "values": plain(judged.test),
        "valid": plain(judged.valid),
        "slices": slices,
        "baselines": {name: plain(report) for name, report in judged.baselines.items()},
        "ceiling": plain(judged.ceiling) if judged.ceiling else {},
        "step": judged.step,
    }


def plain(report: Report) -> dict[str, dict[str, Any]]:
    """name -> {value, low, high, n, passport, short}."""
    return {
        name: {
            "value": value.value,
            "low": value.low,
            "high": value.high,
            "n": value.n,
            "passport": value.passport.to_json(),
            "short": value.passport.short(),
        }
        for name, value in report.values.items()
    }


def weights(progress: Progress, step: int, length: str) -> Iterator[str]:
    """Which weights were judged, and whether validation was still rising when training ended."""
    if progress.metrics:
        rising = progress.metrics[-1]["step"] == step
        more = f", its last reading: it may rise on; resume with more {length}" if rising else ""
        yield f"  weights of step {step:,}, the best on validation{more}"


def beside(judged: Judged, metric: str) -> Iterator[str]:
    """The selecting metric of the run, its baselines and the ceiling, a line each."""
    rows = {**judged.baselines, "this run": judged.test}
    if judged.ceiling:
        rows["ceiling (knows the truth)"] = judged.ceiling
    width = max(map(len, rows))
    for name, report in rows.items():
        value = report.values[metric]
        yield f"  {name:<{width}}  {metric} {value.value:.4f} [{value.low:.4f}, {value.high:.4f}]"


def progress_line(progress: Progress, tick: Tick, stage: Stage) -> str:
    """Where training stands: step, rate, loss, best so far, when it ends if nothing improves."""
    loss = ", ".join(f"{name} {value:.3f}" for name, value in progress.losses.items())
    top = best(progress, stage.select) if progress.metrics and stage.select else None
    seen = f" · {stage.select} best {top.value:.4f} at {top.step:,}" if top else ""
    end = _patient_until(stage, top)
    if end is None:
        left = f"at most {clock(tick.left)} left"
    else:
        seconds = (end - tick.step) / tick.rate if tick.rate else 0.0
        left = f"{clock(seconds)} left unless validation improves"
    return (
        f"{tick.stage} step {tick.step:,} of at most {tick.steps:,} · {_rate(tick.rate)} steps/s"
        f" · loss {loss}{seen} · {left}"
    )


def _rate(steps: float) -> str:
    """One place below ten: a slow training has a speed too."""
    return f"{steps:.{0 if steps >= 10 else 1}f}"


def _patient_until(stage: Stage, top: Best | None) -> int | None:
    """The step at which patience ends the stage if no evaluation improves on the best."""
    if top is None or stage.judge is None or not isinstance(stage.stop, Patience):
        return None
    end = top.step + (stage.stop.patience + 1) * stage.judge.steps(stage.epoch)
    return end if end < stage.steps else None


def reference(recipe: Recipe, variant: str, split: Split) -> dict[str, Any]:
    """The curve that a source gives for this variant on these data; empty where there is none."""
    for curve in recipe.CURVES:
        if curve.variant == variant and curve.data == split.source.name:
            return dataclasses.asdict(curve)
    return {}


def _baselines(of: Trained) -> Iterator[tuple[str, Report]]:
    """The recipe's rivals, solved on the same train part, judged on the same requests."""
    for name in of.recipe.RIVALS:
        settings = of.recipe.VARIANTS[name]
        if all(getattr(of.config, key) == value for key, value in settings.items()):
            continue
        plain = {"diversity": 0.0} if "diversity" in reasons(type(of.config)) else {}
        config = dataclasses.replace(of.config, **settings, **plain)
        of.watch.progress(f"  beside it: {name}")
        model = of.recipe.model(config, of.split.facts)
        plan = of.recipe.plan(config, of.split, model)
        fit(model, plan.stages, lambda *_: {}, Progress(seed=config.seed))
        rec = of.recipe.serve(config, model, of.split.facts)
        report = plan.judge(rec, "test", "closed form")
        evaluate.save(report, of.run.path / "baselines", name)
        yield name, report


def _last(of: Trained, best_step: int) -> int:
    """Judges the last weights on valid, so that what came after the best can be doubted later."""
    step = int(of.run.meta("last")["step"])
    if step != best_step and of.plan.stream is not None:
        restore(of.model, of.run, "last")
        of.model.eval()
        of.run.log("read", {"part": "valid", "step": step, "purpose": "report"})
        rec = of.recipe.serve(of.config, of.model, of.split.facts)
        report = of.plan.judge(rec, "valid", f"step {step:,}, last")
        evaluate.save(report, of.run.path, f"valid@{step}")
    return step


def _probe(of: Trained) -> None:
    """probe.json: a look inside the best and the last checkpoint, where there are interests."""
    if not isinstance(of.model, Retriever) or not of.run.has("last"):
        return
    found = {}
    of.run.log("read", {"part": "valid", "purpose": "probe"})
    for checkpoint in ("last", "best"):
        restore(of.model, of.run, checkpoint)
        of.model.eval()
        found[checkpoint] = probe(of.model.prepare(), of.split.valid, of.split.facts.counts)
    of.run.write_json("probe.json", found)


def _coverage(of: Trained, progress: Progress) -> None:
    """used.npy: one bit for each train event, seen at least once as target or as history."""
    if of.plan.stream is None:
        used = np.packbits(np.ones(len(of.split.train), bool))
    else:
        stage, stream = of.plan.stages[0], of.plan.stream
        tasks = [n for n, task in enumerate(getattr(stage, "tasks", ())) if task.stream is stream]
        seeds = [batch_seed(of.config.seed, stage.name, n) for n in tasks or [0]]
        used = np.bitwise_or.reduce([stream.coverage(seed, progress.step) for seed in seeds])
    with writing(of.run.path / "used.npy") as beside, beside.open("wb") as file:
        np.save(file, used)
