"""A recipe's whole run: data, model, training, judging, and everything written down."""

from __future__ import annotations

import dataclasses
import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from polyrec import evaluate, report
from polyrec.data import Split
from polyrec.experiment import figures, records
from polyrec.experiment.figures import Judged, Trained
from polyrec.experiment.stored import Stored, fresh_model, restore, stored
from polyrec.experiment.watching import Quiet, Watch
from polyrec.files import writing_folder
from polyrec.recipes import Plan, Recipe, Sourced, all_read, changed, compose, recipe
from polyrec.run import Run
from polyrec.train import Interrupted, NonFiniteError, Options, Stage, Tick, describe, fit
from polyrec.train.record import comes_again
from polyrec.train.stage import changes
from polyrec.types import Progress

RECORDING = frozenset({"log_every", "memory_mb"})  # change no weight, so they may always change


@dataclass(frozen=True)
class Order:
    """What to run: a recipe, a variant, settings from a file and from flags, and where to."""

    recipe: str
    variant: str | None = None
    file: Path | None = None
    flags: tuple[str, ...] = ()
    out: Path = Path("runs")


@dataclass(frozen=True)
class Outcome:
    """A finished run."""

    path: Path
    judged: Judged
    seconds: float
    peak_memory_mb: float


@dataclass(frozen=True)
class Job(Trained):
    """One run on its way: everything that its steps share."""

    watch: Watch
    began: float


def run(order: Order, seeds: int = 1, watch: Watch = Quiet()) -> list[Outcome]:
    """`seeds` runs of one order: seed, seed + 1, ...; each in a folder of its own.

    Raises:
        KeyError, ValueError, FileNotFoundError, MemoryError: the order cannot be carried out;
            no folder is left.
        Interrupted: somebody asked to stop; the message names the command that goes on.
    """
    of = recipe(order.recipe)
    variant = order.variant or of.DEFAULT
    sourced = compose(of.Config, of.VARIANTS, variant, order.file, order.flags)
    by_hand = [key for key, who in sourced.origin.items() if who in ("file", "flag")]
    all_read(of, sourced.config, by_hand)
    first = sourced.config.seed
    split: Split | None = None
    outcomes = []
    for seed in range(first, first + seeds):
        one = dataclasses.replace(sourced, config=dataclasses.replace(sourced.config, seed=seed))
        split = split or of.data(one.config)
        path = _free(order.out / _name(order.recipe, variant, one.config))
        outcomes.append(_one(of, one, split, (order.recipe, variant, path), watch))
    return outcomes


def resume(
    path: Path, flags: Sequence[str] = (), stage: str | None = None, watch: Watch = Quiet()
) -> Outcome:
    """Goes on with a run: from where it stopped, or as a new run from the end of a stage.

    Raises:
        ValueError: a flag changes what only a new run may change, or the data are not the same.
    """
    began = time.monotonic()
    old = stored(path)
    config, differing = changed(old.config, flags)
    fixed = sorted(set(differing) - old.recipe.TRAINING)
    if fixed:
        raise ValueError(
            f"{', '.join(fixed)} cannot change in a resumed run, only training settings can "
            f"({', '.join(sorted(old.recipe.TRAINING))}); start a new run with `polyrec run`"
        )
    all_read(old.recipe, config, differing)
    split = old.recipe.data(config)
    _same_data(old.run.read_json("run.json"), split, path)
    model, plan = _made(old.recipe, config, split)
    if differing and stage is None:
        _has_effect(old, plan, _made(old.recipe, old.config, split)[1], sorted(differing))
    run = old.run if stage is None else _forked(old.run, stage, plan, bool(differing))
    if differing:
        _record_change(run, config, differing)
    told = {"losses": records.objectives(model, plan.stages)}
    run.write_json("run.json", run.read_json("run.json") | told)
    if not run.has("last"):  # killed before anything was kept: its lines come again
        run.cut_log(0, comes_again)
    told_new = ", ".join(f"{key}={value}" for key, value in differing.items())
    watch.line(f"resuming {run.path}" + (f" with {told_new}" if differing else ""))
    job = Job(run, old.recipe, config, split, model, plan, watch=watch, began=began)
    return _finish(job)


def _one(
    of: Recipe, sourced: Sourced[Any], split: Split, named: tuple[str, str, Path], watch: Watch
) -> Outcome:
    name, variant, path = named
    began, config = time.monotonic(), sourced.config
    model, plan = _made(of, config, split)
    about: dict[str, Any] = {"recipe": name, "variant": variant, "seed": config.seed}
    with writing_folder(path) as beside:
        split.facts.save(beside / "facts")
        new = Run.open(beside)
        new.write_json("config.json", records.settings(sourced, of.VARIANTS[variant]))
        reference = figures.reference(of, variant, split)
        about |= {"reference": reference, "facts": records.hashes(beside / "facts")}
        new.write_json("run.json", about | records.of_run(split, model, plan))
    watch.line(f"{path}: {name} {variant}, seed {config.seed}")
    for line in figures.before(split, config):
        watch.line(f"  {line}")
    job = Job(Run.open(path), of, config, split, model, plan, watch=watch, began=began)
    try:
        return _finish(job)
    except NonFiniteError:
        raise  # what happened is in the folder
    except (ValueError, KeyError, MemoryError, OSError):
        if not job.run.has("last"):
            shutil.rmtree(path)  # refused before anything was learnt
        raise


def _made(of: Recipe, config: Any, split: Split) -> tuple[nn.Module, Plan]:
    """The untrained model and its plan: whatever does not fit together is refused here."""
    model = fresh_model(of, config, split.facts)
    return model, of.plan(config, split, model)


