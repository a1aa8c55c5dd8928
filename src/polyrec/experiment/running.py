"""A recipe's whole run: data, model, training, judging, and everything written down."""

from __future__ import annotations

import dataclasses
import shlex
import shutil
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from polyrec import evaluate, report
from polyrec.data import Split
from polyrec.experiment import figures, records
from polyrec.experiment.figures import Judged, Trained
from polyrec.experiment.folders import free, name_of, onwards
from polyrec.experiment.graphs import checks
from polyrec.experiment.stored import Stored, has_effect, made, restore, stored
from polyrec.experiment.watching import Quiet, Watch, share_done
from polyrec.files import writing_folder
from polyrec.recipes import (
    Recipe,
    Sourced,
    all_read,
    changed,
    compose,
    note,
    nouns,
    primary,
    recipe,
)
from polyrec.run import Run
from polyrec.train import Interrupted, NonFiniteError, Options, Stage, Tick, fit
from polyrec.train.record import comes_again
from polyrec.types import Progress

T = TypeVar("T")


@dataclass(frozen=True)
class Order:
    """What to run: a recipe, a variant, settings from a file and from flags, and where to."""

    recipe: str
    variant: str | None = None
    file: Path | None = None
    flags: tuple[str, ...] = ()
    out: Path = Path("runs")
    device: torch.device | None = None  # that computes the model; None = the processor


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

    began: float


def run(order: Order, seeds: int = 1, watch: Watch = Quiet()) -> list[Outcome]:
    """`seeds` runs of one order: seed, seed + 1, ...; each in a folder of its own.

    Raises:
        KeyError, ValueError, FileNotFoundError, MemoryError: the order cannot be carried out;
            no folder is left.
        Interrupted: somebody asked to stop; the message names the command that goes on.
    """
    return _runs(order, seeds, watch, _judged)


def train(order: Order, seeds: int = 1, watch: Watch = Quiet()) -> list[Path]:
    """As `run`, but test stays unread: to choose on validation. `resume` judges such a run.

    Raises: as `run`.
    """
    return _runs(order, seeds, watch, _unjudged)


def _runs(order: Order, seeds: int, watch: Watch, end: Callable[[Job], T]) -> list[T]:
    of = recipe(order.recipe)
    variant = order.variant or of.DEFAULT
    sourced = compose(of.Config, of.VARIANTS, variant, order.file, order.flags)
    by_hand = [key for key, who in sourced.origin.items() if who in ("file", "flag")]
    all_read(of, sourced.config, by_hand)
    if told := note(sourced.config, of.passed_over(sourced.config), by_hand):
        warnings.warn(told, stacklevel=3)
    first = sourced.config.seed
    split: Split | None = None
    found = []
    for seed in range(first, first + seeds):
        one = dataclasses.replace(sourced, config=dataclasses.replace(sourced.config, seed=seed))
        split = split or of.data(one.config)
        path = free(order.out / name_of(order.recipe, variant, one.config))
        job = _begun(of, (one, split, order.device), (order.recipe, variant, path), watch)
        found.append(_first_time(job, end))
    return found


def resume(
    path: Path,
    flags: Sequence[str] = (),
    stage: str | None = None,
    watch: Watch = Quiet(),
    device: torch.device | None = None,
    out: Path | None = None,
) -> Outcome:
    """Goes on with a run: from where it stopped, or as a new run from the end of a stage; with
    `out` as a copy in that folder, and the run itself stays as it is.

    On another device than before it goes on from the same weights, no longer to the same bytes.

    Raises:
        ValueError: a flag changes what only a new run may change, or the data are not the same.
    """
    return _finish(_taken_up(path, (flags, stage, out), watch, device), _judged)


def resume_training(path: Path, watch: Watch = Quiet(), device: torch.device | None = None) -> Path:
    """As `resume` without changes, but test stays unread."""
    return _finish(_taken_up(path, ((), None, None), watch, device), _unjudged)


