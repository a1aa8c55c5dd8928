"""Samplers that time decides: how many negatives, and how many of which kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from polyrec.negatives.mixed import Mixed
from polyrec.negatives.source import Sizable
from polyrec.types import Negatives, PairBatch, Progress, Sampler, Schedule

Ratios = tuple[float, ...]

# Ratios of hard, uniform and popular negatives. Published settings name the first two alone; the
# rest is popular.
CURRICULUM: Mapping[str, Ratios] = {
    "easy": (0.1, 0.8, 0.1),
    "medium": (0.3, 0.6, 0.1),
    "hard": (0.6, 0.4, 0.0),
}


@dataclass(frozen=True)
class Varying:
    """A sampler that time decides: `Varying(lambda p: Uniform(n, count(p)))`.

    Losses with different numbers of negatives are not comparable: read `positive/` and `place/`.
    """

    make: Schedule[Sampler]

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives:
        """That of the sampler that holds now."""
        return self.make(progress).sample(batch, progress)


@dataclass(frozen=True)
class Curriculum:
    """A mixture whose ratios and number time decides: easy negatives first, hard ones later.

    The steps of a curriculum are `Piecewise(((0, easy), (5, medium), (10, hard)))` over
    `CURRICULUM`; a slow start of hard negatives is `Blend`. The optimiser keeps its moments.

    Arguments:
        sources: in the order of the ratios; one of ratio 0 draws nothing.
        count: negatives of a set in all, or a schedule: `Rounded(Linear(1, 5, over=epochs))`.
    """

    sources: tuple[Sizable, ...]
    ratios: Schedule[Sequence[float]]
    count: Schedule[int] | int
    hard_correction: Literal["mixture", "none"] = "mixture"

    def at(self, progress: Progress) -> Mixed:
        """The mixture that holds now."""
        count = self.count if isinstance(self.count, int) else self.count(progress)
        return Mixed.of(self.sources, self.ratios(progress), count, self.hard_correction)

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives:
        """That of the mixture that holds now."""
        return self.at(progress).sample(batch, progress)


@dataclass(frozen=True)
class Blend:
    """Ratios that move evenly from `first` to `last` over `over` epochs (or steps), then stay.

    >>> [Blend((0.0, 1.0), (0.5, 0.5), over=3)(Progress(epoch=e)) for e in (0, 1, 2, 9)]
    [(0.0, 1.0), (0.25, 0.75), (0.5, 0.5), (0.5, 0.5)]

    Raises:
        ValueError: the two have different lengths.
    """

    first: Ratios
    last: Ratios
    over: int
    by: Literal["epoch", "step"] = "epoch"

    def __post_init__(self) -> None:
        if len(self.first) != len(self.last):
            raise ValueError(f"blend: {len(self.first)} ratios towards {len(self.last)}")

    def __call__(self, progress: Progress) -> Ratios:
        place = progress.epoch if self.by == "epoch" else progress.step
        done = min(1.0, place / max(1, self.over - 1))
        return tuple(a + (b - a) * done for a, b in zip(self.first, self.last, strict=True))
