"""Several sources at once, each id corrected by the sum of what all sources would draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from polyrec.negatives.source import Share, Sizable, Source, meet
from polyrec.types import Negatives, PairBatch, Progress


@dataclass(frozen=True)
class Mixed:
    """Negatives of several sources; E[c] of an id is the sum over the sources, whoever drew it.

    With one formula for positives and all negatives (the balance heuristic) the estimate of the
    softmax's sum stays unbiased; per-source corrections would count shared ids twice. A row meets
    one draw for each source.

    >>> from polyrec.negatives import Uniform
    >>> near, far = Uniform(10, 4), Uniform(1000, 4)
    >>> Mixed.of((near, far), ratios=(0.5, 0.5), count=5).sources[0].count
    3
    """

    sources: tuple[Source, ...]

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError("mixed: no sources, need at least 1")
        levels = {source.share for source in self.sources}
        if len(levels) > 1 and any(source.per_set for source in self.sources):
            raise ValueError(
                f"mixed: sources share by {', '.join(sorted(levels))}, and unique draws need one "
                "level for all: use one share, or draws=replacement"
            )

    @classmethod
    def of(cls, sources: Sequence[Sizable], ratios: Sequence[float], count: int) -> Mixed:
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
        return cls(tuple(source.with_count(share) for source, share in dealt if share > 0))

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
        return meet(drawn, batch, progress)


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
