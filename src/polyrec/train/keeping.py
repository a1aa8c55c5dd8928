"""What is kept and when: evaluations and the best of them, saves, stops, resuming, stage ends.

`last` is the state after some step, before anything was restored: a stopped run goes on from it,
also with more patience. `best` holds the same kind of state at the best evaluation. Whether a stage
is over is a function of progress, so nothing needs to be remembered but progress itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor

from polyrec.run import Run
from polyrec.train.checkpoint import Memory, Meta, Shelf
from polyrec.train.record import Interrupted, Tick, comes_again
from polyrec.train.schedule import best, mark_change
from polyrec.train.site import Fit, Site, log_save
from polyrec.train.stage import Stage, changes, describe
from polyrec.types import Progress

Checkpoint = tuple[dict[str, Tensor], Meta]


def shelf_of(run: Run | None, progress: Progress) -> Shelf:
    """The run folder; processes that do not write start from copies of what it holds."""
    if run is None or progress.ranks.rank == 0:
        progress.ranks.gather(torch.zeros(1))
        return run if run is not None else Memory()
    shelf = Memory()
    for name in ("last", "best"):
        if run.has(name):
            tensors, meta = run.load(name)
            shelf.commit(name, shelf.write(name, tensors), meta)
    progress.ranks.gather(torch.zeros(1))
    return shelf


def resume(fit: Fit) -> tuple[int, Checkpoint | None]:
    """Where to begin: the stage's index, and the checkpoint if it lies within that stage.

    Raises:
        ValueError: the checkpoint is of another seed, another model or no stage of these.
    """
    if not fit.shelf.has("last"):
        return 0, None
    tensors, meta = fit.shelf.load("last")
    names, progress, journal = [stage.name for stage in fit.stages], fit.progress, fit.journal
    if meta["stage"] not in names:
        raise ValueError(f"the run stopped in stage {meta['stage']!r}; these are {names}")
    known = Progress.restored(meta["progress"])
    if known.seed != progress.seed:
        raise ValueError(f"the run has seed {known.seed}, got {progress.seed}: resume with its own")
    fit.state().restore(tensors)
    for name, value in known.state().items():
        setattr(progress, name, value)
    journal.seconds_before, journal.cpu_before = meta["seconds"], meta["cpu_seconds"]
    fit.window.sums.update(meta["window"]["sums"])
    fit.window.counts.update(meta["window"]["counts"])
    if journal.run is not None:
        journal.run.cut_log(meta["log_bytes"], comes_again)
    at = names.index(meta["stage"])
    return (at + 1, None) if meta["done"] else (at, (tensors, meta))


def take_up(site: Site, tensors: dict[str, Tensor], meta: Meta) -> str | None:
    """Goes on within a stage; returns why it had stopped, if it had."""
    fit, progress = site.fit, site.fit.progress
    changed = changes(meta["plan"], describe(list(fit.stages)), "stages")
    index = [stage.name for stage in fit.stages].index(progress.stage)
    moments = fit.options.moments == "kept" and f"stages.{index}.optim.is" not in changed
    site.restore(tensors, moments)
    restored = ["weights", "keeps", "balance", "progress", "best"]
    restored += ["optimiser"] if moments else []
    if _trained_otherwise(changed, f"stages.{index}."):
        mark_change(progress)  # so a stage that patience had stopped goes on
    else:
        restored.append("patience")
    line = {"checkpoint": "last", "restored": restored, "changed": changed}
    fit.journal.line("resume", progress, line)
    top = best(progress, site.stage.select) if site.stage.select else None
    if top is not None and _best_step(fit) != top.step:
        if top.step != progress.step:
            raise ValueError(
                f"by {site.stage.select} the best evaluation was at step {top.step:,}, whose "
                "weights were not kept: resume with the run's own `select`"
            )
        fit.shelf.link("last", "best", meta)  # it was cut short between the two
    return cast("str | None", meta["stopped"])


def due(stage: Stage, progress: Progress) -> bool:
    """Whether this step is judged: every `judge`, and at the end."""
    if stage.judge is None:
        return False
    every = stage.judge.steps(stage.epoch)
    return progress.step % every == 0 or progress.step >= stage.steps


def judge(site: Site) -> Mapping[str, float]:
    """Evaluates in eval mode without gradient; a new best is saved."""
    fit, stage, progress = site.fit, site.stage, site.fit.progress
    fit.model.eval()
    with torch.no_grad():
        values = {name: float(v) for name, v in fit.evaluate(fit.model, progress).items()}
    fit.model.train()
    place = {"stage": progress.stage, "epoch": progress.epoch, "step": progress.step}
    progress.metrics.append({**values, **place})
    top = best(progress, stage.select) if stage.select else None
    new = top is not None and top.step == progress.step
    kept = {"best": top.value, "best_step": top.step, "since_best": top.flat} if top else {}
    line = {**fit.options.judged, "metrics": values, **kept, "saved": "best" if new else None}
    fit.journal.line("eval", progress, line)
    if new:
        site.save(names=("last", "best"))
    return values


def over(stage: Stage, progress: Progress) -> str | None:
    """Why the stage ends here; None = it goes on."""
    judged = progress.metrics and progress.metrics[-1]["stage"] == progress.stage
    if stage.stop is not None and judged and progress.metrics[-1]["step"] == progress.step:
        reason = stage.stop(progress)
        if reason is not None:
            return reason
    return f"all {stage.steps:,} steps done" if progress.step >= stage.steps else None


def tell(site: Site, start: tuple[int, float], evaluated: Mapping[str, float] | None) -> None:
    """Reports where training stands; a true answer pulls the brake."""
    fit, progress = site.fit, site.fit.progress
    if fit.options.report is None:
        return
    names = [stage.name for stage in fit.stages]
    rate = (progress.step - start[0]) / max(time.monotonic() - start[1], 1e-9)
    place = names.index(site.stage.name) + 1, len(names)
    tick = Tick(site.stage.name, place, progress.step, site.stage.steps, rate, evaluated)
    if fit.options.report(progress, tick):
        fit.brake.pulled = True


def keep(site: Site) -> None:
    """Saves `last` when its time has come, or because somebody asked to stop.

    Raises:
        Interrupted: somebody did.
    """
    fit, progress = site.fit, site.fit.progress
    pulled = fit.brake.pulled
    if progress.ranks.size > 1:  # all stop after the same step, or they would wait for each other
        pulled = bool(progress.ranks.gather(torch.tensor([float(pulled)])).any())
    if pulled:
        place = f"step {progress.step:,} of stage {progress.stage}"
        fit.journal.line("stop", progress, {"reason": f"interrupted after {place}"})
        site.save()
        raise Interrupted(f"interrupted after {place}; resume the run to go on")
    late = time.monotonic() - site.saved_at > fit.options.save_seconds
    if late and fit.journal.run is not None:
        site.save()


def finish(site: Site) -> None:
    """The stage's end: its best weights in the model, `best` and `stages/NAME` on the shelf."""
    fit, select = site.fit, site.stage.select
    kept = f"stages/{site.stage.name}"
    if select is None or best(fit.progress, select) is None:
        fit.shelf.link("last", "best", fit.shelf.meta("last"))
    known = fit.shelf.meta("best")
    log_save(fit, kept, known["sha256"], select)
    meta = {**fit.meta(done=True), "weights_step": known["step"]}
    fit.shelf.link("best", kept, meta)
    if known["step"] != fit.progress.step:
        fit.state().restore(fit.shelf.load(kept)[0])


def _trained_otherwise(changed: Mapping[str, object], stage: str) -> bool:
    """Whether steps move the weights in another way, not just more or fewer of them."""
    fields = [path.removeprefix(stage).split(".")[0] for path in changed if path.startswith(stage)]
    return any(field not in ("length", "judge", "stop", "select") for field in fields)


def _best_step(fit: Fit) -> int | None:
    """The step that `best` holds, if it is of this stage."""
    if not fit.shelf.has("best"):
        return None
    meta = fit.shelf.meta("best")
    return cast(int, meta["step"]) if meta["stage"] == fit.progress.stage else None
