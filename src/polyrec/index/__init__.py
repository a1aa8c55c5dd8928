"""The best items for a request: exact by default, approximate where serving needs it.

The score of an item is the maximum over the request's K queries. Id 0 is never returned; equal
scores are ordered by a hash of the item id, the same in every block, list length and process.
A short list is filled with id 0 and score -inf. Works on float32 tensors; `top` wherever they
lie, ranks and scoring models on the processor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from polyrec.index.approximate import Approximate
from polyrec.index.exact import TIE_RULE, estimate_mb, ranks, ranks_scores, top, top_scores
from polyrec.types import Ragged

__all__ = [
    "TIE_RULE",
    "Approximate",
    "Exact",
    "Index",
    "estimate_mb",
    "ranks",
    "ranks_scores",
    "top",
    "top_scores",
]


class Index(Protocol):
    """Whoever finds items by vectors. Reported metrics always come from `Exact`."""

    def top(
        self, queries: Tensor, k: int, exclude: Ragged | None = None, among: Tensor | None = None
    ) -> tuple[Tensor, Tensor]: ...  # ids [R, k], scores [R, k]


@dataclass(frozen=True)
class Exact:
    """Looks at every item. The default, and the only one whose lists are measured."""

    items: Tensor  # [n + 1, D]
    budget_mb: int = 512

    def top(
        self, queries: Tensor, k: int, exclude: Ragged | None = None, among: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As the function `top`."""
        return top(queries, self.items, k, exclude, among, self.budget_mb)
