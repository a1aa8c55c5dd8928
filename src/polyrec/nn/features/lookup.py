"""Vectors computed once and looked up after: what serving and evaluation do with a tower."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

BLOCK = 65_536  # ids computed at a time


class Vectors(Protocol):
    """Whatever gives vectors by id: a table of ids, a tower."""

    @property
    def items(self) -> int: ...
    @property
    def training(self) -> bool: ...
    def train(self, mode: bool = True) -> object: ...
    def __call__(self, ids: Tensor) -> Tensor: ...


class Lookup(nn.Module):
    """A finished table: the vectors that a tower had when it was made.

    It never follows the tower: after a step of the optimiser make another. A model keeps none; it
    returns one from `prepare`, which is asked once an evaluation.
    """

    vectors: Tensor

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors, persistent=False)

    @property
    def items(self) -> int:
        """n, without row 0."""
        return self.vectors.shape[0] - 1

    @property
    def dim(self) -> int:
        """D."""
        return self.vectors.shape[1]

    @property
    def device(self) -> torch.device:
        """Where the vectors lie."""
        return self.vectors.device

    def forward(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D]."""
        return self.vectors[ids.to(self.device)]


def precomputed(tower: Vectors, block: int = BLOCK) -> Lookup:
    """Every vector of a tower as it is now: in eval mode, without gradient, a block at a time.

    Law: it answers as its tower does in eval mode.
    """
    was = tower.training
    tower.train(False)
    try:
        with torch.no_grad():
            parts = [
                tower(torch.arange(first, min(first + block, tower.items + 1)))
                for first in range(0, tower.items + 1, block)
            ]
    finally:
        tower.train(was)
    return Lookup(torch.cat(parts))
