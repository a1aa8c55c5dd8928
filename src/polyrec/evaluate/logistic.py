"""One-vs-rest logistic regression, solved to its optimum for all labels at once.

Letters: N rows, D width, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

F64 = NDArray[np.float64]
Flags = NDArray[np.bool_]
Intercept = Literal["free", "pulled"]
MOST = 1_000  # steps; about 30 are needed


@dataclass(frozen=True)
class Lines:
    """A line for each label: log odds x'w + b."""

    weight: F64  # [D, C]
    bias: F64  # [C]

    def scores(self, x: NDArray[Any]) -> F64:
        """[N, C], log odds."""
        return np.asarray(x.astype(np.float64) @ self.weight + self.bias)


def one_vs_rest(
    x: NDArray[Any],
    truth: Flags,
    c: float = 1.0,
    tolerance: float = 1e-4,
    intercept: Intercept = "free",
) -> Lines:
    """The lines that minimise w'w / 2 + c sum log(1 + exp(-y (x'w + b))), b free unless pulled.

    y = +-1. intercept="pulled" adds b'b / 2, as liblinear has it, which most published tables of
    node vectors were made with: the odds of rare labels then lie nearer to even.

    The problems are solved together by L-BFGS, each in coordinates in which its curvature is
    nearly round: with a share p of positives about c p (1 - p) X'X + 1. A label that no row has,
    or all have, gets a score below, or above, all others. `tolerance`: the largest slope left,
    and so about the distance left in those coordinates.

    Args:
        x: [N, D].
        truth: [N, C].

    Raises:
        ValueError: c is not positive, intercept is unknown, rows and labels differ in number, a
            number is not finite.
    """
    if c <= 0:
        raise ValueError(f"c={c}: need more than 0; 1 is usual, smaller pulls harder to 0")
    if intercept not in get_args(Intercept):
        raise ValueError(f"intercept={intercept!r}, use free or pulled")
    if len(x) != len(truth):
        raise ValueError(f"{len(x):,} rows and labels of {len(truth):,}: need as many")
    if not np.isfinite(x).all():
        raise ValueError("a vector holds NaN or inf: leave its row out, or train again")
    rows = np.hstack([x.astype(np.float64), np.ones((len(x), 1))])
    share = truth.mean(0)
    some = np.flatnonzero((share > 0) & (share < 1))
    lines = np.zeros((rows.shape[1], truth.shape[1]))
    lines[-1] = np.where(share > 0, np.inf, -np.inf)
    if len(some):
        pull = np.ones((rows.shape[1], 1))
        pull[-1] = intercept == "pulled"
        lines[:, some] = _solved(rows, truth[:, some], pull, c, tolerance)
    return Lines(lines[:-1], lines[-1])


def _solved(rows: F64, truth: Flags, pull: F64, c: float, tolerance: float) -> F64:
    """[D + 1, C], the intercepts last."""
    turn = _rounding(rows, truth.mean(0), pull, c)
    sign = np.where(truth, 1.0, -1.0)

    def lines(flat: F64) -> F64:
        return np.asarray(np.einsum("cij,cj->ic", turn, flat.reshape(len(turn), -1)))

    def loss(flat: F64) -> tuple[float, F64]:
        line = lines(flat)
        margin = sign * (rows @ line)
        slope = pull * line - c * (rows.T @ (sign * expit(-margin)))
        value = c * np.logaddexp(0, -margin).sum() + (pull * line**2).sum() / 2
        return float(value), np.einsum("cij,ic->cj", turn, slope).ravel()

    options = {"maxiter": MOST, "maxcor": 20, "ftol": 0.0, "gtol": tolerance}
    start = np.zeros(turn.shape[0] * turn.shape[1])
    return lines(minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x)


def _rounding(rows: F64, share: F64, pull: F64, c: float) -> F64:
    """[C, D + 1, D + 1]: upper triangles U with U U' the inverse of the curvature, about."""
    diagonal = np.diag(np.maximum(pull[:, 0], 1e-8))
    curved = (c * share * (1 - share))[:, None, None] * (rows.T @ rows) + diagonal
    return np.asarray(np.linalg.inv(np.linalg.cholesky(curved)).transpose(0, 2, 1))
