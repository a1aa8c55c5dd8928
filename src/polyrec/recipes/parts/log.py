"""Which log, what of it counts, and how it is split."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from polyrec import data, worlds
from polyrec.data import (
    Dataset,
    Facts,
    Filters,
    Split,
    readers,
)
from polyrec.data.filters import Dedup
from polyrec.data.readers.faults import InputError
from polyrec.data.splits import How, Ties
from polyrec.types import Recommender


class SourceSettings(Protocol):
    """Settings that say which log, and what of it counts."""

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


class LogSettings(SourceSettings, Protocol):
    """Settings that also say how it is split."""

    @property
    def split(self) -> How | Literal["kept"]: ...
    @property
    def cut(self) -> float: ...


@runtime_checkable
class Tied(Protocol):
    """Settings that say what the file's order means where times are equal."""

    @property
    def ties(self) -> Ties: ...


def split(settings: LogSettings) -> Split:
    """The log, filtered and split as the settings say, or as an imported folder keeps it."""
    if settings.split == "kept" and settings.data:
        return data.load_split(Path(settings.data))
    if settings.split == "kept":
        raise ValueError("split=kept: needs data=FOLDER, made by `polyrec data import`")
    dataset = data.filters.apply(log(settings), filters(settings))
    ties = settings.ties if isinstance(settings, Tied) else "file"
    return dataset.split(data.SplitConfig(how=settings.split, cut=settings.cut, ties=ties))


def log(settings: SourceSettings) -> Dataset:
    """The data set at the settings' path; without one, the clicks of the simulated shop."""
    if not settings.data:
        return shop(settings.world)[0]
    try:
        return readers.read(settings.data)
    except InputError as error:
        if "--" not in str(error):
            raise
        told = "such flags belong to `polyrec data import LOG OUT`; then run with data=OUT"
        raise InputError(f"{error} ({told})", error.finding) from None


def shop(name: str) -> tuple[Dataset, worlds.Truth]:
    """The simulated shop of that name, its clicks alone, and what only its oracle may know."""
    dataset, truth = worlds.build(worlds.WORLDS[name])
    return data.filters.kinds(dataset, ("click",)), truth


def oracle(name: str, facts: Facts, horizon: worlds.Horizon = "rest") -> Recommender:
    """The recommender that knows the shop's truth, speaking the ids of these facts."""
    return worlds.oracle(shop(name)[1], facts.vocabs, horizon)


def filters(settings: SourceSettings) -> Filters:
    """What is left out of the log before it is split."""
    one_pass = settings.k_core == 0 and max(settings.min_users, settings.min_items) > 1
    return Filters(
        kinds=tuple(kind.strip() for kind in settings.kinds.split(",") if kind.strip()),
        positives=settings.positives,
        dedup=settings.dedup,
        min_count=(settings.min_users, settings.min_items) if one_pass else None,
        k_core=settings.k_core,
    )
