"""LightGCN beside a contrast: two blurred views of a node must be nearer than those of others.

What makes the views differ: dropped edges (SGL), noise in every layer (SimGCL), or nothing but
depth (XSimGCL, whose own pass is noisy). The contrast itself is `train`'s `WithContrast`.
Letters: B rows, N nodes, D width, L layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec.kernels.shuffle import words
from polyrec.models.graphs.collaborative.bipartite import Sizes
from polyrec.models.graphs.collaborative.lightgcn import LightGCN, Smoothed, Zeroth, both_sides
from polyrec.nn.propagate import Edges, inverse_power, propagate, propagate_rows
from polyrec.types import Encoded, Progress, Requests, Retriever, Similarity

VIEWS = 2


class SGL(LightGCN):
    """LightGCN and a contrast of two graphs that each lack a share of the edges (SGL-ED).

    `redraw` chooses the edges, once an epoch (a hook); they stand in buffers, so a resumed run
    goes on with the same ones. Degrees are counted on what is left.

    Source: Wu et al. 2021, section 3.1 (edge dropout).

    Raises:
        ValueError: the share is not below 1.
    """

    seen: Tensor

    def __init__(
        self,
        sizes: Sizes,
        dim: int = 64,
        layers: int = 3,
        drop: float = 0.1,
        zeroth: Zeroth = "kept",
    ) -> None:
        super().__init__(sizes, dim, layers, "xavier", zeroth)
        if not 0 <= drop < 1:
            raise ValueError(f"drop={drop}: the share of edges left out, need 0 <= drop < 1")
        self.drop = drop
        self.register_buffer("seen", torch.zeros(VIEWS, len(self.ends), dtype=torch.int32))

    def redraw(self, progress: Progress) -> dict[str, float]:
        """Chooses each view's edges anew: both directions of an edge stay or go together."""
        people, count = self.offset, int(self.begin[-1])
        half = count // 2
        # edges of the items' side come by item and then by person: their place on the other side
        order = self.ends[:half].long().argsort(stable=True)
        assert int(self.begin[people]) == half
        for view in range(VIEWS):
            drawn = words(progress.seed_of(f"edges/{view}"), torch.arange(half).numpy())
            kept = torch.from_numpy(drawn >> 11).to(order.device) * 2.0**-53 >= self.drop
            both = torch.cat([kept, kept[order]])
            self.seen[view].zero_()[:count] = torch.where(both, self.ends[:count], 0)
        return {"kept": float(kept.double().mean())}

    def prepare(self) -> TwoViews:
        """The whole graph for ranking; the views are made when the contrast asks for them."""
        whole = self.smoothed(self.edges())
        return TwoViews(self, whole.edges, whole.below)

    def view(self, number: int) -> Smoothed:
        """One view: dropped edges lead to nobody, whose vector is zero."""
        count = int(self.begin[-1])
        ends = self.seen[number, :count]
        before = torch.cat([ends.new_zeros(1), (ends != 0).cumsum(0)])
        degree = before[self.begin[1:].long()] - before[self.begin[:-1].long()]
        factor = inverse_power(degree)
        return self.smoothed(Edges(self.begin, ends, factor, factor))


