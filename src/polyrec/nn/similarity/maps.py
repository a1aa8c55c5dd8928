"""Linear maps with a plain start: the identity, or zero."""

from __future__ import annotations

from typing import Literal

from torch import nn

Bias = Literal["zero", "none"]


def identity(dim: int, times: float = 1.0, bias: Bias = "none") -> nn.Linear:
    """A map of [..., D] to itself that starts as the identity, times a number."""
    layer = zero(dim, dim, bias)
    nn.init.eye_(layer.weight)
    layer.weight.data.mul_(times)
    return layer


def zero(inputs: int, outputs: int, bias: Bias = "zero") -> nn.Linear:
    """A linear layer that starts at zero: a gate that is undecided at first."""
    layer = nn.Linear(inputs, outputs, bias=bias == "zero")
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def checked_width(dim: int) -> int:
    """A width of at least 1, or an error."""
    if dim < 1:
        raise ValueError(f"a similarity needs dim >= 1, got {dim}")
    return dim


def checked_heads(dim: int, heads: int) -> int:
    """A number of heads that cuts the width into equal parts, or an error that names some."""
    checked_width(dim)
    if heads < 1 or dim % heads:
        fit = ", ".join(str(h) for h in range(1, min(dim, 64) + 1) if dim % h == 0)
        raise ValueError(f"heads={heads} does not cut dim={dim} into equal parts; use one of {fit}")
    return heads
