"""Learned scores without an inner-product form: every pair is scored, no index can serve them.

They are computed in blocks (`in_blocks`), so that memory does not grow with the catalogue.

Letters: D width, H heads of width D / H, x a query, y an item.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.nn.embed import linear
from polyrec.nn.similarity.blocks import in_blocks
from polyrec.nn.similarity.maps import checked_heads, checked_width, identity, zero
from polyrec.nn.similarity.product import one_side


class ScoredExactly(nn.Module):
    """A score without vectors: `as_vectors` says so."""

    def as_vectors(self, query: Tensor | None = None, item: Tensor | None = None) -> None:
        """None: exact scoring only."""
        one_side(*((item,) if query is None else (query, item)))


class MaxMultiHead(ScoredExactly):
    """max_h <Q_h x, K_h y>: an item is as good as the one reading of it that fits best.

    Source: a mixture of logits (Zhai et al. 2023) with the hardest gate. Only the largest head of
    a pair learns from it. Q and K start as the identity: each head reads a slice of the vectors.

    Raises:
        ValueError: heads that do not divide dim.
    """

    def __init__(self, dim: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = checked_heads(dim, heads)
        self.query, self.item = identity(dim), identity(dim)

    def forward(self, query: Tensor, item: Tensor) -> Tensor:
        """[*S, P, D], [*S, N, D] -> [*S, P, N]."""
        return in_blocks(self._score, self.query(query), self.item(item), self.heads + 1)

    def _score(self, query: Tensor, item: Tensor) -> Tensor:
        return _by_head(query, item, self.heads).amax(-3)


class ItemGatedMultiHead(ScoredExactly):
    """sum_h g_h(x, y) <Q_h x, K_h y>: both sides choose the heads. A mixture of logits.

    g = softmax over h of u_h x + v_h y + c_h. Starts as `Dot`: equal gates, and Q_h at H times
    the identity. Source: Zhai et al. 2023; the gate here is the plainest, a linear map a side.

    Raises:
        ValueError: heads that do not divide dim.
    """

    def __init__(self, dim: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = checked_heads(dim, heads)
        self.query, self.item = identity(dim, times=heads), identity(dim)
        self.query_gate, self.item_gate = zero(dim, heads), zero(dim, heads, "none")

    def forward(self, query: Tensor, item: Tensor) -> Tensor:
        """[*S, P, D], [*S, N, D] -> [*S, P, N]."""
        both_sides = (
            torch.cat([self.query(query), self.query_gate(query)], -1),
            torch.cat([self.item(item), self.item_gate(item)], -1),
        )
        return in_blocks(self._score, *both_sides, room=4 * self.heads)

    def _score(self, query: Tensor, item: Tensor) -> Tensor:
        """Each side: [.., D] for the heads and [.., H] for the gate, side by side."""
        (x, x_gate), (y, y_gate) = (side.tensor_split([-self.heads], -1) for side in (query, item))
        gate_SHPN = x_gate.mT[..., None] + y_gate.mT[..., None, :]
        return (gate_SHPN.softmax(-3) * _by_head(x, y, self.heads)).sum(-3)


class MLP(ScoredExactly):
    """A network on [x, y]: any score in principle, seldom a better one at equal cost.

    A network of ReLUs starts nearly additive, a(x) + b(y), and must learn to multiply; prefer an
    inner product unless it is beaten on your data (Rendle et al. 2020). The first layer is
    computed once a side, [x, y] itself is never built. Source: He et al. 2017, section 3.3.

    `hidden`: widths of the layers, one as wide as the vectors by default.

    Raises:
        ValueError: no hidden layer, or one narrower than 1.
    """

    def __init__(self, dim: int, hidden: Sequence[int] | None = None) -> None:
        super().__init__()
        sizes = (checked_width(dim),) if hidden is None else tuple(hidden)
        if not sizes or min(sizes) < 1:
            raise ValueError(f"hidden={sizes}: need at least one layer, each of width >= 1")
        self.first = linear(2 * dim, sizes[0])
        self.rest = nn.ModuleList(linear(*pair) for pair in pairwise((*sizes, 1)))
        self.room = sum(sizes)

    def forward(self, query: Tensor, item: Tensor) -> Tensor:
        """[*S, P, D], [*S, N, D] -> [*S, P, N]."""
        of_query, of_item = self.first.weight.chunk(2, -1)
        x, y = F.linear(query, of_query, self.first.bias), F.linear(item, of_item)
        return in_blocks(_network, x, y, self.room, tuple(self.rest.parameters()))


def _network(query: Tensor, item: Tensor, *layers: Tensor) -> Tensor:
    """From both sides of the first layer on; `layers`: weight and bias of each that follows."""
    h = query[..., :, None, :] + item[..., None, :, :]
    for weight, bias in zip(layers[::2], layers[1::2], strict=True):
        h = F.linear(F.relu(h, inplace=True), weight, bias)
    return h[..., 0]


def _by_head(query: Tensor, item: Tensor, heads: int) -> Tensor:
    """[*S, P, D], [*S, N, D] -> [*S, H, P, N], an inner product of each slice of the width."""
    width = query.shape[-1] // heads
    q_SHPd, k_SHNd = (
        x.reshape(*x.shape[:-1], heads, width).transpose(-2, -3) for x in (query, item)
    )
    return q_SHPd @ k_SHNd.mT
