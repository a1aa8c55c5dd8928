"""Recipes: whole problems as one page of choices each."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, cast

from torch import nn

from polyrec.data import Facts, Split
from polyrec.recipes.ablation import MULTIPLES, Anchor, Change, Factor, Study, study
from polyrec.recipes.closed import note
from polyrec.recipes.config import Sourced, changed, chosen, compose, near, reasons, setting, typed
from polyrec.recipes.expected import Curve, Expected
from polyrec.recipes.plan import Nouns, Plan
from polyrec.types import Recommender

__all__ = [
    "MULTIPLES", "RECIPES", "Anchor", "Change", "Curve", "Expected", "Factor", "Nouns", "Plan",
    "Recipe", "Sourced", "Study", "all_read", "changed", "chosen", "compose", "near", "note",
    "nouns", "primary", "processor_only", "reasons", "recipe", "setting", "study", "typed",
]  # fmt: skip

RECIPES: Mapping[str, str] = {
    "comirec": "multi-interest retrieval: ComiRec, MIND, REMI and their baselines",
    "embeddings": "item vectors from who stands beside whom: item2vec, walks on graphs, EGES",
    "graphs": "who likes what, from the graph of people and items: GF-CF to LightGCN",
    "nodes": "classes of nodes on a graph: GCN, GraphSAGE, GAT, typed graphs, vectors of walks",
    "sequence": "the next item from the last ones: SASRec and its successors, every loss",
}


class Recipe(Protocol):
    """A recipe's module, as the experiment sees it."""

    Config: type[Any]
    VARIANTS: Mapping[str, Mapping[str, Any]]
    DEFAULT: str  # the variant that runs when none is named
    RIVALS: tuple[str, ...]  # closed-form variants that are judged beside every run
    EXPECTED: tuple[Expected, ...]
    CURVES: tuple[Curve, ...]
    TRAINING: frozenset[str]  # keys that a resumed run may change
    LENGTH: str  # the key that says how long training may go on

    def idle(self, config: Any) -> Mapping[str, str]: ...  # settings that nothing reads: why
    def passed_over(self, config: Any) -> frozenset[str]: ...  # of training, by a closed form
    def data(self, config: Any) -> Split: ...
    def model(self, config: Any, facts: Facts) -> nn.Module: ...
    def serve(self, config: Any, model: nn.Module, facts: Facts) -> Recommender: ...
    def plan(self, config: Any, split: Split, model: nn.Module) -> Plan: ...
    def ceiling(self, config: Any, split: Split) -> Recommender | None: ...


def nouns(of: Recipe) -> Nouns:
    """What the recipe calls its parts, where it says so."""
    found: Nouns = getattr(of, "NOUNS", Nouns())
    return found


def processor_only(of: Recipe) -> bool:
    """Whether the recipe says that no accelerator can compute its models."""
    return bool(getattr(of, "PROCESSOR_ONLY", False))


def primary(config: Any) -> str:
    """The metric that a run is chosen by, where several decide the first.

    >>> from types import SimpleNamespace
    >>> primary(SimpleNamespace(select_by="accuracy,-loss"))
    'accuracy'
    """
    first: str = config.select_by.split(",")[0]
    return first.removeprefix("-")


def all_read(of: Recipe, config: Any, keys: Iterable[str]) -> None:
    """Passes if every one of these settings changes something under the others, or is of a kind
    that a closed form passes over (`polyrec.recipes.closed`): `note` then says so.

    Raises:
        ValueError: one does not; names what would read it.
    """
    unread = of.idle(config)
    for key in keys:
        if key in unread:
            raise ValueError(
                f"{key}={getattr(config, key)} changes nothing here: only {unread[key]} reads it; "
                "set that, or leave it out"
            )


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        KeyError: no such recipe; the message names the nearest.
    """
    chosen(RECIPES, name, "recipe")
    return cast(Recipe, importlib.import_module(f"polyrec.recipes.{name}"))
