"""Residual k-means: semantic ids without training."""

from __future__ import annotations

import warnings
from typing import Literal

import torch
from torch import Generator, Tensor

from polyrec.nn.quantize.capacity import spread
from polyrec.nn.quantize.codes import Codes
from polyrec.nn.quantize.kmeans import kmeans, means, nearest

Balance = Literal["none", "capacity"]
ROUNDING = 1e-11  # of a squared length: below it a difference is nothing but rounding
BALANCES: tuple[Balance, ...] = ("none", "capacity")


@torch.no_grad()
def residual_kmeans(
    x: Tensor,
    generator: Generator,
    levels: int = 3,
    size: int = 256,
    sample: int = 200_000,
    balance: Balance = "none",
) -> Codes:
    """k-means of the vectors, then of what is left of them, and so on: the default quantiser.

    id_l = nearest centre of r_l, r_{l+1} = r_l - centre. Needs no training.
    `balance="capacity"` holds every centre to its even part and a tenth: for data whose outliers
    take most centres while the mass shares one. The error is larger, and a later vector's
    `encoded` need not repeat the codes. Memory: the vectors
    twice, and `sample` of them once more.

    Args:
        x: [n + 1, d]; row 0 and rows that are all zero get no codes.
        sample: vectors that a level's centres are found from, drawn anew a level; all get codes.

    Raises:
        ValueError: a number is out of range, no row holds a vector, or a value is not finite.
    """
    _check(x, levels, size, sample, balance)
    rows = _real(x)
    left = x[rows].float()
    noise = ROUNDING * left.square().sum(1)
    ids = torch.zeros(len(x), levels, dtype=torch.int64, device=x.device)
    centres = left.new_zeros(levels, size, x.shape[1])
    kept = []
    for level in range(levels):
        some = left
        if len(left) > sample:
            some = left[torch.randperm(len(left), generator=generator)[:sample].to(x.device)]
        found = kmeans(some, size, generator)
        if balance == "none":
            picked = nearest(left, found)
        else:
            picked = spread(left, found, generator)
            found = means(left, picked, len(found))[0]
        ids[rows, level] = picked + 1
        centres[level, : len(found)] = found
        kept.append(len(found))
        left -= found[picked]
        left[left.square().sum(1) <= noise] = 0
    _warn_of_few(kept, size, len(rows))
    return Codes(ids, centres, tuple(kept))


def _real(x: Tensor) -> Tensor:
    """Rows that hold a vector."""
    there = x.any(1)
    there[0] = False
    rows = there.nonzero()[:, 0]
    if not len(rows):
        raise ValueError(f"none of {len(x) - 1} items has a vector: all rows are zero")
    return rows


def _check(x: Tensor, levels: int, size: int, sample: int, balance: str) -> None:
    if levels < 1 or size < 1 or sample < size:
        raise ValueError(
            f"levels={levels}, size={size}, sample={sample}: need levels and size of at least 1 "
            "and a sample of at least size, usual 100,000 and more"
        )
    if balance not in BALANCES:
        raise ValueError(f"no balance {balance!r}; there are: {', '.join(BALANCES)}")
    if not bool(torch.isfinite(x).all()):
        row = int((~torch.isfinite(x)).any(1).nonzero()[0])
        raise ValueError(f"the vector of row {row} is not finite: impute it or set it to zero")


def _warn_of_few(kept: list[int], size: int, items: int) -> None:
    if min(kept) < size:
        warnings.warn(
            f"{items:,} vectors are only {kept} distinct ones at each level, size={size}: the "
            "other codes stay unused; the collision token tells items with equal codes apart",
            stacklevel=4,
        )
