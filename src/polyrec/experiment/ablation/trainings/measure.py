"""What a finished run cost, how steady it was, and what it reached, read from its folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from polyrec import evaluate
from polyrec.evaluate import Report
from polyrec.experiment.stored import stored, values
from polyrec.run import Run

TRIPLED = 3.0  # a loss at that many times its first value
COUNTED = "negatives/"  # what a line of the log calls their number, a task each


@dataclass(frozen=True)
class Measured:
    """One run."""

    seconds: float  # of training, evaluations on validation included
    cpu_seconds: float  # the same by the processor, whatever else it was busy with
    steps: int
    rate: float  # steps a second, evaluations left out
    peak_mb: float
    tripled: bool


def measured(path: Path) -> Measured:
    """Cost and steadiness of a run."""
    run = Run.open(path)
    lines = run.lines()
    seconds, cpu = (
        max((line[name] for line in lines if name in line), default=0.0)
        for name in ("seconds", "cpu_seconds")
    )
    moments = [line for line in lines if line["kind"] in ("train", "eval", "save", "stop")]
    steps = max((line.get("step", 0) for line in moments), default=0)
    rate = _rate(moments)
    peak = run.read_json("run.json").get("peak_memory_mb", 0)
    trained = [line for line in lines if line["kind"] == "train"]
    return Measured(seconds, cpu, steps, rate, float(peak), tripled(trained))


def best_on_valid(path: Path, metric: str) -> float | None:
    """The best evaluation of a run, by which its weights are kept; None = never evaluated.

    Of "-name" the smallest.
    """
    name = metric.removeprefix("-")
    found = [line["metrics"].get(name) for line in Run.open(path).lines("eval")]
    known = [value for value in found if value is not None]
    return max(known, key=lambda value: better(metric, value), default=None)


def better(metric: str, value: float) -> float:
    """The larger, the better.

    >>> better("ndcg@10", 0.5), better("-logloss", 0.5)
    (0.5, -0.5)
    """
    return -value if metric.startswith("-") else value


def report(path: Path) -> Report:
    """The judged test part of a run."""
    return evaluate.load(values(stored(path).run, "test"))


def tripled(lines: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the loss rose to three times its first value, among as many negatives as then.

    A loss over more negatives is larger by nature, so where their number grows, only lines of the
    same number are held against each other. What was not finite is left out.
    """
    first: dict[object, float] = {}
    for line in lines:
        parts = list(line["loss"].values())
        if not parts or any(part is None for part in parts):
            continue
        loss, among = sum(parts), tuple((k, v) for k, v in line.items() if k.startswith(COUNTED))
        if first.setdefault(among, loss) > 0 and loss > TRIPLED * first[among]:
            return True
    return False


def average(numbers: Iterable[float]) -> float:
    """The mean; 0 of nothing."""
    held = list(numbers)
    return mean(held) if held else 0.0


def scatter(numbers: Iterable[float]) -> float | None:
    """Standard deviation; None of fewer than two."""
    held = list(numbers)
    return stdev(held) if len(held) > 1 else None


def _rate(lines: list[dict[str, Any]]) -> float:
    """Steps a second between neighbouring train lines; what lies across an evaluation is left out.

    The median of those stretches, so that a busy moment of the machine does not decide.
    """
    rates = []
    for a, b in pairwise(lines):
        steps, seconds = b.get("step", 0) - a.get("step", 0), b["seconds"] - a["seconds"]
        if b["kind"] == "train" and steps > 0 and seconds > 0:
            rates.append(steps / seconds)
    return sorted(rates)[len(rates) // 2] if rates else 0.0
