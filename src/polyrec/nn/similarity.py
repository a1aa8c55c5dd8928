"""How a query meets an item. Scale and temperature live here, corrections for sampling do not."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Scale = Literal["one", "learned"]
SHORTEST = 1e-8  # below this norm a vector has no direction


class Dot(nn.Module):
    """Inner product, times a scale: length speaks too. The papers' score.

    `scale="learned"` (starts at 1) suits routed capsules, whose norm stays below 1: without it
    the logits can only spread through long item vectors.
    """

    def __init__(self, scale: Scale = "one") -> None:
        super().__init__()
        if scale not in ("one", "learned"):
            raise ValueError(f"no scale {scale!r}; there are: one, learned")
        self.scale = nn.Parameter(torch.ones(())) if scale == "learned" else None

    def forward(self, query: Tensor, item: Tensor) -> Tensor:
        """[*S, P, D], [*S, N, D] -> [*S, P, N]."""
        return self._scaled(query) @ item.transpose(-1, -2)

    def as_vectors(self, query: Tensor | None = None, item: Tensor | None = None) -> Tensor:
        """scale * query; item."""
        return _only(item) if query is None else self._scaled(_only(query, item))

    def _scaled(self, query: Tensor) -> Tensor:
        return query if self.scale is None else query * self.scale


class Cosine(nn.Module):
    """Angle only, divided by a temperature: popularity cannot hide in length.

    A bare cosine spans [-1, 1] and cannot fit a softmax over 10^5 items; tau .02 to .1 can.

    Raises:
        ValueError: tau below .005, where float32 exponentials overflow.
    """

    def __init__(self, tau: float = 0.05) -> None:
        super().__init__()
        if not tau >= 0.005:
            raise ValueError(f"temperature {tau}: allowed from .005, usual .02 to .1")
        self.tau = tau

    def forward(self, query: Tensor, item: Tensor) -> Tensor:
        """[*S, P, D], [*S, N, D] -> [*S, P, N]."""
        return _direction(query) / self.tau @ _direction(item).transpose(-1, -2)

    def as_vectors(self, query: Tensor | None = None, item: Tensor | None = None) -> Tensor:
        """query / |query| / tau; item / |item|."""
        if query is None:
            return _direction(_only(item))
        return _direction(_only(query, item)) / self.tau


def _direction(x: Tensor) -> Tensor:
    return F.normalize(x, dim=-1, eps=SHORTEST)


def _only(given: Tensor | None, other: Tensor | None = None) -> Tensor:
    if given is None or other is not None:
        raise ValueError("as_vectors takes one side, a query or an item: call it once a side")
    return given


SIMILARITIES: dict[str, type[Dot] | type[Cosine]] = {"dot": Dot, "cosine": Cosine}
