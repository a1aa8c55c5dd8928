"""Losses: pure functions of scores (ranking) or of logits and labels (label).

Each entry of `LOSSES` is a ranking loss as it stands; `partial(margin, width=.3)` configures one.
"""

from __future__ import annotations

from polyrec.losses.choosy import Choosy, Hardest, PositiveAware
from polyrec.losses.graph import ccl, info_nce, linked, weighted_bce
from polyrec.losses.label import bce as label_bce
from polyrec.losses.label import each_of, focal, one_of
from polyrec.losses.ranking import (
    bce,
    bpr,
    chance,
    counted,
    gbce,
    gbce_at,
    gbce_beta,
    interest_aware,
    margin,
    place,
    sampled_softmax,
    sampled_softmax_uncorrected,
    satisfied,
)
from polyrec.losses.scalable import Buckets, in_buckets, scalable_cross_entropy
from polyrec.types import LabelLoss, RankingLoss

LOSSES: dict[str, RankingLoss] = {
    "sampled_softmax": sampled_softmax,
    "sampled_softmax_uncorrected": sampled_softmax_uncorrected,
    "interest_aware": interest_aware,
    "bce": bce,
    "gbce": gbce,
    "bpr": bpr,
    "margin": margin,
    "ccl": ccl,
    "linked": linked,
    "hardest": Hardest(),
    "positive_aware": PositiveAware(),
}
# Losses that correct for the sampler; `positive_aware` does as the loss that it wraps.
CORRECTED = frozenset({"sampled_softmax", "interest_aware", "positive_aware"})
LABEL_LOSSES: dict[str, LabelLoss] = {"bce": label_bce, "focal": focal}
# Labels of several classes, [B, C]: exactly one is right, or each may be.
CLASS_LOSSES: dict[str, LabelLoss] = {"one_of": one_of, "each_of": each_of}

__all__ = [
    "CLASS_LOSSES",
    "CORRECTED",
    "LABEL_LOSSES",
    "LOSSES",
    "Buckets",
    "Choosy",
    "Hardest",
    "PositiveAware",
    "bce",
    "bpr",
    "ccl",
    "chance",
    "counted",
    "each_of",
    "focal",
    "gbce",
    "gbce_at",
    "gbce_beta",
    "in_buckets",
    "info_nce",
    "interest_aware",
    "label_bce",
    "linked",
    "margin",
    "one_of",
    "place",
    "sampled_softmax",
    "sampled_softmax_uncorrected",
    "satisfied",
    "scalable_cross_entropy",
    "weighted_bce",
]
