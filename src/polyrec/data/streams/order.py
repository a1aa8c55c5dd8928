"""What streams share: sizes that make sense, and which places of an epoch's order a batch takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]


def check_sizes(batch_size: int, history: int, minimum: int) -> None:
    """Refuses numbers no batch can be made of."""
    for name, value, least in (
        ("batch_size", batch_size, 1),
        ("history", history, 1),
        ("minimum", minimum, 0),
    ):
        if value < least:
            raise ValueError(f"{name}={value}; need at least {least}")


def places_of(step: int, steps: int, batch_size: int, size: int, part: tuple[int, int]) -> I64:
    """The places of the epoch's order that this part of the batch takes."""
    rank, parts = part
    if not 0 <= step < steps or not 0 <= rank < parts:
        raise ValueError(f"step {step} of {steps}, part {rank} of {parts}: both count from 0")
    first, stop = step * batch_size, min((step + 1) * batch_size, size)
    rows = stop - first
    return np.arange(first + rows * rank // parts, first + rows * (rank + 1) // parts)
