"""Next-item retrievers that read a sequence once and answer after each of its events."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, Protocol, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.nn import Dot, Init, ItemTable
from polyrec.nn.attention import GatedBlock, HSTUBlock, Norm, SASRecBlock, Turning
from polyrec.nn.dropout import Dropout
from polyrec.nn.features import precomputed
from polyrec.nn.features.lookup import Vectors
from polyrec.nn.recurrent import Recurrent
from polyrec.nn.sequences import Asking, Each, Ends, Layout, lay
from polyrec.types import Encoded, Requests, Similarity

Places = Literal["last", "first", "rotary", "none"]
PLACES: tuple[Places, ...] = ("last", "first", "rotary", "none")


class EventSide(Protocol):
    """What an event adds to its item: its action, the time since the one before.

    `codes` reads the whole request, [sum, c]; the call gets the rows of the events that are read.
    """

    def codes(self, requests: Requests) -> Tensor: ...
    def __call__(self, values: Tensor, codes: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Sides:
    """What a sequence model reads: modules for items, and optionally for events and people.

    `items` maps ids [*S] to vectors [*S, D], id 0 to zero; `users` does so for actors; `events`
    is an `EventSide`. Answering computes every item once and looks its vector up after.
    """

    items: nn.Module
    events: nn.Module | None = None
    users: nn.Module | None = None


@dataclass(frozen=True)
class Reading:
    """How a sequence is read.

    Attributes:
        length: L, last events read.
        blocks: how many, one after another.
        heads: of attention, in each block.
        dropout: share of numbers dropped from inputs, inside blocks and from attention weights.
        norm: SASRec: "pre" or "original" (nn.attention.SASRecBlock).
        places: which place an event has. "last" counts from the end of the row, so the last event
            always has the same one, "first" from its beginning; both learn a vector a place.
            "rotary" turns queries and keys instead; "none" leaves order to the block.

    Raises:
        ValueError: a number out of range, an unknown place.
    """

    length: int = 50
    blocks: int = 2
    heads: int = 1
    dropout: float = 0.2
    norm: Norm = "pre"
    places: Places = "last"

    def __post_init__(self) -> None:
        if self.length < 1 or self.blocks < 1:
            raise ValueError(
                f"length={self.length}, blocks={self.blocks}: need at least 1 event and 1 block"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout}: need a share from 0 to below 1")
        if self.places not in PLACES:
            raise ValueError(f"no places {self.places!r}; there are: {', '.join(PLACES)}")

    @property
    def turning(self) -> Turning:
        """What attention does to queries and keys."""
        return "rotary" if self.places == "rotary" else "none"


class SequenceRetriever(nn.Module, ABC):
    """Items, places and blocks: one query after each event asked, from the history alone.

    Training asks after every event of a row, serving after the last; a row is read once either
    way. Each distinct id is embedded once a batch, those of the history and those asked together.
    Item vectors enter multiplied by sqrt(D), as published. Kinds differ in their blocks.
    """

    similarity: Similarity

    def __init__(
        self,
        items: int | Sides,
        dim: int,
        reading: Reading = Reading(),
        init: Init = "tf1",
        similarity: nn.Module | None = None,
    ) -> None:
        super().__init__()
        sides = items if isinstance(items, Sides) else Sides(ItemTable(items, dim, init))
        self.table, self.events, self.users = sides.items, sides.events, sides.users
        self.reading = reading
        learned = reading.places in ("last", "first")
        self.place = nn.Parameter(torch.randn(reading.length, dim) * 0.02) if learned else None
        self.blocks = nn.ModuleList(self._block(dim, reading) for _ in range(reading.blocks))
        self.drop, self.norm = Dropout(reading.dropout), nn.LayerNorm(dim, eps=1e-8)
        self.add_module("similarity", Dot() if similarity is None else similarity)

    @property
    def asks(self) -> tuple[str, ...]:
        """What an answer rests on beside the items of the history: "actor", "kind", "time"."""
        beside = ("kind", "time") if self.events is not None else ()
        return (*(("actor",) if self.users is not None else ()), *beside)

    @abstractmethod
    def _block(self, dim: int, reading: Reading) -> nn.Module:
        """One block of this kind: (events [E, D], which of them ask) -> [N, D]."""

    def prepare(self) -> Self:
        """In eval mode a view whose items are computed once; in training the model itself."""
        if self.training:
            return self
        view = copy.copy(self)
        view._modules = {**self._modules, "table": precomputed(cast(Vectors, self.table))}
        return view

    def queries(self, requests: Requests) -> Tensor:
        """[R, 1, D]."""
        if self.events is not None and requests.asked is None:
            requests = requests.last(self.reading.length)  # gaps begin there, as in training
        layout = self._lay(requests)
        return self._read(self.table(layout.ids), layout, requests)

    def items(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D]."""
        vectors: Tensor = self.table(ids)
        return vectors

    def forward(self, requests: Requests, ids: Tensor) -> Encoded:
        """Both sides at once, for training; ids [M], distinct."""
        layout = self._lay(requests)
        both = torch.cat([ids.to(layout.ids.device), layout.ids])
        every, place = torch.unique(both, return_inverse=True)
        vectors = self.table(every)
        items, history = torch.split(F.embedding(place, vectors), [len(ids), len(layout.ids)])
        queries = self._read(history, layout, requests)
        return Encoded(queries=queries, items=items, meet=(queries, items))

    def _lay(self, requests: Requests) -> Layout:
        return lay(requests, self.reading.length, self.norm.weight.device)

    def _read(self, h: Tensor, layout: Layout, requests: Requests) -> Tensor:
        if not len(h):  # nobody has a history: nothing to attend to
            return h.new_zeros(len(layout.last), 1, h.shape[1])
        h = self.drop(self._enter(h * math.sqrt(h.shape[1]), layout, requests))
        asking: Asking = Each(layout)
        for number, block in enumerate(self.blocks, 1):
            if number == len(self.blocks) and not self.training and requests.asked is None:
                asking = Ends(layout)  # of the last block nobody reads the other events
            h = block(h, asking)
        found = asking.answers(self.norm(h))
        return found.masked_fill(layout.empty[:, None], 0)[:, None]

    def _enter(self, h: Tensor, layout: Layout, requests: Requests) -> Tensor:
        """Items with all that stands beside them: person, event, place."""
        if self.users is not None:
            h = h + F.embedding(layout.row.to(h.device), self.users(layout.actor))
        if self.events is not None:
            side = cast(EventSide, self.events)
            h = side(h, side.codes(requests)[layout.source])
        if self.place is not None:
            count = layout.age if self.reading.places == "last" else layout.place
            h = h + F.embedding(count.to(h.device), self.place)
        return h


