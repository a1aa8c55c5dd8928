"""Several trainings of one model that answer together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, cast

import torch
from torch import Tensor, nn

from polyrec.graph import Relation
from polyrec.models.graphs.collaborative.free import UltraGCN
from polyrec.nn import Dot
from polyrec.types import Encoded, Requests, Similarity


class Committee(nn.Module):
    """The mean of its members' scores: what one training learns by chance is averaged away.

    Each member has its own vectors and is trained on batches and negatives of its own (`train`'s
    `OfMember`); a start in the spectrum is the same for all. Their vectors stand side by side, so
    the mean is one inner product, K times as wide, and searches as one model does.

    Arguments:
        members: K models of the same settings.

    Raises:
        ValueError: no members.
    """

    similarity: Similarity
    asks = ("actor",)

    def __init__(self, members: Sequence[UltraGCN]) -> None:
        super().__init__()
        if not members:
            raise ValueError("a committee needs at least one member")
        self.members = nn.ModuleList(members)
        self.add_module("similarity", Dot())

    @property
    def member_width(self) -> int:
        """D: members say much the same, so together they spread no wider than one."""
        return self._each()[0].people.weight.shape[1]

    def connect(self, chose: Relation) -> None:
        """The first member looks at the graph; the others take over what it found."""
        first, *others = self._each()
        first.connect(chose)
        for other in others:
            other.follow(first)

    def prepare(self) -> Self:
        """Nothing to do once: the members' tables are the vectors."""
        return self

    def queries(self, requests: Requests) -> Tensor:
        """[R, 1, K D]."""
        return torch.cat([member.queries(requests) for member in self._each()], -1)

    def items(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, K D]."""
        found = torch.cat([member.items(ids) for member in self._each()], -1)
        return found / len(self.members)

    def forward(self, requests: Requests, ids: Tensor) -> Encoded:
        """Both sides at once."""
        queries, items = self.queries(requests), self.items(ids)
        return Encoded(queries, items, meet=(queries, items))

    def _each(self) -> Sequence[UltraGCN]:
        return cast(Sequence[UltraGCN], self.members)
