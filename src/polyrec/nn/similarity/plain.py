"""Inner product and cosine: nothing is learned, or a single number."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from polyrec.nn.similarity.product import InnerProduct, direction

Scale = Literal["one", "learned"]
Temperature = Literal["fixed", "learned"]
COLDEST = 0.005  # below this temperature float32 exponentials overflow


class Dot(InnerProduct):
    """Inner product, times a scale: length speaks too. The papers' score.

    `scale="learned"` (starts at 1) suits routed capsules, whose norm stays below 1: without it
    the logits can only spread through long item vectors.
    """

    def __init__(self, scale: Scale = "one") -> None:
        super().__init__()
        if scale not in ("one", "learned"):
            raise ValueError(f"no scale {scale!r}; there are: one, learned")
        self.scale = nn.Parameter(torch.ones(())) if scale == "learned" else None

    def query_side(self, query: Tensor) -> Tensor:
        """scale * query."""
        return query if self.scale is None else query * self.scale

    def item_side(self, item: Tensor) -> Tensor:
        """The item itself."""
        return item


class ScaledDot(InnerProduct):
    """Inner product over the root of the width: ranks as `Dot`, with smaller steps.

    Only the size of scores and gradients differs, which a learning rate or a loss with a fixed
    width notices. Source: Vaswani et al. 2017, eq. 1.
    """

    def query_side(self, query: Tensor) -> Tensor:
        """Query / sqrt(D)."""
        return query / math.sqrt(query.shape[-1])

    def item_side(self, item: Tensor) -> Tensor:
        """The item itself."""
        return item


class Cosine(InnerProduct):
    """Angle only, divided by a temperature: popularity cannot hide in length.

    A bare cosine spans [-1, 1] and cannot fit a softmax over 10^5 items; tau .02 to .1 can.
    `temperature="learned"` learns ln(1/tau) from `tau` on, as CLIP does (Radford et al. 2021,
    section 2.5), never below .005; at that bound only steps back pass.

    Raises:
        ValueError: tau below .005, where float32 exponentials overflow, or not finite.
    """

    def __init__(self, tau: float = 0.05, temperature: Temperature = "fixed") -> None:
        super().__init__()
        if not COLDEST <= tau < math.inf:
            raise ValueError(f"temperature {tau}: allowed from {COLDEST}, usual .02 to .1")
        if temperature not in ("fixed", "learned"):
            raise ValueError(f"no temperature {temperature!r}; there are: fixed, learned")
        self._tau = tau
        start = torch.tensor(-math.log(tau))
        self.log_scale = nn.Parameter(start) if temperature == "learned" else None

    @property
    def tau(self) -> float:
        """The temperature in use."""
        if self.log_scale is None:
            return self._tau
        return max(COLDEST, math.exp(-self.log_scale.item()))

    def query_side(self, query: Tensor) -> Tensor:
        """Query / |query| / tau."""
        if self.log_scale is None:
            return direction(query) / self._tau
        bounded: Tensor = _AtMost.apply(self.log_scale, -math.log(COLDEST))  # type: ignore[no-untyped-call]
        return direction(query) * bounded.exp()

    def item_side(self, item: Tensor) -> Tensor:
        """Item / |item|."""
        return direction(item)


class _AtMost(torch.autograd.Function):
    """min(x, bound), whose gradient above the bound passes only where it leads back.

    A plain clamp has no gradient there: a number that oversteps the bound once would stay.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, bound: float) -> Tensor:
        ctx.over = x > bound
        return x.clamp(max=bound)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return torch.where(ctx.over, grad.clamp(min=0), grad), None
