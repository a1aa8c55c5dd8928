"""What a test part can show, before anything is trained.

A difference below the smallest detectable one cannot be told from none: more requests or more
seeds are needed, and the formulas say how many. Two-sided 5%, power 80%.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import torch
from scipy.stats import norm

from polyrec.trust.align import Judged, align

SURE = float(norm.ppf(0.975) + norm.ppf(0.80))  # 2.8016


@dataclass(frozen=True)
class Spread:
    """How values scatter: sd over requests, correlation of two models, sd over seeds."""

    sigma: float = 0.2
    rho: float = 0.7
    tau: float = 0.002
    source: str = "assumed"  # or "pilot"


def pilot(a: Sequence[Judged], b: Sequence[Judged], metric: str) -> Spread:
    """The spread that two runs show; sd over seeds is assumed where neither has two."""
    table = align(a, b, metric)
    left, right = table.a.mean(0), table.b.mean(0)
    rho = float(torch.corrcoef(torch.stack([left, right]))[0, 1])
    sigma = sqrt(float(left.var() + right.var()) / 2)
    taus = [float(x.mean(1).std()) for x in (table.a, table.b) if len(x) > 1]
    tau = sum(taus) / len(taus) if taus else Spread.tau
    return Spread(sigma, 0.0 if rho != rho else rho, tau, "pilot" if taus else "pilot, tau assumed")


def smallest(requests: int, seeds: int = 1, spread: Spread | None = None) -> float:
    """The smallest detectable difference of a recall-like metric.

    >>> round(smallest(10_000, 5, Spread(tau=0)), 4)
    0.0043
    """
    s = spread or Spread()
    variance = 2 * s.sigma**2 * (1 - s.rho) / requests + 2 * s.tau**2 / seeds
    return SURE * sqrt(variance)


def requests_needed(effect: float, seeds: int = 1, spread: Spread | None = None) -> int | None:
    """Requests that make `effect` detectable; None = no number does, seeds are too few."""
    s = spread or Spread()
    left = (effect / SURE) ** 2 - 2 * s.tau**2 / seeds
    return ceil(2 * s.sigma**2 * (1 - s.rho) / left) if left > 0 else None


def seeds_needed(effect: float, requests: int, spread: Spread | None = None) -> int | None:
    """Seeds a side that make `effect` detectable; None = no number does, requests are too few."""
    s = spread or Spread()
    left = (effect / SURE) ** 2 - 2 * s.sigma**2 * (1 - s.rho) / requests
    return ceil(2 * s.tau**2 / left) if left > 0 else None


def pairs_needed(p: float, q: float, rho: float = 0.0) -> int:
    """Paired 0/1 outcomes that tell proportion p from q; rho = 0 for two separate groups.

    >>> pairs_needed(.67, .70)
    3760
    """
    u, v = p * (1 - p), q * (1 - q)
    return ceil(SURE**2 * (u + v - 2 * rho * sqrt(u * v)) / (p - q) ** 2)


def smallest_auc(auc: float, positives: int, negatives: int, rho: float = 0.0) -> float:
    """The smallest detectable difference of two AUCs on the same rows.

    Variance after Hanley and McNeil 1982.
    """
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return SURE * sqrt(2 * spread / (positives * negatives) * (1 - rho))


def advice(effect: float, requests: int, seeds: int, spread: Spread | None = None) -> str:
    """One line for before a run: what it can show, and what would do where it cannot."""
    s = spread or Spread()
    least = smallest(requests, seeds, s)
    size = f"{requests:,} requests, {seeds} seeds"
    told = f"smallest detectable difference {least:.4f} ({s.source}; {size})"
    if effect >= least:
        return told
    more, again = requests_needed(effect, seeds, s), seeds_needed(effect, requests, s)
    ways = [f"{more:,} requests"] if more else []
    ways += [f"{again} seeds"] if again else []
    remedy = " or ".join(ways) or "more requests and more seeds"
    return f"{told}; an effect of {effect:.4f} needs {remedy}"
