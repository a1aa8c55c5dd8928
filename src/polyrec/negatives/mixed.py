"""Several sources at once, each id corrected by the sum of what all sources would draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch

from polyrec.negatives.source import Drawn, Share, Sizable, Source, meet
from polyrec.types import Negatives, PairBatch, Progress


@dataclass(frozen=True)
class Mixed:
    """Negatives of several sources; E[c] of an id is the sum over the sources, whoever drew it.

    With one formula for positives and all negatives (the balance heuristic) the estimate of the
    softmax's sum stays unbiased; per-source corrections would count shared ids twice. A row meets
    one draw for each source.

    Arguments:
        hard_correction: "mixture" counts hard sources like all others: consistent, for softmax
            losses. "none" leaves them out, so that hard negatives weigh more than their share: a
            deliberate emphasis. Losses without log_q (bce, bpr, margin) see no difference.

    >>> from polyrec.negatives import Uniform
    >>> near, far = Uniform(10, 4), Uniform(1000, 4)
    >>> Mixed.of((near, far), ratios=(0.5, 0.5), count=5).sources[0].count
    3
    """

    sources: tuple[Source, ...]
    hard_correction: Literal["mixture", "none"] = "mixture"

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError("mixed: no sources, need at least 1")
        if self.hard_correction not in ("mixture", "none"):
            raise ValueError(
                f"mixed: hard_correction={self.hard_correction!r}, use mixture or none"
            )
        levels = {source.share for source in self.sources} - {"batch"}
        if len(levels) > 1 and any(source.per_set for source in self.sources):
            raise ValueError(
                f"mixed: sources share by {', '.join(sorted(levels))}, and unique or hard draws "
                "need one level beside the batch: use one share, or draws=replacement"
            )

    @classmethod
    def of(
        cls,
        sources: Sequence[Sizable],
        ratios: Sequence[float],
        count: int,
        hard_correction: Literal["mixture", "none"] = "mixture",
    ) -> Mixed:
        """`count` negatives in all, dealt to the sources by `ratios` (see `deal`)."""
        if len(sources) != len(ratios):
            raise ValueError(
                f"mixed: {len(ratios)} ratios for {len(sources)} sources, need one for each"
            )
        for source in sources:
            if not hasattr(source, "with_count"):
                raise ValueError(
                    f"mixed: {type(source).__name__} takes its number from the batch: give each "
                    "source its own count and no ratios"
                )
        dealt = zip(sources, deal(ratios, count), strict=True)
        chosen = tuple(source.with_count(share) for source, share in dealt if share > 0)
        return cls(chosen, hard_correction)

    @property
    def share(self) -> Share:
        """The first source's level; with unique draws the level of all."""
        return self.sources[0].share

    @property
    def per_set(self) -> bool:
        """Whether the expected counts differ between sets."""
        return any(source.per_set for source in self.sources)

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives:
        """Pure in the seed, the stage and the step of `progress`, as its sources are."""
        drawn = tuple(
            source.draw(batch, progress, f"negatives/{place}")
            for place, source in enumerate(self.sources)
        )
        if self.hard_correction == "none":
            drawn = tuple(_uncorrected(one) if one.hard else one for one in drawn)
        return meet(drawn, batch, progress)


def _uncorrected(one: Drawn) -> Drawn:
    """A source whose draws count for nothing: what it draws weighs as if others had drawn it."""
    return replace(
        one,
        expected=lambda ids, _: torch.zeros(ids.shape).double(),
        own=None,
        least=0,
        per_set=False,
    )


def deal(ratios: Sequence[float], count: int) -> list[int]:
    """`count` things in the given ratios by largest remainder, ties to the earlier.

    >>> deal((0.5, 0.3, 0.2), 5), deal((0.5, 0.3, 0.2), 4), deal((0.5, 0.3, 0.2), 1280)
    ([3, 1, 1], [2, 1, 1], [640, 384, 256])

    Raises:
        ValueError: a ratio is negative, or they do not sum to 1 within 1e-6.
    """
    if count < 1:
        raise ValueError(f"mixed: count={count}, need at least 1")
    if any(not ratio >= 0 for ratio in ratios):
        raise ValueError(f"mixed: ratios {tuple(ratios)}, need each >= 0")
    if not abs(sum(ratios) - 1) <= 1e-6:
        raise ValueError(f"mixed: ratios sum to {sum(ratios):g}, need 1 (within 1e-6)")
    wanted = [round(ratio * count, 9) for ratio in ratios]  # .3 * 10 is 3, not 2.9999999999999996
    dealt = [math.floor(want) for want in wanted]
    by_remainder = sorted(range(len(ratios)), key=lambda place: dealt[place] - wanted[place])
    for place in by_remainder[: count - sum(dealt)]:
        dealt[place] += 1
    return dealt