def _finish(job: Job) -> Outcome:
    """Trains and judges; an interrupt says how to go on."""
    try:
        return _finished(job)
    except KeyboardInterrupt as stop:
        said = str(stop).partition(";")[0] or "interrupted"
        path = shlex.quote(str(job.run.path))
        raise Interrupted(f"{said}; `polyrec run --resume {path}` goes on") from stop


def _finished(job: Job) -> Outcome:
    """Trains to the end, then judges the best weights once and writes all that there is to say."""
    progress = Progress(seed=job.config.seed)
    progress = fit(job.model, job.plan.stages, _validation(job), progress, job.run, _options(job))
    job.watch.progress(f"  {_ending(job.run)}", final=True)
    restore(job.model, job.run, "best")
    judged = figures.judge(job, progress)
    seconds = time.monotonic() - job.began
    peak = records.peak_memory_mb()
    job.run.write_json(
        "run.json",
        job.run.read_json("run.json")
        | {"seconds": round(seconds, 1), "peak_memory_mb": round(peak)},
    )
    primary = job.config.select_by
    job.watch.line(evaluate.table(judged.test))
    for line in (
        *figures.weights(progress, judged.step, job.recipe.LENGTH),
        *figures.beside(judged, primary),
    ):
        job.watch.line(line)
    job.watch.line(f"  page: {report.write(job.run.path)}")
    return Outcome(job.run.path, judged, seconds, peak)


def _validation(job: Job) -> Any:
    def evaluate(model: nn.Module, progress: Progress) -> Mapping[str, float]:
        found = job.plan.validate(model)
        sure = {name: {"n": v.n, "low": v.low, "high": v.high} for name, v in found.values.items()}
        line = {"part": "valid", "step": progress.step, "purpose": "select", "metrics": sure}
        job.run.log("read", line)
        return {name: value.value for name, value in found.values.items()}

    return evaluate


def _options(job: Job) -> Options:
    valid = job.split.valid

    def report_tick(progress: Progress, tick: Tick) -> None:
        stage = job.plan.stages[tick.place[0] - 1]
        assert isinstance(stage, Stage), "only stages with steps tick"
        job.watch.progress(f"  {figures.progress_line(progress, tick, stage)}")

    judged: dict[str, str | int] = {"part": "valid", "hash": valid.hash, "size": len(valid)}
    return Options(log_every=job.config.log_every, report=report_tick, judged=judged)


def _ending(run: Run) -> str:
    """Why training stopped, as the log says."""
    stops = run.lines("stop")
    return str(stops[-1].get("reason", "done")) if stops else "solved from the log, no steps"


def _forked(run: Run, stage: str, plan: Plan, differing: bool) -> Run:
    """A new run beside the old one, from the end of one of its stages."""
    if differing and stage == plan.stages[-1].name:
        raise ValueError(
            f"--from {stage}: it is the last stage, so nothing is left to train with other "
            "settings; leave --from out to go on with it"
        )
    path = _free(run.path.with_name(f"{run.path.name}-{stage}"))
    child = run.fork(f"stages/{stage}", path, ("config.json", "run.json"))
    shutil.copytree(run.path / "facts", path / "facts")
    child.link("last", "best", child.meta("last"))
    parent = {"parent": child.read_json("parent.json")["path"], "parent_stage": stage}
    child.write_json("run.json", child.read_json("run.json") | parent)
    return child


def _has_effect(old: Stored, plan: Plan, before: Plan, keys: Sequence[str]) -> None:
    """Other settings must train something, or the run would claim what never was.

    Raises:
        ValueError: no stage reads them, or all steps are done.
    """
    if set(keys) <= RECORDING:
        return
    said = ", ".join(keys)
    if not changes(describe(list(before.stages)), describe(list(plan.stages))):
        raise ValueError(f"{said}: this run trains nothing with it; leave it out")
    last = plan.stages[-1]
    if not isinstance(last, Stage) or not old.run.has("last"):
        return
    meta = old.run.meta("last")
    if meta["stage"] == last.name and meta["step"] >= last.steps:
        raise ValueError(
            f"{said}: all {meta['step']:,} steps are done, so nothing would be trained with it; "
            f"raise {old.recipe.LENGTH} above {_length(old)} too"
        )


def _length(old: Stored) -> str:
    return f"{getattr(old.config, old.recipe.LENGTH):,}"


def _record_change(run: Run, config: Any, differing: Mapping[str, Any]) -> None:
    settings = run.read_json("config.json")
    for key, value in differing.items():
        settings[key] |= {"value": value, "origin": "resume"}
    run.write_json("config.json", settings)


def _same_data(told: Mapping[str, Any], split: Split, path: Path) -> None:
    now = records.sizes(split)
    keys = ("items", "train_events", "valid_hash", "test_hash", "vocabulary")
    other = [key for key in keys if told["data"].get(key) != now[key]]
    if other:
        raise ValueError(
            f"{path}: the data are not those of the run ({', '.join(other)} differ: "
            f"{told['data'][other[0]]} then, {now[other[0]]} now); restore the file, or run anew"
        )


def _name(name: str, variant: str, config: Any) -> str:
    stem = Path(config.data).name.split(".")[0] if config.data else config.world
    return f"{name}-{variant}-{stem or 'log'}-s{config.seed}".lower()


def _free(path: Path) -> Path:
    """`path`, or the first of path-2, path-3, ... that does not exist."""
    number, found = 2, path
    while found.exists():
        found, number = path.with_name(f"{path.name}-{number}"), number + 1
    return found


__all__ = ["Job", "Order", "Outcome", "Stored", "Watch", "resume", "run"]
