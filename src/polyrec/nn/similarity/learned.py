"""Learned scores that are still inner products, so that an index can serve them.

Letters: D width, H heads of width D / H, x a query, y an item.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from polyrec.nn.similarity.maps import checked_heads, checked_width, identity, zero
from polyrec.nn.similarity.product import InnerProduct, direction

Biases = Literal["none", "query", "all"]


class Bilinear(InnerProduct):
    """x' W y, one map for all pairs: says which directions of a query ask for which of an item.

    W starts as the identity, so the score starts as `Dot`.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.map = identity(checked_width(dim))

    def query_side(self, query: Tensor) -> Tensor:
        """x' W."""
        return query @ self.map.weight

    def item_side(self, item: Tensor) -> Tensor:
        """The item itself."""
        return item


class Fused(InnerProduct):
    """alpha <x, y> + beta cos(x, y) + gamma <x, y> / sqrt(D): the data weigh length against angle.

    alpha and gamma are one parameter in two, kept for parity; read `dot_weight`. The cosine has
    no temperature of its own: start beta at 10 or more where a large softmax is to be fitted.
    The vectors are twice as wide.
    """

    def __init__(self, dim: int, start: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> None:
        super().__init__()
        self.dim = checked_width(dim)
        self.alpha, self.beta, self.gamma = (nn.Parameter(torch.tensor(one)) for one in start)

    @property
    def dot_weight(self) -> float:
        """alpha + gamma / sqrt(D), what the inner product weighs in all."""
        return self._dot_weight().item()

    def query_side(self, query: Tensor) -> Tensor:
        """[(alpha + gamma / sqrt(D)) x, beta x / |x|], width 2D."""
        self._check(query)
        return torch.cat([query * self._dot_weight(), direction(query) * self.beta], -1)

    def item_side(self, item: Tensor) -> Tensor:
        """[y, y / |y|], width 2D."""
        self._check(item)
        return torch.cat([item, direction(item)], -1)

    def _dot_weight(self) -> Tensor:
        return self.alpha + self.gamma / math.sqrt(self.dim)

    def _check(self, x: Tensor) -> None:
        if x.shape[-1] != self.dim:
            raise ValueError(f"Fused({self.dim}) met vectors of width {x.shape[-1]}")


class MultiHead(InnerProduct):
    """sum_h w_h <Q_h x, K_h y>: without biases a bilinear form, written with more parameters.

    Then it equals `Bilinear` with W = sum_h w_h Q_h' K_h and can say nothing that one cannot. A
    bias on Q adds the one thing more: an item's own bias, linear in y. `biases="all"` puts them
    on K and on the sum too, which adds a constant to each query: a softmax over items cannot see
    it, losses of single scores (`bce`) can. Starts as `Dot`.

    Vectors hold all but `bias`, the constant of the sum. Source: the heads of Vaswani et al.
    2017, section 3.2.2, with their inner products added up.

    Raises:
        ValueError: heads that do not divide dim, or an unknown choice of biases.
    """

    def __init__(self, dim: int, heads: int = 4, biases: Biases = "query") -> None:
        super().__init__()
        if biases not in ("none", "query", "all"):
            raise ValueError(f"no biases {biases!r}; there are: none, query, all")
        self.heads = checked_heads(dim, heads)
        self.query = identity(dim, bias="none" if biases == "none" else "zero")
        self.item = identity(dim, bias="zero" if biases == "all" else "none")
        self.weight = nn.Parameter(torch.ones(heads))
        self.bias = nn.Parameter(torch.zeros(())) if biases == "all" else None

    def forward(self, query: Tensor, item: Tensor) -> Tensor:
        """[*S, P, D], [*S, N, D] -> [*S, P, N]."""
        scores = super().forward(query, item)
        return scores if self.bias is None else scores + self.bias

    def query_side(self, query: Tensor) -> Tensor:
        """[w_h Q_h x]_h, width D."""
        return weighted(self.query(query), self.weight)

    def item_side(self, item: Tensor) -> Tensor:
        """[K_h y]_h, width D."""
        mapped: Tensor = self.item(item)
        return mapped


class GatedMultiHead(InnerProduct):
    """sum_h g_h(x) <Q_h x, K_h y>: each query chooses its heads, and an index still serves it.

    g = softmax of a linear map of x. Unlike `MultiHead` no bilinear form says it: the way a query
    meets the items depends on the query. Starts as `Dot`: equal gates, and Q_h at H times the
    identity. Source: a mixture of logits (Zhai et al. 2023) whose gate sees the query alone.

    Raises:
        ValueError: heads that do not divide dim.
    """

    def __init__(self, dim: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = checked_heads(dim, heads)
        self.query, self.item = identity(dim, times=heads), identity(dim)
        self.gate = zero(dim, heads)

    def query_side(self, query: Tensor) -> Tensor:
        """[g_h Q_h x]_h, width D."""
        return weighted(self.query(query), self.gate(query).softmax(-1))

    def item_side(self, item: Tensor) -> Tensor:
        """[K_h y]_h, width D."""
        mapped: Tensor = self.item(item)
        return mapped


def weighted(x: Tensor, weight: Tensor) -> Tensor:
    """[..., D] with each of its H parts times its weight [..., H]."""
    heads = weight.shape[-1]
    parts = x.reshape(*x.shape[:-1], heads, x.shape[-1] // heads)
    return (parts * weight[..., None]).flatten(-2)
