"""An assignment in which no centre gets much more than its part."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from polyrec.nn.quantize.kmeans import BLOCK, apart, distances, nearest

NEAREST = 50  # centres that a crowded-out vector looks at before it takes any free one


def room(rows: int, centres: int) -> int:
    """How many vectors a centre may take: its even part, rounded up, and a tenth more.

    >>> room(12_101, 256)
    52
    """
    even = -(-rows // centres)
    return even + even // 10


@torch.no_grad()
def spread(x: Tensor, centres: Tensor, generator: Generator) -> Tensor:
    """The centre [n], from 0, of each vector [n, d]: near, but nowhere more than `room`.

    A centre keeps the vectors nearest to it; the rest take the nearest free one of their 50
    nearest, and who finds none gets a random free place. Whole arrays in at most 51 rounds;
    memory: 50 x 12 bytes for each vector that its first choice turned away.
    """
    free = torch.full((len(centres),), room(len(x), len(centres)), device=x.device)
    first = nearest(x, centres)
    ids = torch.full_like(first, -1)
    _seat(ids, torch.arange(len(x), device=x.device), first, apart(x, first, centres), free)
    waiting = (ids < 0).nonzero()[:, 0]
    choice, away = _nearest_few(x[waiting], centres)
    for rank in range(1, choice.shape[1]):
        left = (ids[waiting] < 0).nonzero()[:, 0]
        if not len(left):
            break
        _seat(ids, waiting[left], choice[left, rank], away[left, rank], free)
    waiting = (ids < 0).nonzero()[:, 0]
    seats = torch.repeat_interleave(torch.arange(len(centres), device=x.device), free)
    drawn = torch.randperm(len(seats), generator=generator).to(x.device)
    ids[waiting] = seats[drawn[: len(waiting)]]
    return ids


def _seat(ids: Tensor, rows: Tensor, wanted: Tensor, away: Tensor, free: Tensor) -> None:
    """Gives each row the centre it wants while there is room, the nearest first."""
    order = away.argsort(stable=True)
    order = order[wanted[order].argsort(stable=True)]
    asked = torch.bincount(wanted, minlength=len(free))
    begin = asked.cumsum(0) - asked
    centre = wanted[order]
    place = torch.arange(len(rows), device=rows.device) - begin[centre]
    seated = place < free[centre]
    ids[rows[order[seated]]] = centre[seated]
    free -= torch.minimum(asked, free)


def _nearest_few(x: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """[m, 50] centres of each vector, nearest first, and how far they are."""
    few = min(NEAREST, len(centres))
    choice = torch.empty(len(x), few, dtype=torch.int64, device=x.device)
    away = torch.empty(len(x), few, dtype=x.dtype, device=x.device)
    for first in range(0, len(x), BLOCK):
        rows = slice(first, first + BLOCK)
        found = distances(x[rows], centres).sort(dim=1, stable=True)
        choice[rows], away[rows] = found.indices[:, :few], found.values[:, :few]
    return choice, away