def _taken_up(
    path: Path,
    changes: tuple[Sequence[str], str | None, Path | None],
    watch: Watch,
    device: torch.device | None,
) -> Job:
    """A run that lies there, ready to go on, with other settings, from a stage's end, elsewhere."""
    began, (flags, stage, out) = time.monotonic(), changes
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
    records.same_data(old.run.read_json("run.json"), split, path)
    model, plan = made(old.recipe, config, split, device)
    if differing and stage is None:
        has_effect(old, plan, made(old.recipe, old.config, split)[1], sorted(differing))
    run = onwards(old.run, stage, out, plan, bool(differing))
    if differing:
        records.record_change(run, config, differing)
    told = {"losses": records.objectives(model, plan.stages)}
    run.write_json("run.json", run.read_json("run.json") | told)
    if not run.has("last"):  # killed before anything was kept: its lines come again
        run.cut_log(0, comes_again)
    told_new = ", ".join(f"{key}={value}" for key, value in differing.items())
    watch.line(f"resuming {run.path}" + (f" with {told_new}" if differing else ""))
    return Job(run, old.recipe, config, split, model, plan, watch=watch, began=began)


def _begun(
    of: Recipe,
    asked: tuple[Sourced[Any], Split, torch.device | None],
    named: tuple[str, str, Path],
    watch: Watch,
) -> Job:
    """A new run folder, with all that is known before training."""
    (sourced, split, device), (name, variant, path) = asked, named
    began, config = time.monotonic(), sourced.config
    model, plan = made(of, config, split, device)
    about: dict[str, Any] = {"recipe": name, "variant": variant, "seed": config.seed}
    with writing_folder(path) as beside:
        split.facts.save(beside / "facts")
        new = Run.open(beside)
        new.write_json("config.json", records.settings(sourced, of.VARIANTS[variant]))
        reference = figures.reference(of, variant, split)
        about |= {"reference": reference, "facts": records.hashes(beside / "facts")}
        about |= {"ask": nouns(of).ask}
        new.write_json("run.json", about | records.of_run(split, model, plan))
    watch.line(f"{path}: {name} {variant}, seed {config.seed}")
    for line in figures.before(of, split, config):
        watch.line(f"  {line}")
    return Job(Run.open(path), of, config, split, model, plan, watch=watch, began=began)


def _first_time(job: Job, end: Callable[[Job], T]) -> T:
    """As `_finish`; what is refused before anything was learnt leaves no folder."""
    try:
        return _finish(job, end)
    except NonFiniteError:
        raise  # what happened is in the folder
    except (ValueError, KeyError, MemoryError, OSError):
        if not job.run.has("last"):
            shutil.rmtree(job.run.path)  # refused before anything was learnt
        raise


def _finish(job: Job, end: Callable[[Job], T]) -> T:
    """Trains, and judges if `end` does; an interrupt says how to go on."""
    try:
        return end(job)
    except KeyboardInterrupt as stop:
        said = str(stop).partition(";")[0] or "interrupted"
        path = shlex.quote(str(job.run.path))
        raise Interrupted(f"{said}; `polyrec run --resume {path}` goes on") from stop


def _trained(job: Job) -> Progress:
    """Trains to the end."""
    progress = Progress(seed=job.config.seed, hears=share_done(job.watch, "solve"))
    progress = fit(job.model, job.plan.stages, _validation(job), progress, job.run, _options(job))
    job.watch.progress(f"  {_ending(job.run)}", final=True)
    return progress


def _unjudged(job: Job) -> Path:
    """Trains to the end and writes down that test was not read."""
    _trained(job)
    job.run.write_json("run.json", job.run.read_json("run.json") | {"trained": True})
    return job.run.path


def _judged(job: Job) -> Outcome:
    """Trains to the end, then judges the best weights once and writes all that there is to say."""
    progress = _trained(job)
    restore(job.model, job.run, "best")
    judged = figures.judge(job, progress)
    seconds = time.monotonic() - job.began
    peak = records.peak_memory_mb()
    found = checks.findings(job.recipe, job.config, job.split, job.run)
    said = None if found is None else [vars(finding) for finding in found]
    job.run.write_json(
        "run.json",
        job.run.read_json("run.json")
        | {"seconds": round(seconds, 1), "peak_memory_mb": round(peak), "findings": said},
    )
    metric = primary(job.config)
    job.watch.line(evaluate.table(judged.test))
    for line in (
        *figures.weights(progress, judged.step, job.recipe.LENGTH),
        *figures.beside(judged, metric),
    ):
        job.watch.line(line)
    for finding in found or ():
        job.watch.line(f"  {finding.line()}")
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


__all__ = [
    "Job", "Order", "Outcome", "Stored", "Watch", "resume", "resume_training", "run", "train",
]  # fmt: skip
