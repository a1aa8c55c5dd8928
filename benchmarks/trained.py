"""One setting of a recipe, trained and judged on test: what the controlled benchmarks share.

A finished training is kept in the work folder and not repeated, so a benchmark may be stopped and
called again. Requests of one log are the same in each, so trainings can be compared in pairs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from polyrec import evaluate
from polyrec.data import Split
from polyrec.evaluate import Report
from polyrec.experiment.stored import fresh_model
from polyrec.recipes import compose, recipe
from polyrec.train import Options, Tick, best, fit
from polyrec.trust import Comparison
from polyrec.trust.probe import probe
from polyrec.types import Progress, Retriever
from scale import machine

Figures = dict[str, Any]
RECENT = 100  # steps that the training loss is a mean of


class Ask(NamedTuple):
    """A variant of the recipe, and what is set otherwise."""

    variant: str
    flags: tuple[str, ...]

    @property
    def name(self) -> str:
        """Variant and a digest of the settings: the file it is kept under."""
        text = " ".join((self.variant, *sorted(self.flags)))
        return f"{self.variant}-{sha256(text.encode()).hexdigest()[:12]}"


class Trained(NamedTuple):
    """A judged training: what test said of each request, and how training went."""

    report: Report
    told: Figures


@dataclass
class Bench:
    """Trains what is asked for, one setting after another, on one thread."""

    work: Path
    recipe: str = "comirec"
    _splits: dict[tuple[object, ...], Split] = field(default_factory=dict)

    def train(self, ask: Ask) -> Trained:
        """The training asked for; from the work folder where it has been done."""
        file = self.work / f"{ask.name}.json"
        values = self.work / "values" / f"{ask.name}.parquet"
        if not file.is_file():
            torch.set_num_threads(1)
            report, told = self._trained(ask)
            evaluate.save(report, self.work, ask.name)
            file.write_text(json.dumps(told))
        found = Trained(evaluate.load(values), json.loads(file.read_text()))
        value = found.report.values["recall@50"]
        flags = " ".join(ask.flags)
        told = f"recall@50 {value.value:.4f} [{value.low:.4f}, {value.high:.4f}]"
        print(f"{ask.variant} {flags}: {told}, step {found.told['step']:,}", flush=True)
        return found

    def ceiling(self, flags: Sequence[str]) -> Report | None:
        """What the oracle of the simulated shop reaches; None for a real log."""
        of = recipe(self.recipe)
        config = compose(of.Config, of.VARIANTS, of.DEFAULT, None, flags).config
        split = self._split(config)
        oracle = of.ceiling(config, split)
        plan = of.plan(config, split, of.model(config, split.facts))
        return None if oracle is None else plan.judge(oracle, "test", "the truth")

    def _trained(self, ask: Ask) -> tuple[Report, Figures]:
        of = recipe(self.recipe)
        config = compose(of.Config, of.VARIANTS, ask.variant, None, ask.flags).config
        split = self._split(config)
        model = fresh_model(of, config, split.facts)
        plan = of.plan(config, split, model)
        losses: list[float] = []
        began = time.process_time()

        def validate(trained: nn.Module, progress: Progress) -> dict[str, float]:
            return {name: one.value for name, one in plan.validate(trained).values.items()}

        options = Options(report=_keeper(losses))
        progress = fit(model, plan.stages, validate, Progress(config.seed), options=options)
        top = best(progress, config.select_by)
        told = {
            "step": top.step,
            "steps": progress.step,
            "valid": top.value,
            "loss": sum(losses[-RECENT:]) / RECENT,
            "cpu_seconds": round(time.process_time() - began, 1),
            **_cosine(model, split),
            "machine": machine(),
        }
        served = of.serve(config, model, split.facts)
        return plan.judge(served, "test", f"step {top.step:,}"), told

    def _split(self, config: Any) -> Split:
        key = (config.data, config.world, config.split)
        if key not in self._splits:
            self._splits = {key: recipe(self.recipe).data(config)}
        return self._splits[key]


def _keeper(losses: list[float]) -> Callable[[Progress, Tick], None]:
    def keep(progress: Progress, _: Tick) -> None:
        losses.append(sum(progress.losses.values()))

    return keep


def _cosine(model: nn.Module, split: Split) -> Figures:
    """Mean cosine between two interests of a person; none where there is one interest."""
    if not isinstance(model, Retriever):
        return {}
    table = torch.tensor(probe(model.prepare(), split.test, split.facts.counts)["cosine"])
    count = len(table)
    apart = table[~torch.eye(count, dtype=torch.bool)]
    return {"interests": count, "cosine": float(apart.mean()) if count > 1 else None}


def shown(report: Report, metric: str = "recall@50") -> Figures:
    """A metric's value with its interval."""
    value = report.values[metric]
    return {"value": value.value, "low": value.low, "high": value.high, "n": value.n}


def told(one: Comparison) -> Figures:
    """A paired difference as JSON values."""
    names = ("difference", "low", "high", "p", "units", "seeds", "covers", "verdict")
    return {name: getattr(one, name) for name in names}


def row(one: Trained) -> Figures:
    """What a training is told by."""
    kept = ("step", "steps", "valid", "loss", "cosine", "cpu_seconds", "machine")
    return {"recall@50": shown(one.report)} | {key: one.told.get(key) for key in kept}


def write(path: Path, figures: Figures, text: str) -> None:
    """`path`.json and `path`.md, written beside and renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for suffix, content in ((".json", json.dumps(figures, indent=1) + "\n"), (".md", text)):
        beside = path.with_suffix(suffix + ".part")
        beside.write_text(content)
        beside.replace(path.with_suffix(suffix))


def where(told: Figures) -> str:
    """Commit and machine of a training, for a text."""
    at = told["machine"]
    return (
        f"commit {at['commit']}, {at['processor'] or 'unnamed processor'}, {at['cores']} shared "
        f"cores, one thread, torch {at['torch']}"
    )
