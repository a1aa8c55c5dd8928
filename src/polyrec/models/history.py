"""What every retriever that reads a history shares: look up, extract, hand over."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from polyrec.nn import Dot, ItemTable, pack
from polyrec.nn.interests import Found
from polyrec.nn.packed import Packed
from polyrec.types import Encoded, Requests, Similarity


class FromHistory(nn.Module):
    """A table, a similarity and an extractor of interests; free of user ids.

    So a person unseen in training is served from the history alone. Which interest answers a
    target is not decided here: `train.Rank` picks it.
    """

    similarity: Similarity

    def __init__(
        self, table: ItemTable, length: int, extract: nn.Module, similarity: nn.Module | None
    ) -> None:
        super().__init__()
        if length < 1:
            raise ValueError(f"length must be >= 1, got {length}")
        self.table = table
        self.length = length
        self.extract = extract
        self.add_module("similarity", Dot() if similarity is None else similarity)

    def prepare(self) -> Self:
        """Nothing to do once: the table itself holds the item vectors."""
        return self

    def queries(self, requests: Requests) -> Tensor:
        """[R, K, D]."""
        packed = self._pack(requests)
        return self._found(self.table(packed.ids), packed)[0]

    def items(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D]."""
        vectors: Tensor = self.table(ids)
        return vectors

    def forward(self, requests: Requests, ids: Tensor) -> Encoded:
        """Both sides at once, for training; ids [M], distinct."""
        packed = self._pack(requests)
        ids = ids.to(packed.ids.device)
        both = self.table(torch.cat([packed.ids, ids]))  # one look-up, one sparse gradient
        h, items = torch.split(both, [len(packed.ids), len(ids)])
        queries, extra = self._found(h, packed)
        return Encoded(queries=queries, items=items, meet=(queries, items), extra=extra)

    def _pack(self, requests: Requests) -> Packed:
        return pack(requests, self.length, self.table.weight.device)

    def _found(self, h: Tensor, packed: Packed) -> Found:
        found, extra = self.extract(h, packed)
        if packed.some_empty:  # biases would answer for people who have no history
            found = found.masked_fill(packed.empty[:, None, None], 0)
        return found, extra
