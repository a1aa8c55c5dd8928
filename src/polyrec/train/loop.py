"""The one loop. Every training of the house is these lines: stages, their steps, what is kept.

A step: hooks, learning rate, one forward pass of every task over a model prepared once, one
backward pass by the balance, the model's step, what the balance wants to see afterwards. All of it
is pure in (seed, stage, step), so a training that stopped after any step and is resumed ends with
the same bytes as one that never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from polyrec.run import Run
from polyrec.train.keeping import (
    Checkpoint,
    due,
    finish,
    judge,
    keep,
    over,
    resume,
    shelf_of,
    take_up,
    tell,
)
from polyrec.train.optim import clip
from polyrec.train.ranks import average
from polyrec.train.record import (
    Journal,
    NonFiniteError,
    Options,
    gradient_norms,
    marks,
    moves,
    notes_by_kind,
    worst_row,
)
from polyrec.train.site import (
    Brake,
    Evaluate,
    Fit,
    Site,
    brakes,
    log_save,
    own_randomness,
    seed_forward,
    training_only,
)
from polyrec.train.stage import Solve, Stage
from polyrec.types import Losses, Progress, derived_seed


def fit(
    model: nn.Module,
    stages: Sequence[Stage | Solve],
    evaluate: Evaluate,
    progress: Progress,
    run: Run | None = None,
    options: Options = Options(),
) -> Progress:
    """Trains a model through its stages; a run with a checkpoint is resumed.

    The model ends with the best weights of its last stage (the last ones where nothing selects)
    in eval mode. `progress` says where it stands and is advanced.

    Args:
        evaluate: judges the model in eval mode without gradient: {metric: value}.

    Raises:
        Interrupted: somebody asked to stop; `last` is saved, call again to go on.
        NonFiniteError: a loss became NaN or infinite.
        ValueError: the run's checkpoint fits another model or other stages.
    """
    _check(stages)
    journal = Journal(run if progress.ranks.rank == 0 else None)
    shelf = shelf_of(run, progress)
    whole = Fit(model, stages, evaluate, progress, shelf, journal, options, Brake())
    with own_randomness(), brakes(whole.brake):
        at, resumed = resume(whole)
        for index in range(at, len(stages)):
            stage = stages[index]
            if isinstance(stage, Solve):
                _solve(whole, stage)
            else:
                _train(whole, stage, resumed if index == at else None)
            if index + 1 < len(stages):
                shelf.link(f"stages/{stage.name}", "last", shelf.meta(f"stages/{stage.name}"))
    model.eval()
    return progress


def batch_seed(seed: int, stage: str, task: int) -> int:
    """The seed of a task's stream in a stage: what `Stream.batch` and coverage are asked with."""
    return derived_seed(seed, stage, "batch", task)


def _check(stages: Sequence[Stage | Solve]) -> None:
    names = [stage.name for stage in stages]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"stages are named {names}: need at least one, each with its own name")
    kept: dict[str, nn.Module] = {}
    for stage in stages:
        for name, module in stage.keeps.items():
            if kept.setdefault(name, module) is not module:
                raise ValueError(f"two stages keep different things as {name!r}: rename one")


def _solve(fit: Fit, stage: Solve) -> None:
    fit.progress.stage, fit.progress.epoch, fit.progress.step = stage.name, 0, 0
    fit.model.eval()
    seed_forward(fit.model, fit.progress.seed_of("forward"))
    fit.progress.forget()
    with torch.no_grad():
        stage.do(fit.progress)
    if notes := notes_by_kind(fit.progress):
        fit.journal.line("solve", fit.progress, notes)
    stored = fit.shelf.write("last", fit.state().tensors())
    names = ("last", "best", f"stages/{stage.name}")
    for name in names:
        log_save(fit, name, stored.sha256, None)
    meta = fit.meta(done=True)
    fit.shelf.commit("last", stored, meta)
    for name in names[1:]:
        fit.shelf.link("last", name, meta)


def _train(fit: Fit, stage: Stage, resumed: Checkpoint | None) -> None:
    site, progress = Site.of(fit, stage), fit.progress
    stopped = None
    if resumed is None:
        progress.stage, progress.epoch, progress.step, progress.losses = stage.name, 0, 0, {}
        fit.window.take()
    else:
        stopped = take_up(site, *resumed)
    fit.model.train()
    with training_only(fit.model, site.trained):
        reason, start = over(stage, progress), (progress.step, time.monotonic())
        while reason is None:
            _step(site)
            evaluated = judge(site) if due(stage, progress) else None
            reason = over(stage, progress)
            tell(site, start, evaluated)
            keep(site)
    if reason != stopped:
        fit.journal.line("stop", progress, {"reason": reason})
        site.save(stopped=reason)
    finish(site)


