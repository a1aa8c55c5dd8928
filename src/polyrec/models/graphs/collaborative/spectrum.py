"""A start of a factorisation from the graph's own spectrum, in place of noise.

Letters: U people, n items, D width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse import diags
from scipy.sparse.linalg import aslinearoperator
from torch import Tensor

from polyrec.models.closed_form.decompose import right_vectors
from polyrec.models.closed_form.parts import Matrix

LENGTH = 1.5  # mean length of a vector's part that tells people and items apart
MOST = 3.0  # times LENGTH; a small camp's vectors would begin so long that sigmoids are flat
LEVEL = 2.2  # of the first coordinate: all scores begin near -LEVEL ** 2


def spectral_start(seen: Matrix, dim: int) -> tuple[Tensor, Tensor]:
    """[U + 1, D] and [n + 1, D]: who is near whom in the first singular vectors of the graph.

    Of D_u^-1/2 R D_i^-1/2 = X S Y', people begin at D_u^1/2 X S^1/2 and items at D_i^1/2 Y S^1/2,
    both scaled to the same mean length, no row above three times that. The pair of square roots
    of degrees, whose value is 1, says nothing else and is taken out; a constant takes its place,
    so that scores begin low, where many weighted negatives hold them. (It is taken out by name:
    where a graph falls apart, 1 comes once a part, and any mixture of those pairs is as good.)
    Logistic terms that begin at noise first learn this level and popularity, and need thousands of
    steps to leave that plateau; from here they go on at once.

    Args:
        seen: [U + 1, n + 1], 0/1; row and column 0 are nobody's and stay zero.
    """
    people, items = (np.asarray(seen.sum(axis), np.float64).ravel() for axis in (1, 0))
    roots = np.sqrt(np.maximum(people, 1)), np.sqrt(np.maximum(items, 1))
    graph = (diags(1 / roots[0]) @ seen @ diags(1 / roots[1])).tocsr().astype(np.float32)
    share = np.sqrt(max(float(people.sum()), 1.0))
    degrees = [(np.sqrt(side) / share).astype(np.float32) for side in (people, items)]
    rest = aslinearoperator(graph) - aslinearoperator(degrees[0][:, None]) @ aslinearoperator(
        degrees[1][None]
    )
    right = right_vectors(rest, min(dim, *graph.shape) - 1, "randomised")
    left = rest @ right  # X S
    values = np.maximum(np.sqrt(np.linalg.norm(left, axis=0)), 1e-6)
    sides = roots[0][:, None] * left / values, roots[1][:, None] * right * values
    signs = (-1.0, 1.0)
    first, second = (_placed(side, sign, dim) for side, sign in zip(sides, signs, strict=True))
    return first, second


def _placed(side: Any, sign: float, dim: int) -> Tensor:
    """One side at its length and level; row 0 stays zero, nodes without an edge have the level."""
    out = np.zeros((len(side), dim), np.float32)
    out[1:, 1 : 1 + side.shape[1]] = side[1:]
    lengths = np.linalg.norm(out, axis=1)
    met = lengths > 0
    mean = max(float(lengths[met].mean()) if met.any() else 1.0, 1e-12)
    out *= (LENGTH / np.maximum(mean, lengths / MOST))[:, None]
    out[1:, 0] = sign * LEVEL  # an item never met must not score 0, above all others
    return torch.from_numpy(out)
