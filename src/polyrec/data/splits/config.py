"""How to split: one flat description for every way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

How = Literal["leave-one-out", "last-n", "time", "by-user", "random", "given"]
Ties = Literal["file", "shuffle", "same-side"]


@dataclass(frozen=True)
class SplitConfig:
    """Which split, and its settings; those that a split does not know are not looked at."""

    how: How = "leave-one-out"
    n: int = 1  # last-n: events of each actor in test, and in valid
    min_events: int = 3  # leave-one-out: actors with fewer stay in train only
    ties: Ties = "file"  # what the file's order means where times are equal
    at: tuple[int, int] | None = None  # time: cuts in milliseconds; None = by quantile
    quantiles: tuple[float, float] = (0.8, 0.9)  # time: shares of events before the cuts
    purge: int = 0  # time: milliseconds of train left out before the first cut
    cold: Literal["keep", "drop"] = "keep"  # actors and targets that train never saw
    ratios: tuple[float, float, float] = (0.8, 0.1, 0.1)  # by-user, random: train, valid, test
    cut: float = 0.8  # by-user: share of a sequence that is history; the rest is wanted
    per: Literal["actor", "all"] = "actor"  # random: ratios inside each actor, or over all events
    valid_from_train: float = 0.0  # share of train that becomes valid where a set has none
    seed: int = 1230  # the published by-user split's seed
    allow_leaks: tuple[str, ...] = ()  # findings accepted by name, as "L1" (repeats across parts)

    def __post_init__(self) -> None:
        if abs(sum(self.ratios) - 1) > 1e-9 or min(self.ratios) < 0:
            raise ValueError(
                f"--ratios: got {self.ratios}; three shares >= 0 with sum 1; for example .8,.1,.1"
            )
        for name in ("cut", "valid_from_train"):
            if not 0 <= getattr(self, name) < 1:
                flag, got = f"--{name.replace('_', '-')}", getattr(self, name)
                raise ValueError(f"{flag}: got {got}; a share from 0 to below 1; for example .1")
        low, high = self.quantiles
        if not 0 < low < high < 1:
            raise ValueError(f"quantiles {self.quantiles}: 0 < first < second < 1")
        if self.at is not None and self.at[0] >= self.at[1]:
            raise ValueError(f"at {self.at}: the first cut comes before the second")
        for name, least in (("n", 1), ("min_events", 1), ("purge", 0)):
            if getattr(self, name) < least:
                flag, got = f"--{name.replace('_', '-')}", getattr(self, name)
                raise ValueError(f"{flag}: got {got}; at least {least}; for example {least}")