def _step(site: Site) -> None:
    stage, fit, progress = site.stage, site.fit, site.fit.progress
    progress.forget()
    _hooks(site)
    rate = stage.rate(progress)
    for optimiser in site.paced:
        for group in optimiser.param_groups:
            group["lr"] = rate
    batches = _batches(stage, progress)
    losses = _forward(site, batches)
    values = {name: float(loss.detach()) for name, loss in losses.values.items()}
    if not all(map(math.isfinite, values.values())):
        raise _not_finite(site, batches, values)
    site.balance.backward(losses, site.shared, progress)
    average(site.trained, progress.ranks)
    logged = _logged(progress.step + 1, fit.options.log_every)
    before = (gradient_norms(site.groups), marks(site.groups)) if logged else None
    if stage.clip is not None:
        clip(site.trained, stage.clip)
    site.optimiser.step()
    site.balance.after(lambda: _forward(site, batches))
    if site.balance_optimiser is not None:
        site.balance_optimiser.step()
        site.balance_optimiser.zero_grad()
    notes = notes_by_kind(progress) if logged else {}
    moved = moves(before[1]) if before is not None else {}
    site.optimiser.zero_grad()
    progress.losses, progress.step = values, progress.step + 1
    progress.epoch = progress.step // stage.epoch
    fit.window.add(values)
    if before is not None:
        fields = {"loss": fit.window.take(), "batch_loss": values, "lr": rate}
        sizes = {"gradient": before[0], "update_per_weight": moved}
        fit.journal.line("train", progress, {**fields, **sizes, **notes})


def _logged(step: int, every: int) -> bool:
    return step == 1 or step % every == 0


def _hooks(site: Site) -> None:
    fit, stage, progress = site.fit, site.stage, site.fit.progress
    due = [
        h for h in stage.hooks if site.unfilled or progress.step % h.span.steps(stage.epoch) == 0
    ]
    site.unfilled = False
    if not due:
        return
    fit.model.eval()
    seed_forward(fit.model, progress.seed_of("hooks"))
    with torch.no_grad():
        for hook in due:
            fit.journal.line("refresh", progress, {"name": hook.name, **(hook.do(progress) or {})})
    fit.model.train()


def _batches(stage: Stage, progress: Progress) -> list[Any]:
    """Every task's batch of this step: its place is counted in its own stream's epochs."""
    part, found = (progress.ranks.rank, progress.ranks.size), []
    for number, task in enumerate(stage.tasks):
        epoch, step = divmod(progress.step, task.stream.steps)
        seed = batch_seed(progress.seed, progress.stage, number)
        found.append(task.stream.batch(seed, epoch, step, part))
    return found


def _forward(site: Site, batches: Sequence[Any]) -> Losses:
    """The losses of one step; the same again when called again before the weights moved."""
    progress, rank = site.fit.progress, site.fit.progress.ranks.rank
    seed_forward(site.fit.model, progress.seed_of(f"forward/{rank}" if rank else "forward"))
    view = cast(Any, site.fit.model).prepare()
    tasks = zip(site.stage.tasks, batches, strict=True)
    parts = [task.objective(view, batch, progress) for task, batch in tasks]
    if len(parts) == 1:
        return parts[0]
    values: dict[str, Tensor] = {}
    extra: dict[str, Tensor] = {}
    for part in parts:
        for name, value in part.values.items():
            if name in values:
                raise ValueError(f"two tasks of stage {site.stage.name} are named {name!r}")
            values[name] = value
        for name, term in part.extra.items():
            extra[name] = extra[name] + term if name in extra else term
    return Losses(values, (), extra)  # tasks of several streams meet in no common row


def _not_finite(site: Site, batches: Sequence[Any], values: Mapping[str, float]) -> Exception:
    fit, progress = site.fit, site.fit.progress
    name, value = next((n, v) for n, v in values.items() if not math.isfinite(v))
    seed_forward(fit.model, progress.seed_of("forward"))
    view = cast(Any, fit.model).prepare()
    rows = [
        {"task": number, **worst_row(task.objective, view, batch, progress)}
        for number, (task, batch) in enumerate(zip(site.stage.tasks, batches, strict=True))
    ]
    fields = {"loss": name, "value": str(value), "rows": rows}
    fit.journal.line("nonfinite", progress, fields)
    seen = "; ".join(f"row {r['row']}, largest logit {r['largest_logit']}" for r in rows)
    return NonFiniteError(
        f"loss {name!r} is {value} at step {progress.step + 1:,} of stage {site.stage.name} "
        f"({seen}): `last` is kept as it was; lower lr, or set clip=1"
    )