class SASRec(SequenceRetriever):
    """Causal self-attention over the last events (Kang and McAuley 2018), read once a sequence.

    `Reading(norm="original")` is the authors' form, "pre" the modern one.
    """

    def _block(self, dim: int, reading: Reading) -> nn.Module:
        r = reading
        return SASRecBlock(dim, r.heads, r.dropout, r.norm, r.turning)


class LiGR(SequenceRetriever):
    """SASRec with gated blocks and SwiGLU feed-forward layers; with sampled softmax, eSASRec.

    Source: Borisyuk et al. 2025 (LiGR); Tikhonovich et al. 2025 (eSASRec).
    """

    def _block(self, dim: int, reading: Reading) -> nn.Module:
        return GatedBlock(dim, reading.heads, reading.dropout, reading.turning)


class HSTU(SequenceRetriever):
    """Gated blocks whose attention has no softmax, so how often something matched is kept.

    Source: Zhai et al. 2024, HSTU, in its plain form.
    """

    @property
    def asks(self) -> tuple[str, ...]:
        """Times too: the blocks weigh events by the gaps between them."""
        return tuple(dict.fromkeys((*super().asks, "time")))

    def _block(self, dim: int, reading: Reading) -> nn.Module:
        return HSTUBlock(dim, reading.heads, reading.dropout, reading.length)


class GRUSequence(SequenceRetriever):
    """GRU4Rec on the stream of the others: a recurrent state after each event answers it.

    Source: Hidasi et al. 2016, with the losses and negatives of the caller.
    """

    def _block(self, dim: int, reading: Reading) -> nn.Module:
        return Recurrent(dim, reading.dropout)
