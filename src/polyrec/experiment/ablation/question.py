"""From the words of a command to anchors, factors and the settings that all runs share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import torch

from polyrec.recipes import (
    Anchor,
    Change,
    Factor,
    Recipe,
    Study,
    chosen,
    compose,
    near,
    recipe,
    study,
    typed,
)
from polyrec.recipes.config import pairs


@dataclass(frozen=True)
class Ask:
    """What to ablate and how much it may cost.

    `words`: factors (`loss`), single changes (`loss=bce`, several by comma) and settings of all
    runs (`dim=32`). `tries`: changes of one's own, `batch=256` or `batch=256,dim=32`. `hours`:
    the budget; None = whatever it takes. `rates`: learning rates to choose from; empty: the
    recipe's, or half to four times the anchor's. `primary`: the metric that decides; empty: the
    anchor's. `until`: "plan" stops after the estimate.
    """

    recipe: str
    words: tuple[str, ...] = ()
    tries: tuple[str, ...] = ()
    variant: str | None = None
    anchor: str | None = None
    file: Path | None = None
    seeds: int = 5
    hours: float | None = None
    rates: tuple[float, ...] = ()
    primary: str = ""
    jobs: int = 1
    device: torch.device | None = None  # that computes the models; None = the processor
    out: Path = Path("runs/ablation")
    until: Literal["plan", "verdict"] = "verdict"

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ValueError(f"--seeds {self.seeds}: need at least 1, and 5 for a firm verdict")
        if self.hours is not None and self.hours <= 0:
            raise ValueError(
                f"--budget {self.hours}: hours must be above 0; leave it out to run everything"
            )
        if any(rate <= 0 for rate in self.rates):
            told = ",".join(f"{rate:g}" for rate in self.rates)
            raise ValueError(f"--rates {told}: learning rates must be above 0")
        if self.jobs < 1:
            raise ValueError(f"--jobs {self.jobs}: need at least 1 process")
        if self.anchor and self.variant:
            raise ValueError(
                f"--anchor {self.anchor} and --variant {self.variant}: both name the state to "
                "start from; give one"
            )


@dataclass(frozen=True)
class Question:
    """A recipe, the states to start from, and the changes to judge against each."""

    name: str
    of: Recipe
    anchors: tuple[Anchor, ...]
    factors: tuple[Factor, ...]
    base: Mapping[str, Any] = field(default_factory=dict)  # settings by hand, of every run
    rates: tuple[float, ...] = ()
    primary: str = ""
    device: torch.device | None = None


def question(ask: Ask) -> Question:
    """The question that the words ask.

    Raises:
        KeyError: no such recipe, factor, change, anchor, variant or setting; names the nearest.
        ValueError: the recipe proposes nothing, and nothing is tried.
    """
    of = recipe(ask.recipe)
    known = study(of)
    settings, wanted = _sorted_out(of, known, ask.words)
    factors = [*(_of(known, wanted) if wanted or not ask.tries else ())]
    factors += [_own(of, text) for text in ask.tries]
    if not factors:
        raise ValueError(
            f"recipe {ask.recipe} proposes no factors to ablate; give a change of your own, "
            "for example --try batch=256"
        )
    base = _from_file(of, ask.file) | settings
    rates, anchors = ask.rates or known.rates, _anchors(of, known, ask)
    return Question(ask.recipe, of, anchors, tuple(factors), base, rates, ask.primary, ask.device)


def _sorted_out(
    of: Recipe, known: Study, words: Sequence[str]
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Settings, and factor -> the labels that are wanted."""
    settings: dict[str, Any] = {}
    wanted: dict[str, list[str]] = {}
    keys = [f.name for f in fields(of.Config)]
    for word in words:
        name, equals, value = word.partition("=")
        if name in known.factors:
            labels = [change.label for change in known.factors[name].changes]
            asked = [_label(name, one, labels) for one in value.split(",")] if equals else labels
            wanted.setdefault(name, []).extend(asked)
        elif equals and name in keys:
            settings[name] = typed(of.Config, name, value)
        else:
            what = "factor or setting" if equals else "factor"
            hint = near(name, [*known.factors, *(keys if equals else ())])
            raise KeyError(f"no {what} {name!r}{hint}; factors are: {', '.join(known.factors)}")
    return settings, wanted


def _label(factor: str, label: str, labels: Sequence[str]) -> str:
    if label not in labels:
        raise KeyError(
            f"factor {factor} has no change {label!r}{near(label, labels)}; it has: "
            f"{', '.join(labels)}; for one of your own use --try {factor}={label}, to set it in "
            "all runs --config FILE"
        )
    return label


def _of(known: Study, wanted: Mapping[str, Sequence[str]]) -> list[Factor]:
    """The factors that are wanted, in the recipe's order; all where none is named."""
    if not wanted:
        return list(known.factors.values())
    found = []
    for name, factor in known.factors.items():
        changes = tuple(c for c in factor.changes if c.label in wanted.get(name, ()))
        if changes:
            found.append(Factor(name, changes, factor.priority, factor.why))
    return found


def _own(of: Recipe, text: str) -> Factor:
    """A change of one's own, as a factor of one change."""
    settings = {key: typed(of.Config, key, value) for key, value in pairs(text.split(","))}
    label = "+".join(re.sub(r"[^\w.+-]", "_", str(value)) for value in settings.values())
    return Factor("+".join(settings), (Change(label, settings),), 0, "a change of one's own")


def _anchors(of: Recipe, known: Study, ask: Ask) -> tuple[Anchor, ...]:
    if ask.variant:
        chosen(of.VARIANTS, ask.variant, "variant")
        return (Anchor(ask.variant, ask.variant),)
    if ask.anchor:
        return (chosen(known.anchors, ask.anchor, "anchor"),)
    return tuple(known.anchors.values())


def _from_file(of: Recipe, file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    held = compose(of.Config, of.VARIANTS, None, file)
    return {k: getattr(held.config, k) for k, who in held.origin.items() if who == "file"}
