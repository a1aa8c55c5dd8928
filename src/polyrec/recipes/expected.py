"""What a source says a recipe should reach: value, tolerance, definition and table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Expected:
    """One published or measured number that a run may be held against.

    `checked=False` marks a number nobody has read in its source yet: it is never printed as
    published. `dialect` names the formula: numbers of unlike formulas are never subtracted.
    """

    variant: str
    data: str  # catalogue name
    metric: str  # "recall@50"
    value: float
    tolerance: float
    source: str  # with table
    dialect: str = "polyrec"
    checked: bool = True
    kind: Literal["published", "measured", "target"] = "published"


@dataclass(frozen=True)
class Curve:
    """A learning curve to draw beside a run; nothing stops on it."""

    variant: str
    data: str
    points: tuple[tuple[int, float, float], ...]  # (step, loss, recall@50)
    band: float  # relative half-width
    source: str
