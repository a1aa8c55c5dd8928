"""How a model answers, and how it is judged as it will be served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn

from polyrec.data import (
    Bag,
    Events,
    Facts,
    Sparse,
    Split,
)
from polyrec.evaluate import Report, Setting, ranking
from polyrec.recommend import Diverse, Fallback, Retrieve, Score
from polyrec.types import Recommender, Retriever, Scorer

METRICS = ("recall", "ndcg", "hit_rate", "mrr", "map", "precision")
SYSTEM = ("coverage", "novelty", "gini")
CHOOSING = ("recall", "ndcg", "hit_rate")  # judged on validation while training


@runtime_checkable
class ClosedForm(Scorer, Protocol):
    """A model that is solved from the log."""

    def solve(self, events: Events) -> None: ...


class ServeSettings(Protocol):
    """Settings that say how a model answers and is judged."""

    @property
    def memory_mb(self) -> int: ...
    @property
    def diversity(self) -> float: ...
    @property
    def category(self) -> str: ...
    @property
    def exclude(self) -> Literal["none", "history"]: ...
    @property
    def k(self) -> int: ...
    @property
    def select_by(self) -> str: ...
    @property
    def seed(self) -> int: ...


def recommender(settings: ServeSettings, model: nn.Module, facts: Facts) -> Recommender:
    """The object that is measured and served: top k, or spread over categories."""
    inner: Retrieve | Fallback
    if isinstance(model, ClosedForm):
        inner = Fallback(Score(model, settings.memory_mb), facts.counts)
    else:
        inner = Retrieve(cast(Retriever, model), facts.items, facts.counts, settings.memory_mb)
    if settings.diversity == 0:
        return inner
    return Diverse(inner, _spread_over(settings, facts), settings.diversity)


def _spread_over(settings: ServeSettings, facts: Facts) -> Tensor:
    groups = categories(facts, settings.category)
    if groups is None:
        table = facts.tables.get("target")
        held = {} if table is None else table.columns
        names = ", ".join(n for n, column in held.items() if isinstance(column, Sparse | Bag))
        remedy = (
            f"train with category=NAME, one of {names}" if names else "this log has none at all"
        )
        raise ValueError(
            f"diversity={settings.diversity}: items have no column {settings.category!r}; "
            f"{remedy}; or leave diversity at 0"
        )
    return groups


def categories(facts: Facts, column: str) -> Tensor | None:
    """[n + 1] the first category of each item, 0 = none; None where there is no such column."""
    table = facts.tables.get("target")
    held = None if table is None else table.columns.get(column)
    if isinstance(held, Sparse):
        return torch.from_numpy(held.values.astype("int64"))
    if isinstance(held, Bag):
        packed = held.gather(torch.arange(facts.items + 1))
        first = packed.values[packed.start[:-1].clamp(max=max(packed.values.numel() - 1, 0))]
        return torch.where(packed.lengths > 0, first, 0)
    return None


@dataclass(frozen=True)
class Judge:
    """Judges a model as it will be served: in short while it trains, in full at the end.

    Raises:
        ValueError: the settings choose by what is not judged, ask for more than all items, or
            spread lists over a column that is not there.
    """

    settings: ServeSettings
    split: Split
    serve: Callable[[nn.Module], Recommender]
    selected_on: Literal["valid", ""] = "valid"  # closed forms have nothing to select
    lengths: tuple[int, ...] = (20,)  # of lists to judge beside the settings' own
    lists: Literal["nested", "by length"] = "nested"  # whether a longer list begins with a shorter

    def __post_init__(self) -> None:
        chosen, items = self.settings.select_by, self.split.facts.items
        name, _, at = chosen.partition("@")
        if name not in CHOOSING or not at.isdecimal() or int(at) < 1:
            forms = ", ".join(f"{one}@K" for one in CHOOSING)
            raise ValueError(f"select_by={chosen!r}: must be one of {forms}; for example recall@50")
        for key, said, k in (
            ("k", self.settings.k, self.settings.k),
            ("select_by", chosen, int(at)),
        ):
            if k > items:
                raise ValueError(
                    f"{key}={said}: a list of {k:,} from {items:,} items; set k and select_by to "
                    f"at most {items:,}"
                )
        if self.settings.diversity:
            _spread_over(self.settings, self.split.facts)

    def validate(self, model: nn.Module) -> Report:
        """The selecting metric's family on validation, without slices or full ranks."""
        setting = Setting(
            exclude=self.settings.exclude,
            counts=self.split.facts.counts,
            slices=(),
            ties="skip",
            part="valid",
        )
        return ranking(self.serve(model), self.split.valid, CHOOSING, self.ks(), setting=setting)

    def full(self, rec: Recommender, part: str, checkpoint: str) -> Report:
        """Every metric, slices and full ranks of "valid" or "test"."""
        questions = self.split.valid if part == "valid" else self.split.test
        facts = self.split.facts
        groups = categories(facts, self.settings.category)
        setting = Setting(
            exclude=self.settings.exclude,
            counts=facts.counts,
            categories=groups,
            activity=torch.from_numpy(self.split.train.lengths.astype("int64")),
            # a spread list depends on its length: asking for one place more would change it
            ties="count" if self._nested else "skip",
            ranks="full" if self._nested else "none",
            part=part,
            data=self.split.hash[:12],
            split=str(self.split.how.get("how", "")),
            selected_on=self.selected_on,
            checkpoint=checkpoint,
            seeds=(self.settings.seed,),
        )
        names = (*METRICS, *SYSTEM, *(("diversity",) if groups is not None else ()))
        return ranking(rec, questions, names, self.ks(), setting=setting)

    @property
    def _nested(self) -> bool:
        return self.lists == "nested" and not self.settings.diversity

    def ks(self) -> tuple[int, ...]:
        """Lengths of lists: `lengths`, the setting's and the selecting metric's own."""
        asked = self.settings.select_by.rpartition("@")[2]
        chosen = int(asked) if asked.isdigit() else self.settings.k
        wanted = {*self.lengths, self.settings.k, chosen}
        return tuple(sorted(k for k in wanted if k <= self.split.facts.items))
