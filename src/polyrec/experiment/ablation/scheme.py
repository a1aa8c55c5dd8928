"""How many trainings that makes, how long they take, and what a budget leaves of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from polyrec.experiment.ablation.arms import Arm, Bench
from polyrec.experiment.ablation.trainings.shelf import Shelf
from polyrec.experiment.watching import clock

QUARTER = 0.25
FIRM, WEAK = 5, 3  # seeds

Search = Literal["full", "quarter"]


@dataclass(frozen=True)
class Scheme:
    """What will be run; `trims` says what a budget took away, in the order it was taken."""

    benches: tuple[Bench, ...]
    seeds: int
    search: Search = "full"
    trims: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Of a training's steps, for each learning rate that is tried."""
        return 1.0 if self.search == "full" else QUARTER

    @property
    def factors(self) -> tuple[str, ...]:
        """Factors with a change to try, in order."""
        every = [arm.factor for bench in self.benches for arm in bench.changes]
        return tuple(dict.fromkeys(every))

    @property
    def mark(self) -> str:
        """What so few seeds make of the verdicts."""
        if self.seeds >= FIRM:
            return ""
        return "weak" if self.seeds >= WEAK else "pilot"

    def state(self) -> dict[str, Any]:
        """JSON values: enough to trim the same question the same way again."""
        return {
            "seeds": self.seeds,
            "search": self.search,
            "trims": list(self.trims),
            "anchors": [bench.anchor.anchor.name for bench in self.benches],
            "factors": list(self.factors),
        }


@dataclass(frozen=True)
class Cost:
    """Of a scheme, or of what is left of it."""

    trainings: int
    tasks: int  # a training that is judged later counts twice
    seconds: float


def cost(scheme: Scheme, shelf: Shelf) -> Cost:
    """What is still to be run, if nothing stops early."""
    parts = [_arm(arm, scheme, shelf) for bench in scheme.benches for arm in bench.arms]
    trainings, tasks = sum(p.trainings for p in parts), sum(p.tasks for p in parts)
    return Cost(trainings, tasks, sum(p.seconds for p in parts))


def told(scheme: Scheme, left: Cost, jobs: int) -> Iterator[str]:
    """The estimate, as printed before anything runs."""
    arms = [arm for bench in scheme.benches for arm in bench.arms]
    rates = max(len(arm.rates) for arm in arms)
    each = f"{scheme.seeds} seeds"
    if rates > 1:
        how = "each trained whole" if scheme.search == "full" else "each for a quarter of the steps"
        each += f", and {rates} learning rates to choose from on validation with one seed, {how}"
    many = len(scheme.benches)
    anchors = f" ({many} of them anchors)" if many > 1 else ""
    processes = "one process" if jobs == 1 else f"{jobs} processes"
    yield (
        f"estimate: {len(arms)} variants{anchors}, {each}: "
        f"{left.trainings:,} trainings still to run, at most {clock(left.seconds / jobs)} in "
        f"{processes}; timed on a few steps of each, and patience may end them sooner"
    )


def trim(scheme: Scheme, hours: float, shelf: Shelf, jobs: int) -> Scheme:
    """Less and less, in a fixed order, until it fits: learning rates for a quarter of the steps,
    then 3 seeds, then the last anchor alone, then factors from the end.

    Raises:
        ValueError: one factor alone does not fit; says how long it takes.
    """
    for smaller in (scheme, *_smaller(scheme)):
        seconds = cost(smaller, shelf).seconds / jobs
        if seconds <= hours * 3600:
            return smaller
    raise ValueError(
        f"--budget {hours:g}: even {smaller.factors[0]} alone, {smaller.seeds} seeds, takes about "
        f"{seconds / 3600:.2g} hours; raise the budget, or train for less"
    )


def restored(scheme: Scheme, state: dict[str, Any]) -> Scheme:
    """The scheme as an earlier call trimmed it."""
    if not state["trims"]:
        return scheme
    anchors, factors = set(state["anchors"]), set(state["factors"])
    benches = tuple(_only(b, factors) for b in scheme.benches if b.anchor.anchor.name in anchors)
    return Scheme(benches, state["seeds"], state["search"], tuple(state["trims"]))


def _smaller(scheme: Scheme) -> Iterator[Scheme]:
    now = scheme
    if any(len(arm.rates) > 1 for bench in now.benches for arm in bench.arms):
        note = "learning rates are chosen with one seed at a quarter of the steps"
        now = dataclasses.replace(now, search="quarter", trims=(*now.trims, note))
        yield now
    if now.seeds > WEAK:
        note = f"{WEAK} seeds in place of {now.seeds}: every verdict is weak"
        now = dataclasses.replace(now, seeds=WEAK, trims=(*now.trims, note))
        yield now
    if len(now.benches) > 1:
        kept = now.benches[-1]
        gone = ", ".join(bench.anchor.anchor.name for bench in now.benches[:-1])
        note = f"only anchor {kept.anchor.anchor.name}; left out: {gone}"
        now = dataclasses.replace(now, benches=(kept,), trims=(*now.trims, note))
        yield now
    for last in reversed(now.factors[1:]):
        factors = set(now.factors) - {last}
        benches = tuple(_only(bench, factors) for bench in now.benches)
        note = f"factor {last} is left out"
        now = dataclasses.replace(now, benches=benches, trims=(*now.trims, note))
        yield now


def _only(bench: Bench, factors: set[str]) -> Bench:
    changes = tuple(arm for arm in bench.changes if arm.factor in factors)
    skipped = tuple(one for one in bench.skipped if one[0].partition("=")[0] in factors)
    return dataclasses.replace(bench, changes=changes, skipped=skipped)


def _arm(arm: Arm, scheme: Scheme, shelf: Shelf) -> Cost:
    """Trainings of one variant that do not lie there yet."""
    first, whole = arm.config.seed, arm.pace.training()
    rates: tuple[float | None, ...] = arm.rates or (None,)
    tried = [shelf.of_run(arm, rate, first, scheme.share) for rate in rates]
    search = sum(found is None for found in tried) if len(rates) > 1 else 0
    finished = 0
    for seed in range(first, first + scheme.seeds):
        found = [shelf.of_run(arm, rate, seed) for rate in rates]
        finished += any(one is not None and one.state == "finished" for one in found)
    finals = scheme.seeds - finished
    shared = int(len(rates) > 1 and scheme.search == "full" and finals == scheme.seeds)
    trainings = search + finals - shared
    seconds = search * arm.pace.training(scheme.share) + (finals - shared) * whole
    return Cost(trainings, search + finals, seconds + finals * arm.pace.judging)
