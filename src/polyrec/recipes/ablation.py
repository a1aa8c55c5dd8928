"""What a recipe proposes to try: anchors to start from, and factors that change one thing each.

A recipe that exports `ANCHORS` and `FACTORS` can be ablated (`polyrec ablate RECIPE`). An anchor
is a state that works; a change is judged against its anchor alone, all else equal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LABEL = re.compile(r"[\w.+-]+")  # a label names a folder
MULTIPLES = (0.5, 1.0, 2.0, 4.0)  # of an anchor's learning rate, where the recipe names no grid


@dataclass(frozen=True)
class Change:
    """One alternative: the settings that differ from the anchor, and no others."""

    label: str
    settings: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not LABEL.fullmatch(self.label) or not self.settings:
            raise ValueError(
                f"change {self.label!r}: needs settings, and a label of letters, digits, '.', '-', "
                "'+', '_'"
            )


@dataclass(frozen=True)
class Factor:
    """One question: the changes that answer it, when it is asked (1 first), and why at all."""

    name: str
    changes: tuple[Change, ...]
    priority: int
    why: str

    def __post_init__(self) -> None:
        labels = [change.label for change in self.changes]
        if not LABEL.fullmatch(self.name) or not labels or len(set(labels)) < len(labels):
            raise ValueError(
                f"factor {self.name!r} has the changes {labels}: needs at least one, each with its "
                "own label"
            )


@dataclass(frozen=True)
class Anchor:
    """A state to start from: a variant, and settings over it.

    `primary` decides; empty: the metric by which the variant chooses its weights. `also` are
    reported beside it, as exploratory; empty: those of the common ones that are judged.
    """

    name: str
    variant: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    primary: str = ""
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not LABEL.fullmatch(self.name):
            raise ValueError(f"anchor {self.name!r}: use letters, digits, '.', '-', '+', '_'")


@dataclass(frozen=True)
class Study:
    """All that a recipe proposes, factors by priority."""

    anchors: Mapping[str, Anchor]
    factors: Mapping[str, Factor]
    rates: tuple[float, ...] = ()  # learning rates to choose from; empty: multiples of the anchor's


def study(of: Any) -> Study:
    """What the recipe's module exports as ANCHORS, FACTORS and LR_GRID; each may be missing.

    Without anchors the default variant is the one anchor.
    """
    factors: tuple[Factor, ...] = getattr(of, "FACTORS", ())
    ordered = sorted(factors, key=lambda factor: factor.priority)
    plain = {of.DEFAULT: Anchor(of.DEFAULT, of.DEFAULT)}
    anchors: Mapping[str, Anchor] = getattr(of, "ANCHORS", {}) or plain
    return Study(anchors, {f.name: f for f in ordered}, tuple(getattr(of, "LR_GRID", ())))
