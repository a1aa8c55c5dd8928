"""What a model may know of its data: vocabularies, tables and train counts, kept with the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from polyrec.data.events import Dataset, Events
from polyrec.data.tables import Table
from polyrec.data.vocab import Vocab


@dataclass(frozen=True)
class Facts:
    """All that outlives the log. Everything counted here was counted on train only."""

    vocabs: Mapping[str, Vocab]  # "actor", "target"
    counts: Tensor  # [n + 1], int64: train events of each target, 0 at 0
    tables: Mapping[str, Table] = field(default_factory=dict)
    until: int | None = None  # milliseconds: the last train event; None = no clock
    kinds: tuple[str, ...] = ("event",)  # names of the actions of an event
    graph: object | None = None  # filled by the room that builds graphs

    @classmethod
    def of(cls, dataset: Dataset, train: Events) -> Facts:
        """The facts that this train part gives."""
        until = int(train.time.max()) if train.clock and len(train) else None
        counts = torch.from_numpy(train.counts(dataset.items))
        return cls(dataset.vocabs, counts, dataset.tables, until, kinds=dataset.kinds)

    @property
    def items(self) -> int:
        """n: the number of real items."""
        return self.vocabs["target"].size

    @property
    def actors(self) -> int:
        """U: the number of real actors."""
        return self.vocabs["actor"].size

    def save(self, folder: Path) -> None:
        """Writes the facts, without the graph, into a folder that must not hold anything yet."""
        from polyrec.data.store import save_facts  # the store is built on this file

        save_facts(self, folder)

    @classmethod
    def load(cls, folder: Path) -> Facts:
        """The inverse of `save`."""
        from polyrec.data.store import load_facts

        return load_facts(folder)
