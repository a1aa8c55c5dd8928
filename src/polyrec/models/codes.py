"""Where semantic ids come from: vectors of items, known or found in the log, and who takes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.linalg import eigsh
from torch import Generator, Tensor, nn

from polyrec.data.events import Events
from polyrec.data.tables import Dense, Table
from polyrec.nn.quantize import Codes, HoldsCodes, utilisation
from polyrec.types import Progress

Matrix = Any  # scipy's sparse matrices are untyped
Weighting = Literal["ppmi", "cosine"]
WEIGHTINGS: tuple[Weighting, ...] = ("ppmi", "cosine")
MB = 2**20
EVENT = 64  # bytes an event while the pairs of one distance are sorted and added up
ENTRY = 36  # bytes a pair of items: the sum so far, the new sum, and the next distance
SMALL = 256  # items whose matrix is simply solved whole


@dataclass(frozen=True)
class Together:
    """How often two items stand near each other, as a matrix whose factors are item vectors.

    Pairs of one person at most `window` events apart count, each once whatever their order; an
    item beside itself does not. `weighting`: "ppmi" = max(0, ln(p_ij / (p_i p_j))), surprise
    whatever the popularity (Levy & Goldberg 2014); "cosine" = c_ij / sqrt(c_i c_j), steadier where
    counts are small.
    """

    window: int = 5
    weighting: Weighting = "ppmi"
    budget_mb: int = 4_000

    def __post_init__(self) -> None:
        if self.window < 1 or self.weighting not in WEIGHTINGS:
            raise ValueError(
                f"window={self.window}, weighting={self.weighting!r}: need a window of at least 1 "
                f"and one of {', '.join(WEIGHTINGS)}"
            )

    def need(self, events: Events, items: int) -> int:
        """Bytes that `matrix` may take at most."""
        lengths = events.lengths
        pairs = sum(int((lengths - by).clip(0).sum()) for by in range(1, self.window + 1))
        return EVENT * len(events) + ENTRY * min(2 * pairs, items**2)

    def matrix(self, events: Events, items: int) -> Matrix:
        """[items + 1, items + 1], symmetric."""
        counts = csr_matrix((items + 1, items + 1), dtype=np.float32)
        for by in range(1, self.window + 1):
            one, other = events.target[:-by], events.target[by:]
            meet = (events.actor[:-by] == events.actor[by:]) & (one != other)
            ones = np.ones(int(meet.sum()), np.float32)
            counts += coo_matrix((ones, (one[meet], other[meet])), shape=counts.shape).tocsr()
        return _weighted((counts + counts.T).tocoo(), self.weighting)


def log_vectors(
    events: Events, items: int, dim: int = 64, seed: int = 0, together: Together = Together()
) -> Tensor:
    """Item vectors [n + 1, dim] from the log alone: the leading part of who stands beside whom.

    The `dim` largest eigenvalues of a symmetric matrix, v = u sqrt(lambda), so that inner products
    approximate it; the truncated decomposition of word vectors (Levy et al. 2015, section 2.2)
    with Lanczos' method from a start that `seed` fixes. An item that stands beside no other, and
    so each one unseen in this log, gets the zero vector and no codes. Give it the train part.

    Raises:
        ValueError: dim is below 1, or the matrix does not fit into the budget.
    """
    if dim < 1:
        raise ValueError(f"dim={dim}: need at least 1, usual 32 to 128")
    need = together.need(events, items) + 8 * (items + 1) * (3 * dim + 20)
    if need > together.budget_mb * MB:
        raise ValueError(
            f"log_vectors: pairs of {len(events):,} events at most {together.window} apart take "
            f"{need / MB:,.0f} MB ({need:,} bytes), the budget is {together.budget_mb:,} MB; "
            "lower window, keep fewer items, or raise budget_mb"
        )
    matrix = together.matrix(events, items)
    met = np.flatnonzero(np.diff(matrix.indptr))
    vectors = np.zeros((items + 1, dim), np.float32)
    if len(met):
        found = _factors(matrix[met][:, met], min(dim, len(met)), seed)
        vectors[met, : found.shape[1]] = found
    return torch.from_numpy(vectors)


def content_vectors(table: Table, column: str) -> Tensor:
    """Item vectors [n + 1, D] that the data bring: a dense column; a missing row is zero.

    Raises:
        KeyError: there is no such column.
        ValueError: the column does not hold vectors.
    """
    if column not in table.columns:
        near = get_close_matches(column, table.columns, 3, 0)
        raise KeyError(f"no column {column!r} of items; nearest are {near}")
    held = table.columns[column]
    if not isinstance(held, Dense) or held.values.ndim != 2:
        raise ValueError(f"column {column!r} holds no vectors: need a dense one of width 2 or more")
    return torch.from_numpy(np.array(held.values, np.float32))


@dataclass(frozen=True)
class SolveCodes:
    """What a Solve stage does to give codes to every part of a model that holds some.

    `quantize` makes them, e.g. `residual_kmeans`, or `lambda x, _: rqvae.codes(x)` after a stage
    that trained one. How well the codes are used is noted as `codes/...`.

    Raises:
        KeyError: no part of the model holds codes.
    """

    model: nn.Module
    vectors: Callable[[], Tensor]  # -> [n + 1, d]
    quantize: Callable[[Tensor, Generator], Codes]

    def __call__(self, progress: Progress) -> None:
        holders = [part for part in self.model.modules() if isinstance(part, HoldsCodes)]
        if not holders:
            raise KeyError("no part of the model holds codes: give it a CodedTable or a CodeHead")
        x = self.vectors()
        codes = self.quantize(x, progress.generator("codes"))
        for part in holders:
            part.fill(codes)
        for name, value in utilisation(codes, x).notes().items():
            progress.note(name, value)


def _weighted(counts: Matrix, weighting: Weighting) -> Matrix:
    of = np.asarray(counts.sum(1), np.float64).ravel()
    both = of[counts.row] * of[counts.col]
    if weighting == "cosine":
        values = counts.data / np.sqrt(both)
    else:
        values = np.log(counts.data * of.sum() / both).clip(0)
    found = csr_matrix((values, (counts.row, counts.col)), shape=counts.shape)
    found.eliminate_zeros()
    return found


def _factors(matrix: Matrix, dim: int, seed: int) -> NDArray[np.float64]:
    """[m, dim]: eigenvectors times the roots of their eigenvalues, largest first; signs fixed."""
    if matrix.shape[0] <= max(SMALL, dim + 1):
        values, vectors = np.linalg.eigh(matrix.toarray())
        values, vectors = values[-dim:], vectors[:, -dim:]
    else:
        start = np.random.default_rng(seed).standard_normal(matrix.shape[0])
        values, vectors = eigsh(matrix, k=dim, which="LA", v0=start)
    order = np.argsort(-values, kind="stable")
    values, vectors = values[order].clip(0), vectors[:, order]
    largest = vectors[np.abs(vectors).argmax(0), np.arange(vectors.shape[1])]
    return np.asarray(vectors * np.sign(largest) * np.sqrt(values))
