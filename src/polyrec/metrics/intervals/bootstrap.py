"""What the value could have been with other requests: 2,000 reweighted copies of the data.

Poisson(1) weights for each unit; below 200 units whole rows are drawn instead, since there the
changing total would add noise of its own. Percentile intervals.

Letters: R requests, M metrics, B resamples.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from polyrec.kernels.resample import poisson, whole_rows

RESAMPLES, BLOCK, SMALL = 2000, 64, 200


def weights(units: int, first: int, draws: int, seed: int) -> Tensor:
    """[draws, units] float32: how often each unit counts in each resample."""
    draw = whole_rows if units < SMALL else poisson
    return torch.from_numpy(draw(seed, first, draws, units))


def resampled(
    top: Tensor,
    bottom: Tensor,
    cluster: Tensor | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Tensor:
    """[resamples, M]: sum(w top) / sum(w bottom) under each resample.

    Args:
        top, bottom: [R, M]; bottom all 1 makes means.
        cluster: [R] of 0..C-1; whole clusters are drawn then.
    """
    value = top.sum(0) / bottom.sum(0)
    rest = top - value * bottom  # centred: float32 sums stay exact where it matters
    both = torch.cat([rest, bottom], 1)
    if cluster is not None:
        sums = both.new_zeros(int(cluster.max()) + 1, both.shape[1])
        both = sums.index_add_(0, cluster, both)
    scale = both.abs().amax(0).clamp(min=1e-300)
    small = (both / scale).float()
    out = torch.empty(resamples, top.shape[1], dtype=torch.float64)
    for first in range(0, resamples, BLOCK):
        count = min(BLOCK, resamples - first)
        sums = (weights(len(small), first, count, seed) @ small).double() * scale
        over, under = sums[:, : top.shape[1]], sums[:, top.shape[1] :]
        out[first : first + count] = value + over / under
    return out


def resampled_whole(
    statistic: Callable[[Tensor], Tensor],
    requests: int,
    cluster: Tensor | None = None,
    resamples: int = 200,
    seed: int = 0,
) -> Tensor:
    """[resamples]: a statistic of all requests, `statistic(weight [R, B]) -> [B]`."""
    units = requests if cluster is None else int(cluster.max()) + 1
    out = []
    for first in range(0, resamples, BLOCK // 4):
        weight = weights(units, first, min(BLOCK // 4, resamples - first), seed).T
        out.append(statistic(weight if cluster is None else weight[cluster]))
    return torch.cat(out).double()


def percentiles(draws: Tensor) -> tuple[float, float]:
    """The middle 95% of resampled values."""
    low, high = draws.quantile(torch.tensor([0.025, 0.975], dtype=draws.dtype)).tolist()
    return low, high
