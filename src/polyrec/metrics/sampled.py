"""What a metric over M sampled candidates would be, exactly, from full ranks: no sampling.

A sampled value is another quantity than the full one, and usually far higher: it is never shown
bare but as `NDCG@10[u100]`. One wanted item at a time meets M others drawn uniformly with
replacement from the n - 1 others, so rank' = 1 + Binomial(M, (rank - 1) / (n - 1)).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from scipy.stats import binom
from torch import Tensor

SAMPLED = ("recall", "hit_rate", "ndcg", "mrr", "map")


def expected(
    rank: Tensor, items: int, candidates: int, k: int, metric: Literal["hit_rate", "ndcg", "mrr"]
) -> Tensor:
    """[T]: expectation of a one-wanted-item metric@k over draws of the candidates.

    Args:
        rank: [T], full rank of each wanted item; 0 = never listed, value 0.
        items: n, how many items were ranked.
        candidates: M.

    >>> float(expected(torch.tensor([501]), 10_001, 100, 10, "hit_rate"))  # doctest: +ELLIPSIS
    0.97181...
    """
    if items < 2 or candidates < 1:
        raise ValueError(f"sampled candidates: {candidates} from {items} items; need 1 from 2")
    if k > candidates + 1:
        raise ValueError(f"sampled candidates: k={k} but only {candidates + 1} candidates")
    place = np.arange(1, k + 1)
    values = {"hit_rate": np.ones(k), "ndcg": 1 / np.log2(place + 1), "mrr": 1 / place}
    full, where = torch.unique(rank, return_inverse=True)
    chance = np.clip((full.numpy() - 1) / (items - 1), 0, 1)
    worth = binom.pmf(place[None, :] - 1, candidates, chance[:, None]) @ values[metric]
    worth = np.where(full.numpy() > 0, worth.clip(0, 1), 0.0)  # summing may round above 1
    return torch.from_numpy(worth)[where]
