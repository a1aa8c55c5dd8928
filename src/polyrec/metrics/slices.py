"""Which part of the requests a value speaks of: busy or quiet people, popular or rare items.

A slicing gives each request exactly one label, so slice means weighted by size are the total.
Edges are fixed before a run and stored with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from polyrec.types import Ragged

FEWEST_REQUESTS, FEWEST_POSITIVES = 100, 20
HEAD = TAIL = 0.2  # shares of train events


@dataclass(frozen=True)
class Slicing:
    """A label for each request."""

    name: str
    label: Tensor  # [R], index into names
    names: tuple[str, ...]

    def masks(self) -> dict[str, Tensor]:
        """Bool [R] of each slice that holds a request."""
        every = {name: self.label == i for i, name in enumerate(self.names)}
        return {name: mask for name, mask in every.items() if bool(mask.any())}


def by_edges(name: str, values: Tensor, edges: Sequence[int]) -> Slicing:
    """Bins of a count [R]: below the first edge, from each edge to the next, from the last on.

    >>> by_edges("history", torch.tensor([0, 5, 9]), [1, 6]).names
    ('0', '1-5', '>=6')
    """
    if not edges or list(edges) != sorted(set(edges)):
        raise ValueError(f"slices: edges of {name} must rise, got {list(edges)}")
    first = f"<{edges[0]}" if edges[0] > 1 else "0"
    middle = [f"{a}-{b - 1}" if b - a > 1 else f"{a}" for a, b in pairwise(edges)]
    label = torch.bucketize(values, torch.tensor(edges), right=True)
    return Slicing(name, label, (first, *middle, f">={edges[-1]}"))


def item_groups(counts: Tensor) -> Tensor:
    """[n + 1]: 0 head (first 20% of train events), 1 middle, 2 tail (last 20%), 3 never seen.

    Items in order of falling counts; an item belongs where its first event falls. Items of
    equal count stay in order of id.
    """
    ordered, order = counts[1:].sort(descending=True, stable=True)
    before = ordered.cumsum(0) - ordered
    total = max(int(ordered.sum()), 1)
    group = torch.where(before < HEAD * total, 0, torch.where(before < (1 - TAIL) * total, 1, 2))
    group = torch.where(ordered > 0, group, 3)
    out = torch.full_like(counts, 3)
    out[1:][order] = group
    return out


def by_popularity(truth: Ragged, counts: Tensor) -> Slicing:
    """The group of a request's wanted items: head, middle, tail, unseen, or mixed."""
    group = item_groups(counts)[truth.values]
    held = torch.zeros(len(truth), 4, dtype=torch.bool)
    held[truth.row, group] = True
    label = torch.where(held.sum(1) == 1, held.int().argmax(1), 4)
    return Slicing("popularity", label, ("head", "middle", "tail", "unseen", "mixed"))


def by_activity(events: Tensor, edges: Sequence[int] = (1, 5, 10, 20, 50)) -> Slicing:
    """By the person's train events [R]; 0 = a new person."""
    return by_edges("activity", events, edges)


def by_history(length: Tensor, edges: Sequence[int] = (1, 5, 10, 20, 50)) -> Slicing:
    """By the length [R] of the history at hand when asked."""
    return by_edges("history", length, edges)


def by_pair(name: str, a: Tensor, b: Tensor, low: int = 20, high: int = 50) -> Slicing:
    """By an unordered pair of counts: both small, one small, both large, between.

    The activity slices of a published account of query suggestion: counts of a person's queries
    and items over 15 days, not truncated.
    """
    small = (a < low).int() + (b < low).int()
    large = (a >= high) & (b >= high)
    label = torch.where(small == 2, 0, torch.where(small == 1, 1, torch.where(large, 3, 2)))
    names = (f"both <{low}", f"one <{low}", f"both >={low}", f"both >={high}")
    return Slicing(name, label, names)


def too_small(requests: int, positives: int) -> bool:
    """Such a slice is shown in grey and takes part in no test."""
    return requests < FEWEST_REQUESTS or positives < FEWEST_POSITIVES
