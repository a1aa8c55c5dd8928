"""Label losses: from logits and labels to one loss a row; masks and means are the objective's."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def bce(logit: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy of a yes or no, from logits: proper, so its optimum is the probability.

    Shapes: [B], [B] in 0..1 -> [B].
    """
    return F.binary_cross_entropy_with_logits(logit, label.to(logit.dtype), reduction="none")


def focal(logit: Tensor, label: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Cross-entropy that looks away from rows already right: -alpha_t (1 - p_t)^gamma ln p_t.

    `alpha` is the weight of positives, 1 - alpha of negatives: the usual .25 lowers positives and
    is tuned together with gamma. Not proper: recalibrate before use as a probability. gamma = 0
    and alpha = .5 is half of `bce`.

    Source: Lin et al. 2017, eq. 5.

    Raises:
        ValueError: alpha outside 0..1, or gamma negative.
    """
    if not (0 <= alpha <= 1 and gamma >= 0):
        raise ValueError(f"focal: alpha={alpha}, gamma={gamma}; need 0 <= alpha <= 1, gamma >= 0")
    label = label.to(logit.dtype)
    right = F.logsigmoid(torch.where(label > 0.5, logit, -logit))  # ln p_t
    wrong = F.logsigmoid(torch.where(label > 0.5, -logit, logit))  # ln (1 - p_t)
    weight = torch.where(label > 0.5, alpha, 1 - alpha)
    return -weight * (gamma * wrong).exp() * right


def one_of(logit: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy of exactly one class among C: minus the log of the right one's share.

    Proper, as `bce` is. Labels are shares of classes, one-hot where the class is known.
    Shapes: [B, C], [B, C] -> [B].
    """
    return F.cross_entropy(logit, label.to(logit.dtype), reduction="none")


def each_of(logit: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy of C answers that do not exclude each other: `bce`, averaged over classes.

    Shapes: [B, C], [B, C] in 0..1 -> [B].
    """
    return bce(logit, label).mean(1)
