"""An anchor and its changes as settings of runs; what cannot be tried is left out, and why."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyrec.data import Split
from polyrec.experiment.ablation.pace import Built, Pace, build, judged, pace, positives
from polyrec.experiment.ablation.question import Question
from polyrec.experiment.running import Order
from polyrec.experiment.stored import RECORDING
from polyrec.experiment.watching import Quiet, Watch
from polyrec.metrics import RANKING
from polyrec.recipes import MULTIPLES, Anchor, Change, Recipe, compose, near, note

BASE = "anchor"  # the name of the arm without a change
ALIKE = 0.1  # passes whose positives differ by less are taken as equal
BESIDE = ("ndcg", "recall", "hit_rate")


@dataclass(frozen=True)
class Arm:
    """One anchor with one change, or with none: what all its runs are told."""

    recipe: str
    anchor: Anchor
    factor: str  # "" for the anchor itself
    label: str
    change: Mapping[str, Any]
    settings: Mapping[str, Any]  # all that is set by hand, but for lr and seed
    config: Any
    rates: tuple[float, ...]  # empty: it has no learning rate
    pace: Pace

    @property
    def name(self) -> str:
        """`loss=bce`; `anchor` for the anchor itself."""
        return f"{self.factor}={self.label}" if self.factor else BASE

    @property
    def folder(self) -> Path:
        """Where its runs lie, below `runs/` and `search/`."""
        return Path(self.anchor.name) / self.name

    def own(self, rate: float | None, seed: int, share: float = 1.0) -> dict[str, Any]:
        """What one run has of its own; `share` of the steps."""
        told: dict[str, Any] = {"seed": seed} | ({} if rate is None else {"lr": rate})
        steps = getattr(self.config, "max_steps", None)
        if share < 1 and steps is not None:
            told["max_steps"] = max(1, round(steps * share))
        if share < 1 and steps is None and hasattr(self.config, "epochs"):
            told["epochs"] = max(1, round(self.config.epochs * share))
        return told

    def order(self, own: Mapping[str, Any], out: Path) -> Order:
        """An order of a run."""
        told = flags({**self.settings, **own})
        return Order(self.recipe, self.anchor.variant, None, told, out)


@dataclass(frozen=True)
class Bench:
    """An anchor, the changes to judge against it, and what decides."""

    anchor: Arm
    changes: tuple[Arm, ...]
    skipped: tuple[tuple[str, str], ...]  # change, why it is not tried
    primary: str
    also: tuple[str, ...]

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The anchor first."""
        return (self.anchor, *self.changes)


def bench(
    q: Question, anchor: Anchor, split: Split, start: float = 0.0, watch: Watch = Quiet()
) -> Bench:
    """Everything to run for one anchor. A change that is the anchor's own setting, that nothing
    reads, that the recipe refuses, or that was tried under another name is skipped.

    Raises:
        ValueError, KeyError, MemoryError: the anchor itself cannot be run; or its primary metric
            is not judged.
    """
    settings, config = _settings(q, anchor, {})
    built = build(q.of, config, split, q.device)
    evaluation, judging, names = judged(built)
    cost = dataclasses.replace(pace(built), evaluation=evaluation, judging=judging, start=start)
    base = _arm(q, anchor, ("", BASE, {}), settings, (config, cost, config))
    arms, skipped, known = [base], [], {key(base.config): base.name}
    asked = [(factor, change) for factor in q.factors for change in factor.changes]
    for place, (factor, change) in enumerate(asked, 1):
        name = f"{factor.name}={change.label}"
        watch.progress(f"  timing {place} of {len(asked)} from {anchor.name}: {name}")
        found = _tried(q, base, factor.name, change, split)
        if isinstance(found, Arm):
            twin = known.setdefault(key(found.config), name)
            found = found if twin == name else f"the same as {twin}"
        if isinstance(found, Arm):
            arms.append(found)
        else:
            skipped.append((name, found))
    primary, also = _metrics(
        q.primary or anchor.primary or config.select_by.removeprefix("-"), anchor.also, names
    )
    return Bench(base, tuple(arms[1:]), tuple(skipped), primary, also)


def key(config: Any) -> str:
    """Two runs of the same key do the same on the same data."""
    held = {k: v for k, v in dataclasses.asdict(config).items() if k not in RECORDING}
    return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()[:24]


