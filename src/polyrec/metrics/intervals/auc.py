"""How sure an AUC is: from its placement values, or in score form where a class is small."""

from __future__ import annotations

from math import exp, log, sqrt

from scipy.optimize import brentq
from scipy.stats import norm
from torch import Tensor

from polyrec.metrics.curve import auc, auc_each, curve
from polyrec.metrics.intervals.mean import Interval, clusters
from polyrec.types import Scored

SMALL_CLASS = 50
_NONE = float("nan")


def auc_interval(scored: Scored, people: Tensor | None = None) -> Interval:
    """Clustered by person where `people` [R] (0..C-1) is given; else Newcombe or DeLong's logit.

    With none or one row of a class there is no interval.
    """
    positives = int((scored.label > 0).sum())
    negatives = len(scored.label) - positives
    if min(positives, negatives) < 2:
        warning = f"{positives} positives, {negatives} negatives"
        return Interval(_NONE, _NONE, "none", len(scored.label), "rows", warning)
    each = auc_each(scored)
    if people is not None:
        return clusters(each, people)
    value = float(auc(curve(scored))[0])
    if min(positives, negatives) < SMALL_CLASS or value in (0.0, 1.0):
        low, high = newcombe(value, positives, negatives)
        return Interval(low, high, "newcombe", len(each), "rows")
    low, high = delong_logit(value, delong(scored, each))
    return Interval(low, high, "delong", len(each), "rows")


def delong(scored: Scored, each: Tensor | None = None) -> float:
    """DeLong's variance: spread of placements among positives, and among negatives."""
    each = auc_each(scored) if each is None else each
    total = 0.0
    for label in (0, 1):
        mine = each[scored.label == label]
        # influence = value + R / m (placement - value)
        total += float(mine.var()) * len(mine) / len(each) ** 2
    return total


def delong_logit(value: float, variance: float) -> tuple[float, float]:
    """The normal interval of the logit, carried back; stays within (0, 1)."""
    half = float(norm.ppf(0.975)) * sqrt(variance) / (value * (1 - value))
    middle = log(value / (1 - value))
    return tuple(1 / (1 + exp(-x)) for x in (middle - half, middle + half))  # type: ignore[return-value]


def newcombe(value: float, positives: int, negatives: int) -> tuple[float, float]:
    """All AUCs t with |value - t| <= z sqrt(V(t)). Errs on the wide side.

    Source: Newcombe 2006, method 5 (V after Hanley and McNeil with exponential scores).
    """
    z = float(norm.ppf(0.975))
    c = (positives + negatives) / 2 - 1

    def excess(t: float) -> float:
        spread = 1 + c * (1 - t) / (2 - t) + c * t / (1 + t)
        return abs(value - t) - z * sqrt(t * (1 - t) / (positives * negatives) * spread)

    low = float(brentq(excess, 1e-12, min(value, 1 - 1e-9))) if value > 1e-9 else 0.0
    high = float(brentq(excess, max(value, 1e-9), 1 - 1e-12)) if value < 1 - 1e-9 else 1.0
    return low, high
