"""k-means over whole arrays: seeds far apart, then the means of the nearest.

Distances are matrix products over blocks of rows and each mean adds its rows in their order, so no
sum depends on the number of threads (a matrix product may differ in its last bit). Memory beside
the vectors: one centred copy and BLOCK x centres x 4 bytes.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

BLOCK = 8_192  # rows whose distances exist at one time
SEEDED = 64  # vectors a centre among which seeds are looked for
ROUNDING = 1e-5  # relative: below this a distance by products may be nothing but rounding
LEAST = 1e-9  # relative: what different vectors are apart at least, however it was rounded


@torch.no_grad()
def kmeans(x: Tensor, size: int, generator: Generator, iterations: int = 25) -> Tensor:
    """Centres [k, d] of vectors [n, d]; k = size, or the number of distinct vectors if smaller.

    Lloyd's iterations from greedy k-means++ seeds, until no vector changes its centre. A centre
    that nobody is near starts again at the vector farthest from its own centre.
    Source: Lloyd 1982; Arthur & Vassilvitskii 2007, with their greedy trials.

    Raises:
        ValueError: there is no vector, or size is below 1.
    """
    if size < 1 or not len(x):
        raise ValueError(f"k-means of {len(x)} vectors with size={size}: need at least 1 of each")
    middle = x.mean(0)
    x = x - middle  # products of large, nearly equal vectors would lose their difference
    centres, before = _seeds(_some(x, SEEDED * size, generator), size, generator), None
    if len(centres) < size < len(x):
        centres = _seeds(x, size, generator)
    for _ in range(iterations):
        ids = nearest(x, centres)
        if before is not None and torch.equal(ids, before):
            break
        before, centres = ids, _moved(x, ids, centres)
    return centres + middle


@torch.no_grad()
def nearest(x: Tensor, centres: Tensor) -> Tensor:
    """[n, d], [k, d] -> [n]: the nearest centre of each vector, counted from 0."""
    middle = centres.mean(0)
    around = centres - middle  # |x - c|^2 / 2 without what all centres share
    shift = around.square().sum(1) / 2 + around @ middle
    ids = torch.empty(len(x), dtype=torch.int64, device=x.device)
    for first in range(0, len(x), BLOCK):
        rows = slice(first, first + BLOCK)
        ids[rows] = torch.addmm(shift, x[rows], around.T, alpha=-1).argmin(1)
    return ids


@torch.no_grad()
def apart(x: Tensor, ids: Tensor, centres: Tensor) -> Tensor:
    """[n]: the squared distance of each vector from its centre."""
    parts = zip(torch.split(x, BLOCK), torch.split(ids, BLOCK), strict=True)
    return torch.cat([(rows - centres[at]).square().sum(1) for rows, at in parts])


@torch.no_grad()
def distances(x: Tensor, centres: Tensor) -> Tensor:
    """[m, d], [k, d] -> [m, k]: squared Euclidean, by one product of what is left of the middle."""
    middle = centres.mean(0)
    x, centres = x - middle, centres - middle
    apart = torch.addmm(centres.square().sum(1), x, centres.T, alpha=-2)
    return apart.add_(x.square().sum(1, keepdim=True)).clamp_(min=0)


def means(x: Tensor, ids: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The mean [size, d] of the vectors of each id, zero where there are none, and how many."""
    counts = torch.bincount(ids, minlength=size)
    order = ids.argsort(stable=True)
    return F.embedding_bag(order, x, counts.cumsum(0) - counts, mode="mean"), counts


def _moved(x: Tensor, ids: Tensor, centres: Tensor) -> Tensor:
    """The means; an empty centre moves to a vector far from its own centre, or stays."""
    found, counts = means(x, ids, len(centres))
    empty = (counts == 0).nonzero()[:, 0]
    if not len(empty):
        return found
    away = apart(x, ids, centres)
    far = away.argsort(descending=True, stable=True)[: len(empty)]
    far = far[away[far] > 0]
    found[empty] = centres[empty]
    found[empty[: len(far)]] = x[far]
    return found


def _some(x: Tensor, most: int, generator: Generator) -> Tensor:
    if len(x) <= most:
        return x
    return x[torch.randperm(len(x), generator=generator)[:most].to(x.device)]


def _seeds(x: Tensor, size: int, generator: Generator) -> Tensor:
    """[k, d], all different: each the best of a few vectors drawn by squared distance."""
    trials = 2 + int(math.log(size))
    squared = x.square().sum(1)
    closest, weight = torch.full_like(squared, math.inf), torch.ones_like(squared)
    chosen: list[Tensor] = []
    while len(chosen) < size and bool(weight.any()):
        total = weight.cumsum(0, dtype=torch.float64)
        tries = trials if chosen else 1  # the best first seed alone would be the most central
        drawn = torch.rand(tries, generator=generator, dtype=torch.float64).to(x.device)
        tried = torch.searchsorted(total, drawn * total[-1], right=True).clamp(max=len(x) - 1)
        sizes = squared[tried][:, None] + squared
        away = torch.addmm(sizes, x[tried], x.T, alpha=-2)  # [trials, n]
        away = torch.maximum(away, sizes * LEAST)
        left = torch.minimum(away, closest)
        best = int(left.sum(1).argmin())
        seed, weight = x[tried[best]], left[best].clone()
        near = (away[best] <= ROUNDING * sizes[best]).nonzero()[:, 0]
        weight[near[(x[near] == seed).all(1)]] = 0  # the same vector is never drawn again
        closest = weight
        chosen.append(seed)
    return torch.stack(chosen)
