"""The graph of people and items: which events are its edges, and what is asked of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal, Protocol

import torch

from polyrec import data
from polyrec.data import Dataset, Events, Split
from polyrec.data.splits import How
from polyrec.data.splits.parts import PART
from polyrec.graph import Graph, Interactions
from polyrec.graph.builders import bipartite
from polyrec.recipes import parts

PERSON, ITEM = "person", "item"
EDGE_SPLITS = ("given", "random")  # those whose test histories are exactly train and validation
VALID = 0.1  # of each person's train events, where the files give no validation


class Settings(parts.SourceSettings, Protocol):
    """Settings of the log, how it is split and what is learnt from."""

    @property
    def split(self) -> How | Literal["auto", "kept"]: ...
    @property
    def fit(self) -> str: ...


def split(settings: Settings) -> Split:
    """The split as the settings say, its facts holding the graph of what is learnt from."""
    found = _split(settings)
    if settings.fit == "all":
        found = with_validation(found)
    graph = people_and_items(found.train, found.facts.items)
    return dataclasses.replace(found, facts=dataclasses.replace(found.facts, graph=graph))


def with_validation(split: Split) -> Split:
    """The same questions, learnt from train and validation together.

    For settings that were fixed before: figures on validation then speak of known answers.

    Raises:
        ValueError: the split is one whose test histories hold other events too.
    """
    how = split.how.get("how")
    if how not in EDGE_SPLITS:
        raise ValueError(f"fit=all: of a split {how!r} only fit=train; or split=given, random")
    train = split.test.events
    counts = torch.from_numpy(train.counts(split.facts.items))
    until = int(train.time.max()) if train.clock else None
    facts = dataclasses.replace(split.facts, counts=counts, until=until)
    how_all = {**split.how, "fit": "train and validation", "train_events": len(train)}
    return dataclasses.replace(split, train=train, facts=facts, how=how_all)


def people_and_items(events: Events, items: int) -> Graph:
    """People, items, and an edge for everything that somebody has an event with."""
    return bipartite(Interactions.of(events, items), key=(PERSON, "chose", ITEM))[0]


def _split(settings: Settings) -> Split:
    if settings.split == "kept":
        if not settings.data:
            raise ValueError("split=kept: needs data=FOLDER, made by `polyrec data import`")
        return data.load_split(Path(settings.data))
    dataset = data.filters.apply(parts.log(settings), parts.filters(settings))
    how = _how(dataset) if settings.split == "auto" else settings.split
    return dataset.split(data.SplitConfig(how=how, valid_from_train=VALID))


def _how(dataset: Dataset) -> How:
    return "given" if PART in dataset.events.extra else "random"
