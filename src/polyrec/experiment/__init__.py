"""A recipe's whole life: run, resume, judge again, compare, recommend."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from polyrec.evaluate import Spread
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
from polyrec.metrics import RANKING, SYSTEM
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
    "over_seeds",
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
    """The last line of `run --json`: several seeds' metrics are those of the first, `seeds` holds
    each run's own, and `over_seeds` their means."""
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
    several = {} if len(outcomes) < 2 else {"over_seeds": _spreads(outcomes)}
    return {
        **several,
        "runs": [str(one.path) for one in outcomes],
        "metrics": metrics,
        "seeds": [{n: v.value for n, v in one.judged.test.values.items()} for one in outcomes],
        "seconds": round(sum(one.seconds for one in outcomes), 2),
        "peak_memory_mb": round(max(one.peak_memory_mb for one in outcomes)),
    }


def over_seeds(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Means over several seeds, with intervals that tell how much the seed moves them."""
    if len(outcomes) < 2:
        return
    yield f"mean over {len(outcomes)} seeds (95% by Student's t; one split, so of the seeds alone)"
    for name, told in _spreads(outcomes).items():
        yield f"  {name:<14} {told['value']:.4f} [{told['low']:.4f}, {told['high']:.4f}]"


def _spreads(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    found = {}
    for name in outcomes[0].judged.test.values:
        each = [one.judged.test.values[name].value for one in outcomes]
        spread = Spread.of(each)
        low, high = _limits(name)
        found[name] = {
            "value": spread.mean,
            "low": max(spread.low, low),
            "high": min(spread.high, high),
        }
    return found


def _limits(name: str) -> tuple[float, float]:
    """What a metric can be: few seeds give intervals of t that reach below 0 or above 1."""
    part = {**RANKING, **SYSTEM}.get(name.partition("@")[0])
    free = getattr(part, "range", "") == "free" or not getattr(part, "unit_range", True)
    return (-math.inf, math.inf) if part is None or free else (0.0, 1.0)
