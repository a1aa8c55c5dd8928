"""What ails a trained model, read from what its run wrote down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polyrec.models.graphs.smoothing import ALIKE, LEAST_RANK, LEAST_SHARE
from polyrec.trust.finding import Finding


def collapse(probe: Mapping[str, Any], width: int = 0) -> tuple[Finding, ...]:
    """Rule F6: item vectors have run together, by over-smoothing or for want of contrast.

    Mean cosine of random pairs above .9, or an effective rank (exp of the entropy of the squared
    singular values' shares) below 2 or 5% of the width. `probe`: one checkpoint of probe.json;
    `width`: of a vector, 0 = a member's where a committee answers, else the number of singular
    values.
    """
    width = width or probe.get("member_width") or len(probe["singular_values"])
    cosine, rank = float(probe["item_pair_cosine"]), float(probe["effective_rank"])
    least = max(LEAST_RANK, LEAST_SHARE * width)
    if cosine <= ALIKE and rank >= least:
        return ()
    return (
        Finding(
            "F6",
            "fault",
            f"mean cosine of random item pairs {cosine:.3f} (at most {ALIKE}), effective rank "
            f"{rank:.1f} of {width} (at least {least:g})",
            "item vectors have run together and hardly tell items apart",
            "fewer layers (over-smoothing), negatives, a lower temperature, more walks",
        ),
    )
