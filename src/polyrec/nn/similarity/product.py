"""What inner products share: each side has a form of its own, and an index takes that form."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch.nn.functional as F
from torch import Tensor, nn

SHORTEST = 1e-8  # below this norm a vector has no direction


class InnerProduct(nn.Module, ABC):
    """A score that is <q', i'>: a subclass says what each side becomes."""

    @abstractmethod
    def query_side(self, query: Tensor) -> Tensor:
        """[..., D] -> [..., D']."""

    @abstractmethod
    def item_side(self, item: Tensor) -> Tensor:
        """[..., D] -> [..., D']."""

    def forward(self, query: Tensor, item: Tensor) -> Tensor:
        """[*S, P, D], [*S, N, D] -> [*S, P, N]."""
        left, right = self.query_side(query), self.item_side(item)
        if query.shape[-2] == 1 == item.shape[-2]:  # a library's product of pairs gets ready longer
            return (left * right).sum(-1, keepdim=True)
        return left @ right.transpose(-1, -2)

    def as_vectors(self, query: Tensor | None = None, item: Tensor | None = None) -> Tensor:
        """One side in inner-product form: [..., D] -> [..., D']."""
        if query is None:
            return self.item_side(one_side(item))
        return self.query_side(one_side(query, item))


def direction(x: Tensor) -> Tensor:
    """x / max(|x|, 1e-8): the zero vector has none and stays zero."""
    return F.normalize(x, dim=-1, eps=SHORTEST)


def one_side(given: Tensor | None, other: Tensor | None = None) -> Tensor:
    """The side that was given, where it is the only one."""
    if given is None or other is not None:
        raise ValueError("as_vectors takes one side, a query or an item: call it once a side")
    return given
