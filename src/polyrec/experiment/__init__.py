"""A recipe's whole life: run, resume, judge again, compare, recommend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from polyrec.experiment.ablation import Ask, ablate
from polyrec.experiment.asking import Verdict, Wish, judge, recommend
from polyrec.experiment.contrast import Contrast, contrast
from polyrec.experiment.demonstration import demo
from polyrec.experiment.running import Order, Outcome, resume, resume_training, run, train
from polyrec.experiment.shelves import (
    explain,
    shelves,
    show_expected,
    show_recipe,
    show_run,
    to_tensorboard,
)
from polyrec.experiment.watching import Quiet, Watch
from polyrec.recipes import chosen

__all__ = [
    "Ask",
    "Contrast",
    "Order",
    "Outcome",
    "Quiet",
    "Verdict",
    "Watch",
    "Wish",
    "ablate",
    "as_json",
    "chosen",
    "contrast",
    "demo",
    "explain",
    "judge",
    "recommend",
    "resume",
    "resume_training",
    "run",
    "shelves",
    "show_expected",
    "show_recipe",
    "show_run",
    "to_tensorboard",
    "train",
]


def as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The last line of `run --json`: several seeds' metrics are those of the first, and `seeds`
    holds each run's own."""
    first = outcomes[0].judged.test
    metrics = {
        name: {
            "value": value.value,
            "low": value.low,
            "high": value.high,
            "n": value.n,
            "passport": value.passport.to_json(),
        }
        for name, value in first.values.items()
    }
    return {
        "runs": [str(one.path) for one in outcomes],
        "metrics": metrics,
        "seeds": [{n: v.value for n, v in one.judged.test.values.items()} for one in outcomes],
        "seconds": round(sum(one.seconds for one in outcomes), 2),
        "peak_memory_mb": round(max(one.peak_memory_mb for one in outcomes)),
    }
