"""Semantic ids: a few coarse-to-fine codes an item, and what they say of its vector.

Rows are ids as everywhere: row 0 is nothing, an item whose vector is all zero has no codes (0 at
every level), real codes are 1..size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from polyrec.nn.quantize.kmeans import nearest


@dataclass(frozen=True)
class Codes:
    """Codes of all items, the centres they name, and so what is left of each vector.

    The sum of an item's centres, one a level, stands for its vector: itself for residual k-means,
    `decode` of it for a quantiser that works in a space of its own.
    """

    ids: Tensor  # [n + 1, levels], int64, 0 = none
    centres: Tensor  # [levels, size, D]
    kept: tuple[int, ...]  # real centres of each level; the rows after them are zero
    decode: Callable[[Tensor], Tensor] | None = None  # [m, D] -> [m, d]

    @property
    def levels(self) -> int:
        """Codes an item."""
        return self.ids.shape[1]

    @property
    def size(self) -> int:
        """Codes a level can name."""
        return self.centres.shape[1]

    @property
    def coded(self) -> Tensor:
        """[n + 1], bool: items that have codes."""
        return self.ids[:, 0] > 0

    @cached_property
    def token(self) -> Tensor:
        """[n + 1]: the running index inside equal tuples, 0 for the first and for the unique."""
        return collision_token(self.ids)

    @property
    def tokens(self) -> Tensor:
        """[n + 1, levels + 1]: codes and collision token, no two coded items alike."""
        return torch.cat([self.ids, self.token[:, None]], 1)

    @property
    def reconstruction(self) -> Tensor:
        """[n + 1, d]: what the codes say of every vector; zero without codes."""
        return self.rebuilt(torch.arange(len(self.ids), device=self.ids.device))

    @torch.no_grad()
    def rebuilt(self, rows: Tensor) -> Tensor:
        """[m] -> [m, d]: what the codes of these items say of their vectors."""
        total = summed(self.ids[rows], self.centres)
        if self.decode is None:
            return total
        return self.decode(total) * self.coded[rows][:, None]

    def encoded(self, z: Tensor) -> Tensor:
        """[m, D] -> [m, levels]: the codes of vectors that came later, in the centres' space."""
        return encode(z, self.centres, self.kept)[0]


@torch.no_grad()
def encode(z: Tensor, centres: Tensor, kept: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The nearest centre of what is left, level by level: codes [m, levels], rest [m, D].

    An all-zero vector has no codes and nothing left.
    """
    ids = torch.zeros(len(z), len(centres), dtype=torch.int64, device=z.device)
    there = z.any(1)
    left = z.clone()
    for level, count in enumerate(kept):
        picked = nearest(left, centres[level, :count])
        ids[:, level] = (picked + 1) * there
        left -= centres[level][picked] * there[:, None]
    return ids, left


def summed(ids: Tensor, centres: Tensor) -> Tensor:
    """[m, levels], [levels, size, D] -> [m, D]: the sum of the named centres, none for code 0."""
    total = centres.new_zeros(len(ids), centres.shape[2])
    for level, centre in enumerate(centres):
        code = ids[:, level]
        total += centre[(code - 1).clamp(min=0)] * (code > 0)[:, None]
    return total


def collision_token(ids: Tensor) -> Tensor:
    """[m, levels] -> [m]: how many rows above have the same codes; 0 for rows without codes.

    >>> collision_token(torch.tensor([[0, 0], [1, 2], [1, 2], [3, 1], [1, 2]])).tolist()
    [0, 0, 1, 0, 2]
    """
    group, counts = torch.unique(ids, dim=0, return_inverse=True, return_counts=True)[1:]
    order = group.argsort(stable=True)
    begin = counts.cumsum(0) - counts
    place = torch.arange(len(ids), device=ids.device) - begin[group[order]]
    token = torch.empty_like(place)
    token[order] = place
    return token * (ids[:, 0] > 0)