class TwoViews(Smoothed):
    """A propagated SGL: ranks by the whole graph, contrasts by the two views."""

    def pair(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """[B, D] twice: both views of these nodes."""
        first, second = (cast(SGL, self.of).view(number).rows(nodes) for number in range(VIEWS))
        return first, second


class SimGCL(LightGCN):
    """LightGCN and a contrast of two passes with noise: e + sign(e) * eps * u / |u| in a layer.

    u is uniform in [0, 1]: every vector is pushed a distance eps in its own orthant. The ranking
    pass has no noise. `zeroth="skipped"` as in the authors' code; kept and eps = 0 is LightGCN.

    Source: Yu et al. 2022, eq. 7 and 8.
    """

    def __init__(
        self,
        sizes: Sizes,
        dim: int = 64,
        layers: int = 3,
        noise: float = 0.1,
        zeroth: Zeroth = "skipped",
    ) -> None:
        super().__init__(sizes, dim, layers, "xavier", zeroth)
        self.noise = checked(noise)

    def prepare(self) -> NoisyViews:
        """The pass without noise; the noisy ones are made when the contrast asks for them."""
        whole = self.smoothed(self.edges())
        return NoisyViews(self, whole.edges, whole.below)


class NoisyViews(Smoothed):
    """A propagated SimGCL: ranks without noise, contrasts two noisy passes."""

    def pair(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """[B, D] twice."""
        first, second = (self._pass(nodes) for _ in range(VIEWS))
        return first, second

    def _pass(self, nodes: Tensor) -> Tensor:
        of = cast(SimGCL, self.of)
        e: Tensor = of.weight
        total = torch.zeros(()) if of.zeroth == "skipped" else of.own(nodes)
        for _ in range(of.layers - 1):
            e = shaken(propagate(e, self.edges), of.noise)
            total = total + F.embedding(nodes, e)
        last = shaken(propagate_rows(e, self.edges, nodes), of.noise)
        return (total + last) / of.averaged


class XSimGCL(LightGCN):
    """SimGCL in one pass: the noisy vectors rank, and layer `layer` is held against the last.

    A third of SimGCL's work. In eval mode there is no noise.

    Source: Yu et al. 2023, eq. 9.

    Raises:
        ValueError: there is no such layer.
    """

    def __init__(
        self,
        sizes: Sizes,
        dim: int = 64,
        layers: int = 3,
        noise: float = 0.1,
        layer: int = 1,
        zeroth: Zeroth = "skipped",
    ) -> None:
        super().__init__(sizes, dim, layers, "xavier", zeroth)
        if not 1 <= layer <= layers:
            raise ValueError(f"layer={layer} of {layers}: the contrast needs one of them")
        self.noise, self.layer = checked(noise), layer

    def prepare(self) -> Retriever:
        """In training all layers with noise, else LightGCN's."""
        edges = self.edges()
        if not self.training:
            return self.smoothed(edges)
        e: Tensor = self.weight
        layers: list[Tensor] = []
        for _ in range(self.layers):
            e = shaken(propagate(e, edges), self.noise)
            layers.append(e)
        kept = layers if self.zeroth == "skipped" else [self.weight, *layers]
        return OnePass(self, torch.stack(kept).mean(0), layers[self.layer - 1])


@dataclass(frozen=True, eq=False)
class OnePass:
    """A noisy pass of XSimGCL, every node of it."""

    of: XSimGCL
    final: Tensor  # [N, D]
    early: Tensor  # [N, D]

    @property
    def similarity(self) -> Similarity:
        """The model's own."""
        return self.of.similarity

    def prepare(self) -> OnePass:
        """Done already."""
        return self

    def queries(self, requests: Requests) -> Tensor:
        """[R, 1, D]: from histories as they are now, without noise."""
        return self.of.smoothed(self.of.edges()).queries(requests)

    def items(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D]."""
        return F.embedding(self.of.item_nodes(ids), self.final)

    def rows(self, nodes: Tensor) -> Tensor:
        """[B] -> [B, D]."""
        return F.embedding(nodes, self.final)

    def pair(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """[B, D] twice: the last vectors, and those of the earlier layer."""
        return self.rows(nodes), F.embedding(nodes, self.early)

    def __call__(self, requests: Requests, ids: Tensor) -> Encoded:
        """Both sides at once."""
        return both_sides(self, self.of, requests, ids)


def shaken(e: Tensor, noise: float) -> Tensor:
    """Each row pushed by a vector of length `noise` that points into its own orthant."""
    if noise == 0:
        return e
    push = F.normalize(torch.rand_like(e), dim=1) * noise
    return e + e.detach().sign() * push


def checked(noise: float) -> float:
    """The noise, if it is one."""
    if noise < 0:
        raise ValueError(f"noise={noise}: a length, need >= 0; usual .1")
    return noise
