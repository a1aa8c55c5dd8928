"""Carrying out runs: in this process one after the other, or several at once in processes of
their own. A run that fails is a result; an interrupt stops all and leaves all to be resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from polyrec.experiment.ablation.arms import Arm
from polyrec.experiment.ablation.trainings import processes
from polyrec.experiment.ablation.trainings.shelf import RUNS, SEARCH, Found, Shelf
from polyrec.experiment.running import resume, resume_training, run, train
from polyrec.experiment.watching import Quiet, Watch
from polyrec.train import NonFiniteError

FAILURES = (ValueError, KeyError, MemoryError)


@dataclass(frozen=True)
class Task:
    """One training of an arm: to choose a learning rate (test stays unread), or to count."""

    arm: Arm
    rate: float | None
    seed: int
    purpose: Literal["search", "count"]
    share: float = 1.0  # of the steps
    device: torch.device | None = None

    def __str__(self) -> str:
        rate = "" if self.rate is None else f" lr={self.rate:g}"
        return f"{self.arm.anchor.name} {self.arm.name}{rate} seed {self.seed}"


@dataclass(frozen=True)
class Done:
    """What became of a task: its run, or why there is none."""

    task: Task
    path: Path | None
    reason: str = ""


Finish = Callable[[Done], None]


def carry_out(
    tasks: Sequence[Task], shelf: Shelf, jobs: int, watch: Watch, finish: Finish
) -> list[Done]:
    """All tasks that are not done yet; `finish` hears of each as it ends.

    Raises:
        KeyboardInterrupt: somebody asked to stop; every run that was on is saved.
    """
    done = []
    todo = []
    for task in tasks:
        held = _held(task, shelf)
        if held is None:
            todo.append(task)
        else:
            done.append(held)
    ended = _one_by_one(todo, shelf, watch) if jobs == 1 else _side_by_side(todo, shelf, jobs)
    for one in ended:
        if one.path is not None:
            shelf.note(one.path)
        finish(one)
        done.append(one)
    order = {id(task): place for place, task in enumerate(tasks)}
    return sorted(done, key=lambda one: order[id(one.task)])


def _held(task: Task, shelf: Shelf) -> Done | None:
    """What lies there already, if nothing is left to do."""
    found = _found(task, shelf)
    if found is None:
        return None
    if found.state == "failed":
        return Done(task, None, _what_failed(found.path))
    enough = found.state == "finished" or (task.purpose == "search" and found.state == "trained")
    return Done(task, found.path) if enough else None


def _found(task: Task, shelf: Shelf) -> Found | None:
    found = shelf.of_run(task.arm, task.rate, task.seed, task.share)
    return shelf.settle(task.arm, found) if found and task.purpose == "count" else found


def _one_by_one(tasks: Sequence[Task], shelf: Shelf, watch: Watch) -> Iterator[Done]:
    inner = _Aside(watch)
    for task in tasks:
        fresh_peak()
        try:
            yield Done(task, _here(task, shelf, inner))
        except FAILURES as error:
            yield Done(task, None, _why(error))


def _here(task: Task, shelf: Shelf, watch: Watch) -> Path:
    found = _found(task, shelf)
    if found is not None and task.purpose == "search":
        return resume_training(found.path, watch, task.device)
    if found is not None:
        return resume(found.path, watch=watch, device=task.device).path
    order = replace(task.arm.order(_own(task), _place(task, shelf.out)), device=task.device)
    return train(order, 1, watch)[0] if task.purpose == "search" else run(order, 1, watch)[0].path


def _side_by_side(tasks: Sequence[Task], shelf: Shelf, jobs: int) -> Iterator[Done]:
    """At most `jobs` processes at once, one thread each."""
    for task, ended in processes.at_once(tasks, lambda task: _command(task, shelf), jobs):
        reason = ended.refusal
        yield Done(task, None if reason else Path(ended.result()["runs"][0]), reason)


def _command(task: Task, shelf: Shelf) -> list[str]:
    """The task as a command line of its own."""
    base = ["run", "--json", *(["--unjudged"] if task.purpose == "search" else [])]
    base += ["--device", str(task.device)] if task.device else []
    found = _found(task, shelf)
    if found is not None:
        return [*base, "--resume", str(found.path)]
    order = task.arm.order(_own(task), _place(task, shelf.out))
    out = ["--variant", str(order.variant), "--out", str(order.out)]
    return [*base, *out, order.recipe, *order.flags]


def _place(task: Task, out: Path) -> Path:
    """The folder that receives the run folder."""
    if task.purpose == "count":
        return out / RUNS / task.arm.folder
    return out / SEARCH / task.arm.folder / f"lr={task.rate:g}"


def _own(task: Task) -> dict[str, object]:
    return task.arm.own(task.rate, task.seed, task.share)


def _why(error: BaseException) -> str:
    said = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    kind = "not finite: " if isinstance(error, NonFiniteError) else ""
    return kind + " ".join(said.split())


def _what_failed(path: Path) -> str:
    return f"not finite: {path} says where"


def fresh_peak() -> None:
    """Starts the count of this process's largest memory anew, where the system can (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


class _Aside(Quiet):
    """Passes on where a run stands; its lines are for the run's own page."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def progress(self, text: str, final: bool = False) -> None:
        """Shown in place; the last word of a run is not."""
        if not final:
            self._watch.progress(text)
