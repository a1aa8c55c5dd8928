"""How surprising a difference would be if there were none.

Letters: U independent units, J folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from scipy.stats import binomtest, t
from torch import Tensor

_BLOCK = 250  # sign draws held at once
DRAWS = 10_000


def sign_flip(difference: Tensor, draws: int = DRAWS, seed: int = 0) -> float:
    """p of a mean paired difference [U]: how often random signs make it as large.

    Exact under symmetry, whatever the distribution; the standard test for two checkpoints.
    """
    moving = difference[difference != 0].float()
    if not len(moving):
        return 1.0
    seen = float(moving.double().sum().abs()) * (1 - 1e-6)
    generator = torch.Generator().manual_seed(seed)
    count = 0
    for first in range(0, draws, _BLOCK):
        shape = (min(_BLOCK, draws - first), len(moving))
        # 2 * sum over the kept half - sum of all = the sum under random signs
        kept = torch.randint(0, 2, shape, dtype=torch.uint8, generator=generator).float()
        sums = 2 * (kept @ moving) - moving.sum()
        count += int((sums.abs() >= seen).sum())
    return (1 + count) / (1 + draws)


def mcnemar(a: Tensor, b: Tensor) -> float:
    """Exact p for paired 0/1 outcomes [U]: only units where the two differ speak.

    >>> mcnemar(torch.tensor([1, 1, 1, 1, 1, 0]), torch.tensor([0, 0, 0, 0, 0, 0]))
    0.0625
    """
    only_a, only_b = int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum())
    if only_a + only_b == 0:
        return 1.0
    return float(binomtest(only_a, only_a + only_b, 0.5).pvalue)


def wilcoxon(difference: Tensor) -> float:
    """p of Wilcoxon's signed-rank test: another hypothesis (the median), so never the default."""
    from scipy import stats

    moving = difference[difference != 0]
    return float(stats.wilcoxon(moving.numpy()).pvalue) if len(moving) else 1.0


def repeated_folds(
    differences: Sequence[float], test_to_train: float
) -> tuple[float, float, float, float]:
    """Mean difference over J folds or resplits with interval and p: (mean, low, high, p).

    Folds share training data, so plain t is far too sure; the variance is multiplied by
    1/J + n_test/n_train. Source: Nadeau and Bengio 2003.

    Raises:
        ValueError: fewer than two folds, or a ratio that is not positive.
    """
    if len(differences) < 2 or test_to_train <= 0:
        raise ValueError(
            f"folds: {len(differences)} differences, n_test/n_train={test_to_train};"
            " need at least 2 and a ratio > 0"
        )
    x = torch.tensor(differences, dtype=torch.float64)
    error = sqrt(float(x.var()) * (1 / len(x) + test_to_train))
    return _t_interval(float(x.mean()), error, len(x) - 1)


def _t_interval(mean: float, error: float, df: float) -> tuple[float, float, float, float]:
    if error == 0:
        return mean, mean, mean, 1.0 if mean == 0 else 0.0
    half = float(t.ppf(0.975, df)) * error
    return mean, mean - half, mean + half, float(2 * t.sf(abs(mean) / error, df))


def holm(p: Sequence[float]) -> list[float]:
    """Step-down adjusted p-values of one family, in the order given.

    >>> [round(x, 3) for x in holm([.001, .012, .03, .04])]
    [0.004, 0.036, 0.06, 0.06]
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    out, highest = [0.0] * len(p), 0.0
    for place, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - place) * p[i]))
        out[i] = highest
    return out
