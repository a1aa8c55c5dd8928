"""What an ablation says, as plain values: page and Markdown show the same, the JSON all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

EDGE = "* the end of the learning rates that were tried: a better one may lie outside"
VERDICTS = ("keep", "drop", "undecided", "no verdict", "not comparable", "failed")


@dataclass(frozen=True)
class Effect:
    """A metric of a change minus that of its anchor."""

    metric: str
    value: float  # of the change, mean over seeds
    difference: float
    low: float
    high: float
    p: float  # adjusted for its family
    detectable: float  # the smallest difference that so many users and seeds would find


@dataclass(frozen=True)
class Cost:
    """Means over the runs that count."""

    steps_a_second: float
    positives_a_second: float
    seconds: float  # of training
    cpu_seconds: float
    steps: float
    peak_mb: float


@dataclass(frozen=True)
class Row:
    """A change, or the anchor itself (no effect)."""

    name: str
    settings: str
    value: float | None  # of the primary metric, mean over seeds
    spread: float | None  # standard deviation over seeds
    effect: Effect | None
    others: tuple[Effect, ...]  # exploratory
    verdict: str
    why: str
    rate: float | None  # learning rate
    rates: tuple[tuple[float, float], ...]  # learning rate, its best on validation
    at_edge: bool  # the best learning rate may lie outside of those tried
    cost: Cost | None
    unstable: float  # share of runs that failed, or whose loss tripled
    failures: tuple[str, ...]
    runs: tuple[str, ...]  # folders


@dataclass(frozen=True)
class Against:
    """One anchor and what was changed about it; the first row is the anchor's own."""

    anchor: str
    settings: str
    primary: str
    seeds: int
    users: int
    rows: tuple[Row, ...]
    skipped: tuple[tuple[str, str], ...]  # change, why it was not tried


@dataclass(frozen=True)
class AblationPage:
    """All that an ablation's report shows."""

    title: str
    about: tuple[tuple[str, str], ...]
    mark: str  # "", weak or pilot: what so few seeds make of the verdicts
    tables: tuple[Against, ...]
    anchors: tuple[tuple[str, Effect], ...] = ()  # "a - b", each its own family
    estimate: tuple[str, ...] = ()
    trims: tuple[str, ...] = ()
    commands: tuple[tuple[str, str], ...] = ()  # (command, what it does)


def summary(page: AblationPage) -> str:
    """What to take home, in a few sentences."""
    told = [_of(table) for table in page.tables]
    if page.mark == "pilot":
        told.append("This is a pilot: with fewer than 3 seeds nothing is decided.")
    if page.mark == "weak":
        told.append("Weak: 5 seeds would make it firm.")
    return " ".join(told)


def reasons(row: Row) -> list[str]:
    """Why runs failed, each reason once with its seeds."""
    held: dict[str, list[str]] = {}
    for failure in row.failures:
        which, _, why = failure.partition(": ")
        held.setdefault(why, []).append(which)
    return [f"{row.name} failed with {several(which)}: {why}" for why, which in held.items()]


def number(value: float | None, signed: bool = False) -> str:
    """Four places, or a dash for what is not known."""
    if value is None:
        return "–"
    return f"{value:+.4f}" if signed else f"{value:.4f}"


def brief(value: float) -> str:
    """A rate or a time: one place below ten, where whole numbers would hide most of it.

    0 is what no run was long enough to measure.

    >>> brief(0.42), brief(9.5), brief(1234.5), brief(0)
    ('0.4', '9.5', '1,234', '–')
    """
    if not value:
        return "–"
    return f"{value:,.{0 if value >= 10 else 1}f}"


def several(names: Sequence[str]) -> str:
    """Names side by side."""
    return ", ".join(names)


def _of(table: Against) -> str:
    parts = []
    for verdict in VERDICTS:
        names = [row.name for row in table.rows[1:] if row.verdict == verdict]
        if names:
            parts.append(f"{verdict} {several(names)}")
    if not parts:
        return f"From {table.anchor}: nothing was judged."
    return f"From {table.anchor}, on {table.primary}: {'; '.join(parts)}."
