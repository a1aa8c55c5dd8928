"""The largest singular values' right vectors: exactly, or by a random subspace."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr, svd
from scipy.sparse.linalg import svds

SVD = Literal["exact", "randomised"]
SPARE, ROUNDS = 20, 4  # of the random subspace: columns beside the wanted ones, power steps
SEED = 1230
Floats = NDArray[Any]


def right_vectors(matrix: Any, rank: int, how: SVD) -> Floats:
    """[columns, rank], orthonormal, by falling singular value; signs are ARPACK's or QR's own.

    "exact" iterates until the residual is rounding (ARPACK, implicitly restarted Lanczos, from a
    fixed start). "randomised" is a subspace of rank + 20 columns after 4 power steps: fast, and
    on a flat spectrum not converged. It is another model, and its figures are its own.

    Source: Halko et al. 2011, algorithm 4.4, for the second.
    """
    if how == "randomised":
        return _randomised(matrix, rank)
    draw = np.random.default_rng(SEED)
    first = draw.standard_normal(min(matrix.shape)).astype(matrix.dtype)
    _, values, right = svds(matrix, k=rank, v0=first)
    found: Floats = right[np.argsort(-values, kind="stable")].T
    return found


def _randomised(matrix: Any, rank: int) -> Floats:
    draw = np.random.default_rng(SEED)
    columns = min(rank + SPARE, *matrix.shape)
    y = matrix @ draw.standard_normal((matrix.shape[1], columns)).astype(matrix.dtype)
    for _ in range(ROUNDS):
        y = qr(matrix.T @ qr(y, mode="economic")[0], mode="economic")[0]
        y = matrix @ y
    basis = qr(y, mode="economic")[0]
    found: Floats = svd((matrix.T @ basis).T, full_matrices=False)[2][:rank].T
    return found
