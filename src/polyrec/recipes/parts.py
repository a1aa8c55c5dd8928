"""From a setting's name to the part it names: what recipes of retrieval share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn

from polyrec import data, worlds
from polyrec.data import (
    Bag,
    Dataset,
    Events,
    Facts,
    Filters,
    Sparse,
    Split,
    readers,
)
from polyrec.data.filters import Dedup
from polyrec.data.readers.faults import InputError
from polyrec.data.splits import How
from polyrec.evaluate import Report, Setting, ranking
from polyrec.kernels.ranges import packed_ids, places
from polyrec.nn import Cosine, Dot
from polyrec.recommend import Diverse, Fallback, Retrieve, Score
from polyrec.types import PairBatch, Ragged, Recommender, Retriever, Scorer

METRICS = ("recall", "ndcg", "hit_rate", "mrr", "map", "precision")
SYSTEM = ("coverage", "novelty", "gini")
CHOOSING = ("recall", "ndcg", "hit_rate")  # judged on validation while training


Cuts = data.RandomCut | data.AllCuts


@runtime_checkable
class ClosedForm(Scorer, Protocol):
    """A model that is solved from the log."""

    def solve(self, events: Events) -> None: ...


class LogSettings(Protocol):
    """Settings that say which log, what of it counts, and how it is split."""

    @property
    def data(self) -> str: ...
    @property
    def world(self) -> str: ...
    @property
    def kinds(self) -> str: ...
    @property
    def positives(self) -> str: ...
    @property
    def dedup(self) -> Dedup: ...
    @property
    def min_users(self) -> int: ...
    @property
    def min_items(self) -> int: ...
    @property
    def k_core(self) -> int: ...
    @property
    def split(self) -> How | Literal["kept"]: ...
    @property
    def cut(self) -> float: ...


def split(settings: LogSettings) -> Split:
    """The log, filtered and split as the settings say, or as an imported folder keeps it."""
    if settings.split == "kept" and settings.data:
        return data.load_split(Path(settings.data))
    if settings.split == "kept":
        raise ValueError("split=kept: needs data=FOLDER, made by `polyrec data import`")
    dataset = data.filters.apply(log(settings), filters(settings))
    return dataset.split(data.SplitConfig(how=settings.split, cut=settings.cut))


def log(settings: LogSettings) -> Dataset:
    """The data set at the settings' path; without one, the clicks of the simulated shop."""
    if not settings.data:
        return shop(settings.world)[0]
    try:
        return readers.read(settings.data)
    except InputError as error:
        raise InputError(
            f"{error} (such flags belong to `polyrec data import LOG OUT`; then run with data=OUT)",
            error.finding,
        ) from None


def shop(name: str) -> tuple[Dataset, worlds.Truth]:
    """The simulated shop of that name, its clicks alone, and what only its oracle may know."""
    dataset, truth = worlds.build(worlds.WORLDS[name])
    return data.filters.kinds(dataset, ("click",)), truth


def oracle(name: str, facts: Facts) -> Recommender:
    """The recommender that knows the shop's truth, speaking the ids of these facts."""
    return worlds.oracle(shop(name)[1], facts.vocabs)


def filters(settings: LogSettings) -> Filters:
    """What is left out of the log before it is split."""
    one_pass = settings.k_core == 0 and max(settings.min_users, settings.min_items) > 1
    return Filters(
        kinds=tuple(kind.strip() for kind in settings.kinds.split(",") if kind.strip()),
        positives=settings.positives,
        dedup=settings.dedup,
        min_count=(settings.min_users, settings.min_items) if one_pass else None,
        k_core=settings.k_core,
    )


class TrainSettings(Protocol):
    """Settings of examples and of the score."""

    @property
    def examples(self) -> Literal["random_cut", "all_cuts"]: ...
    @property
    def batch(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def min_history(self) -> int: ...
    @property
    def similarity(self) -> Literal["dot", "cosine"]: ...
    @property
    def temperature(self) -> float: ...
    @property
    def scale(self) -> Literal["one", "learned"]: ...


def stream(settings: TrainSettings, split: Split) -> Cuts:
    """Training examples: one cut a person, or every cut."""
    make = data.RandomCut if settings.examples == "random_cut" else data.AllCuts
    return make(split.train, settings.batch, settings.length, settings.min_history)


@dataclass(frozen=True)
class Later:
    """What each row's person goes on to choose in the log: negatives among it are false ones."""

    events: Events

    def __call__(self, batch: PairBatch) -> Ragged:
        """[B]: targets of the person's events after the row's time; without a clock, of all."""
        actor = batch.requests.actor.numpy()
        bounds = self.events.start[actor], self.events.start[actor + 1]
        at = Ragged(*map(torch.from_numpy, packed_ids(self.events.target, *bounds)))
        if batch.requests.time is None:
            return at
        kept = torch.from_numpy(self.events.time[places(*bounds)]) > batch.requests.time[at.row]
        lengths = torch.bincount(at.row[kept], minlength=len(at))
        return Ragged(at.values[kept], torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]))


def similarity(settings: TrainSettings) -> nn.Module:
    """The score that training and the index share."""
    if settings.similarity == "cosine":
        return Cosine(settings.temperature)
    return Dot(settings.scale)


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
            ties="skip" if self.settings.diversity else "count",
            ranks="none" if self.settings.diversity else "full",
            part=part,
            data=self.split.hash[:12],
            split=str(self.split.how.get("how", "")),
            selected_on=self.selected_on,
            checkpoint=checkpoint,
            seeds=(self.settings.seed,),
        )
        names = (*METRICS, *SYSTEM, *(("diversity",) if groups is not None else ()))
        return ranking(rec, questions, names, self.ks(), setting=setting)

    def ks(self) -> tuple[int, ...]:
        """List lengths: the setting's, 20, and the selecting metric's own; within the catalogue."""
        asked = self.settings.select_by.rpartition("@")[2]
        wanted = {self.settings.k, 20, int(asked) if asked.isdigit() else self.settings.k}
        return tuple(sorted(k for k in wanted if k <= self.split.facts.items))
