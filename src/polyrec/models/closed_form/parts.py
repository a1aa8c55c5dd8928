"""What closed forms share: the binary matrix of a log, distinct histories, a budget."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from polyrec.data.events import Events
from polyrec.types import Ragged

Matrix = Any  # scipy's sparse matrices are untyped
MB = 2**20


def binary(events: Events, width: int) -> Matrix:
    """[actors + 1, width]: 1 where the actor has an event with the item."""
    ones = np.ones(len(events), np.float32)
    seen = csr_matrix((ones, (events.actor, events.target)), shape=(events.actors + 1, width))
    seen.sum_duplicates()
    seen.data[:] = 1
    return seen


def distinct(history: Ragged, items: int) -> Ragged:
    """Each row's items once, ascending."""
    keys = torch.unique(history.row * (items + 1) + history.values)
    lengths = torch.bincount(keys // (items + 1), minlength=len(history))
    return Ragged(keys % (items + 1), torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]))


def fits(need: int, budget_mb: int, what: str, lower: str) -> None:
    """Passes if `need` bytes fit.

    Raises:
        ValueError: they do not; names them, the budget and the remedy.
    """
    if need > budget_mb * MB:
        raise ValueError(
            f"{what} takes {need / MB:,.0f} MB ({need:,} bytes), the budget is {budget_mb:,} MB; "
            f"raise budget_mb or change {lower}"
        )


def edges_of(events: Events) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Each actor's distinct items: starts [actors + 2], items ascending within an actor."""
    seen = binary(events, int(events.target.max(initial=0)) + 1)
    seen.sort_indices()
    return seen.indptr.astype(np.int32), seen.indices.astype(np.int32)