def flags(told: Mapping[str, Any]) -> tuple[str, ...]:
    """Settings as the command line takes them."""
    return tuple(
        f"{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in told.items()
    )


def composed(of: Recipe, variant: str, told: Mapping[str, Any]) -> Any:
    """The config of these settings over a variant, checked."""
    return compose(of.Config, of.VARIANTS, variant, None, flags(told)).config


def _tried(q: Question, base: Arm, factor: str, change: Change, split: Split) -> Arm | str:
    """The arm, or why it is not tried."""
    changed = change.settings
    if all(getattr(base.config, name) == value for name, value in changed.items()):
        return "the anchor's own setting"
    try:
        settings, config = _settings(q, base.anchor, changed)
        idle = q.of.idle(config)
        unread = [f"{name} is read only with {idle[name]}" for name in changed if name in idle]
        passed = note(config, q.of.passed_over(config), changed) if "model" not in changed else ""
        if unread or passed:
            return "; ".join([*unread, *([passed] if passed else [])])
        built = build(q.of, config, split, q.device)
        scaled = _same_positives(base, changed, built)
        if scaled:
            settings = settings | scaled
            config = composed(q.of, base.anchor.variant, settings)
            built = build(q.of, config, split, q.device)
        cost = pace(built)
    except (ValueError, MemoryError) as error:
        return f"refused: {error}"
    own = base.pace
    cost = dataclasses.replace(
        cost, evaluation=own.evaluation, judging=own.judging, start=own.start
    )
    told_arm = (factor, change.label, changed)
    return _arm(q, base.anchor, told_arm, settings, (built.config, cost, base.config))


def _arm(
    q: Question,
    anchor: Anchor,
    named: tuple[str, str, Mapping[str, Any]],
    settings: Mapping[str, Any],
    made: tuple[Any, Pace, Any],
) -> Arm:
    (factor, label, change), (config, cost, base) = named, made
    rates: tuple[float, ...] = ()
    if hasattr(config, "lr") and cost.positives:
        grid = q.rates or tuple(float(f"{base.lr * times:.6g}") for times in MULTIPLES)
        rates = (config.lr,) if "lr" in change else tuple(sorted(set(grid)))
    return Arm(q.name, anchor, factor, label, change, settings, config, rates, cost)


def _settings(q: Question, anchor: Anchor, change: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """What is set by hand, without what nothing reads under this change; and the whole config."""
    told = {**anchor.settings, **q.base, **change}
    plain = composed(q.of, anchor.variant, told)
    unread = {*q.of.idle(plain), *q.of.passed_over(plain)}
    told = {name: value for name, value in told.items() if name in change or name not in unread}
    return told, composed(q.of, anchor.variant, told)


def _same_positives(base: Arm, change: Mapping[str, Any], built: Built) -> dict[str, int]:
    """Length and evaluations scaled so that the change sees as many positives as its anchor.

    Steps by the positives of a step. Epochs by those of a pass, which are estimated from a few
    batches: where they differ by less than a tenth, as after another batch, nothing is scaled.
    """
    each = positives(built)
    long = next((name for name in ("max_steps", "epochs") if hasattr(base.config, name)), "")
    if not each or not long or long in change:
        return {}
    if long == "max_steps":
        times = base.pace.positives / each
    else:
        times = base.pace.epoch / (each * built.stages[-1].epoch)
        times = 1.0 if abs(times - 1) < ALIKE else times
    if times == 1:
        return {}
    every = getattr(base.config, "eval_every", None)
    scaled = {long: max(1, round(getattr(base.config, long) * times))}
    return scaled | ({} if every is None else {"eval_every": max(1, round(every * times))})


def _metrics(
    primary: str, also: Sequence[str], names: Sequence[str]
) -> tuple[str, tuple[str, ...]]:
    """The metric that decides, and those beside it.

    Raises:
        ValueError: the first is not judged; names what is.
    """
    per_request = [name for name in names if name.split("@")[0] in RANKING]
    if primary not in per_request:
        raise ValueError(
            f"primary metric {primary!r} is not judged here{near(primary, per_request)}; there are "
            f"{', '.join(per_request)}; k and select_by decide which list lengths are"
        )
    common = [name for name in per_request if name.split("@")[0] in BESIDE]
    wanted = [name for name in also if name in per_request] or common
    return primary, tuple(name for name in wanted if name != primary)
