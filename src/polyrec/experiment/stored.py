"""A run folder read back: its settings, what it knew of the data, its model, its figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from polyrec.data import Facts, Split
from polyrec.experiment.records import hashes
from polyrec.recipes import Plan, Recipe, processor_only, recipe, typed
from polyrec.run import Run
from polyrec.train import Stage, describe, load_weights, within
from polyrec.train.stage import changes
from polyrec.types import Recommender, derived_seed

RECORDING = frozenset({"log_every", "memory_mb"})  # change no weight, so they may always change


@dataclass(frozen=True)
class Stored:
    """A run as it lies on disk."""

    run: Run
    recipe: Recipe
    recipe_name: str
    config: Any

    @property
    def path(self) -> Path:
        return self.run.path

    def facts(self) -> Facts:
        """What the model may know of its data.

        Raises:
            ValueError: a file is not the one that was written; names it and the hash it had.
        """
        expected, found = (
            self.run.read_json("run.json").get("facts", {}),
            hashes(self.path / "facts"),
        )
        for name, sha256 in expected.items():
            now = found.get(name, "none, the file is gone")
            if now != sha256:
                raise ValueError(
                    f"{self.path / 'facts' / name} is damaged: sha256 is {now}, run.json says "
                    f"{sha256}; restore it from a copy"
                )
        return Facts.load(self.path / "facts")

    def model(self, facts: Facts, checkpoint: str = "best") -> nn.Module:
        """The model with the weights of a checkpoint, ready to answer."""
        model = fresh_model(self.recipe, self.config, facts)
        restore(model, self.run, checkpoint)
        return model.eval()

    def recommender(self) -> tuple[Recommender, Facts]:
        """The object that was measured, and the vocabularies it speaks."""
        facts = self.facts()
        return self.recipe.serve(self.config, self.model(facts), facts), facts


def stored(path: Path) -> Stored:
    """The run at `path`.

    Raises:
        FileNotFoundError: no run lies there; says what does.
    """
    if not (path / "run.json").is_file():
        raise FileNotFoundError(f"{path}: no run here (run.json is missing){_hint(path)}")
    run = Run.open(path)
    name = _entry(run, "run.json", "recipe")
    of = recipe(str(name))
    settings = run.read_json("config.json")
    values = {key: typed(of.Config, key, _value(run, key, settings)) for key in settings}
    return Stored(run, of, str(name), of.Config(**values))


def values(run: Run, part: str) -> Path:
    """Where the judged lists of the best weights lie.

    Raises:
        FileNotFoundError: the run has not been judged.
    """
    step = read_report_json(run.path)["step"]
    return run.path / "values" / f"{part}@{step}.parquet"


def siblings(path: Path) -> list[Path]:
    """The run at `path`, or the runs (seeds) inside that folder, by name."""
    if (path / "run.json").is_file():
        return [path]
    runs = sorted(p.parent for p in path.glob("*/run.json")) if path.is_dir() else []
    if not runs:
        raise FileNotFoundError(f"{path}: neither a run nor a folder of runs{_hint(path)}")
    return runs


def made(
    of: Recipe, config: Any, split: Split, device: torch.device | None = None
) -> tuple[nn.Module, Plan]:
    """The untrained model and its plan: whatever does not fit together is refused here.

    Weights are drawn on the processor, so they are the same on any device; what is solved without
    gradients stays there.

    Raises:
        ValueError: another device, and the recipe's graphs are read on the processor alone.
    """
    if device is not None and device.type != "cpu" and processor_only(of):
        raise ValueError(
            f"--device {device}: this recipe reads its graph on the processor; leave --device out"
        )
    model = fresh_model(of, config, split.facts)
    plan = of.plan(config, split, model)
    if device is None or not any(isinstance(stage, Stage) for stage in plan.stages):
        return model, plan
    return model.to(device), of.plan(config, split, model)


def fresh_model(of: Recipe, config: Any, facts: Facts) -> nn.Module:
    """A model with the initial weights of the config's seed, whatever ran before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(config.seed, "init"))
        try:
            return of.model(config, facts)
        except RuntimeError as error:
            if "allocate" not in str(error):
                raise
            raise MemoryError(
                f"a model of {facts.items:,} items does not fit into memory: lower dim"
            ) from error


def restore(model: nn.Module, run: Run, checkpoint: str) -> dict[str, Any]:
    """Fills `model` from a checkpoint and returns what was kept beside the weights."""
    tensors, meta = run.load(checkpoint)
    load_weights(model, within(tensors, "model"))
    return dict(meta)


def has_effect(old: Stored, plan: Plan, before: Plan, keys: Sequence[str]) -> None:
    """Other settings must train something, or the run would claim what never was.

    Raises:
        ValueError: no stage reads them, all steps are done, or a rate that falls with the length
            of the run would jump.
    """
    if set(keys) <= RECORDING:
        return
    said = ", ".join(keys)
    _steady(old, plan, before, keys)
    if not changes(describe(list(before.stages)), describe(list(plan.stages))):
        raise ValueError(f"{said}: this run trains nothing with it; leave it out")
    last = plan.stages[-1]
    if not isinstance(last, Stage) or not old.run.has("last"):
        return
    meta = old.run.meta("last")
    if meta["stage"] == last.name and meta["step"] >= last.steps:
        raise ValueError(
            f"{said}: all {meta['step']:,} steps are done, so nothing would be trained with it; "
            f"raise {old.recipe.LENGTH} above {getattr(old.config, old.recipe.LENGTH):,} too"
        )


def _steady(old: Stored, plan: Plan, before: Plan, keys: Sequence[str]) -> None:
    """Refuses a length that stretches a falling rate under a run: it would rise again."""
    if old.recipe.LENGTH not in keys:
        return
    for stage, was in zip(plan.stages, before.stages, strict=True):
        if not (isinstance(stage, Stage) and isinstance(was, Stage)):
            continue
        if callable(stage.lr) and stage.lr != was.lr:
            raise ValueError(
                f"{old.recipe.LENGTH}: the learning rate of stage {stage.name} falls over the "
                f"whole length of the run, {was.steps:,} steps, and would jump if that changed; "
                "go on at a constant one (lr=RATE lr_end=1), or start a new run"
            )


def read_report_json(path: Path) -> dict[str, Any]:
    """report.json of a run folder."""
    file = path / "report.json"
    if not file.is_file():
        raise FileNotFoundError(f"{file}: not there: the run has not been judged; resume it first")
    try:
        found: dict[str, Any] = json.loads(file.read_text())
    except ValueError as error:
        raise ValueError(f"{file} is damaged ({error}): resume the run to judge again") from None
    return found


def _entry(run: Run, document: str, key: str) -> Any:
    held = run.read_json(document)
    if not isinstance(held, dict) or key not in held:
        raise ValueError(f"{run.path / document} is damaged: no {key!r} in it; restore a copy")
    return held[key]


def _value(run: Run, key: str, settings: Any) -> Any:
    entry = settings[key]
    if not isinstance(entry, dict) or "value" not in entry:
        raise ValueError(f"{run.path / 'config.json'} is damaged at {key!r}; restore a copy")
    return entry["value"]


def _hint(path: Path) -> str:
    if not path.is_dir():
        near = sorted(p.parent.name for p in path.parent.glob("*/run.json"))[:5]
        return (
            f"; beside it: {', '.join(near)}" if near else "; train one with `polyrec run RECIPE`"
        )
    inside = sorted(p.parent.name for p in path.glob("*/run.json"))[:5]
    return f"; inside: {', '.join(inside)}" if inside else ""
