"""A cross-entropy over large catalogues that looks only where states and items meet.

Random directions make buckets: the states and the items that lie furthest along a direction are
likely to score high together, so each state meets its hard items without scoring all.

Letters: M states, V items, D width, C buckets, X states of a bucket, Y items of a bucket.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec import index
from polyrec.losses.logsumexp import logsumexp


@dataclass(frozen=True)
class Buckets:
    """Which states meet which items: places in the states and in the items."""

    states: Tensor  # [C, X]
    items: Tensor  # [C, Y]


def in_buckets(directions: Tensor, vectors: Tensor, count: int, among: Tensor) -> Tensor:
    """[C, count]: the rows of `vectors` [V, D] that lie furthest along each direction [C, D].

    Arguments:
        among: rows that may be chosen; with fewer than `count`, all of them.
    """
    table = torch.cat([vectors.new_zeros(1, vectors.shape[1]), vectors.detach()]).float().cpu()
    count = min(count, among.numel())
    ids, _ = index.top(directions[:, None].float().cpu(), table, count, among=among.cpu() + 1)
    return ids - 1


def scalable_cross_entropy(
    states: Tensor, items: Tensor, targets: Tensor, buckets: Buckets
) -> tuple[Tensor, Tensor]:
    """Each state's cross-entropy against the items of its bucket, and which states have one.

    The true logit stands against the bucket's items, itself masked among them; of several buckets
    a state takes its largest loss. A state in no bucket costs 0 and learns nothing this time.

    Source: Mezentsev et al. 2024 (SCE), algorithm 1. Their code leaves out states of loss 0; here
    a state counts once it is in a bucket, however well it is learnt.

    Shapes: [M, D], [V, D], places [M] of the targets in `items` -> [M], bool [M].
    """
    rows = buckets.states.flatten()
    x_CXD, y_CYD = F.embedding(buckets.states, states), F.embedding(buckets.items, items)
    wrong = torch.bmm(x_CXD, y_CYD.transpose(1, 2)).flatten(0, 1)  # [C * X, Y]
    valid = buckets.items[:, None] != targets[buckets.states][:, :, None]
    below = logsumexp(wrong, wrong.new_zeros(1, 1), valid.flatten(0, 1))
    right = (states * F.embedding(targets, items)).sum(1)
    cost = F.softplus(below - right[rows])
    loss = cost.new_zeros(len(states)).scatter_reduce(0, rows, cost, "amax", include_self=False)
    return loss, torch.bincount(rows, minlength=len(states)) > 0
