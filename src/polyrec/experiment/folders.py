"""Where runs lie: their names, folders that are free, and new runs beside old ones."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from polyrec.files import writing_folder
from polyrec.recipes import Plan
from polyrec.run import Run


def onwards(run: Run, stage: str | None, out: Path | None, plan: Plan, differing: bool) -> Run:
    """The run that goes on: itself, a copy of it in another folder, or a new run from a stage."""
    if stage is not None:
        return _forked(run, (stage, out or run.path.parent), plan, differing)
    return run if out is None else _copied(run, out)


def _copied(run: Run, out: Path) -> Run:
    """All of a run once more, where going on leaves the first as it is."""
    path = free(out / run.path.name)
    with writing_folder(path) as beside:
        shutil.copytree(run.path, beside, dirs_exist_ok=True)
        origin = {"path": str(run.path.resolve()), "checkpoint": "last"}
        Run.open(beside).write_json("parent.json", origin)
        about = Run.open(beside).read_json("run.json") | {"parent": origin["path"]}
        Run.open(beside).write_json("run.json", about)
    return Run.open(path)


def _forked(run: Run, where: tuple[str, Path], plan: Plan, differing: bool) -> Run:
    """A new run in a folder, from the end of one of the old one's stages."""
    stage, out = where
    if differing and stage == plan.stages[-1].name:
        raise ValueError(
            f"--from {stage}: it is the last stage, so nothing is left to train with other "
            "settings; leave --from out to go on with it"
        )
    path = free(out / f"{run.path.name}-{stage}")
    child = run.fork(f"stages/{stage}", path, ("config.json", "run.json"))
    shutil.copytree(run.path / "facts", path / "facts")
    child.link("last", "best", child.meta("last"))
    parent = {"parent": child.read_json("parent.json")["path"], "parent_stage": stage}
    child.write_json("run.json", child.read_json("run.json") | parent)
    return child


def name_of(name: str, variant: str, config: Any) -> str:
    """Of a run's folder: recipe, variant, log and seed."""
    stem = Path(config.data).name.split(".")[0] if config.data else config.world
    return f"{name}-{variant}-{stem or 'log'}-s{config.seed}".lower()


def free(path: Path) -> Path:
    """`path`, or the first of path-2, path-3, ... that does not exist."""
    number, found = 2, path
    while found.exists():
        found, number = path.with_name(f"{path.name}-{number}"), number + 1
    return found
