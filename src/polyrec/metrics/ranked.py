"""Holds lists against what was wanted: which place of each list is a hit, and which wanted item.

Letters: R requests, k list places, H hits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from polyrec.types import Ragged, Ranked


@dataclass(frozen=True)
class Hits:
    """The hits within the first k places, one entry each, ordered by request and rank."""

    row: Tensor  # [H], the request
    rank: Tensor  # [H], place in the list, from 1
    place: Tensor  # [H], place in the request's truth list, from 1
    wanted: Tensor  # [R], distinct wanted items
    listed: Tensor  # [R], wanted items with their repeats
    k: int

    @cached_property
    def count(self) -> Tensor:
        """[R]: number of hits."""
        return torch.bincount(self.row, minlength=len(self.wanted))

    @property
    def order(self) -> Tensor:
        """[H]: 1 for a request's first hit, 2 for its second, ..."""
        before = self.count.cumsum(0) - self.count
        return torch.arange(1, len(self.row) + 1) - before[self.row]

    @property
    def reachable(self) -> Tensor:
        """[R]: min(wanted, k), the most hits that a list can hold."""
        return self.wanted.clamp(max=self.k)

    def total(self, gain: Tensor) -> Tensor:
        """[R]: sum of `gain` [H] over each request's hits, in float64."""
        return torch.bincount(self.row, weights=gain.double(), minlength=len(self.wanted))


def match(key: Tensor, cluster: Tensor, ids: Tensor, truth: Ragged) -> Ranked:
    """Marks the hits of lists `ids` [R, k] against `truth` [R].

    Id 0 in a list never counts; a repeated id counts at its first place only. Wanted items are
    counted once each; every unknown one (id 0) is its own: it stays wanted and is never found.
    """
    rows = torch.arange(len(ids))[:, None]
    span = int(max(_largest(ids), _largest(truth.values))) + 1
    wanted_key, place, wanted = _distinct(truth, span)
    list_key = rows * span + ids
    if not len(wanted_key):
        truth_at = torch.zeros_like(ids)
    else:
        at = torch.searchsorted(wanted_key, list_key).clamp(max=len(wanted_key) - 1)
        found = (wanted_key[at] == list_key) & (ids > 0)
        truth_at = torch.where(found, place[at], 0)
        truth_at = torch.where(_repeated(truth_at), 0, truth_at)
    return Ranked(key, cluster, ids, truth_at, wanted, truth.lengths)


def hits(ranked: Ranked, k: int) -> Hits:
    """The hits within the first k places.

    Raises:
        ValueError: k < 1 or longer than the stored lists.
    """
    if not 1 <= k <= ranked.ids.shape[1]:
        raise ValueError(f"metrics: k={k}, but the lists hold {ranked.ids.shape[1]} places")
    row, column = ranked.truth_at[:, :k].nonzero(as_tuple=True)
    place = ranked.truth_at[row, column]
    return Hits(row, column + 1, place, ranked.wanted, ranked.listed, k)


def duplicates(ids: Tensor) -> Tensor:
    """[R], bool: the list holds an id twice."""
    ordered = ids.sort(dim=1).values
    return ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] > 0)).any(1)


def tied(ranked: Ranked, scores: Tensor, k: int) -> Tensor:
    """[R], bool: equal scores touch a wanted item or the border between places k and k + 1.

    `scores` [R, >= k] belong to the lists; a place k + 1 is looked at where there is one.
    """
    same = (scores[:, 1:] == scores[:, :-1]) & ~scores[:, 1:].isneginf()
    border = same[:, k - 1] if same.shape[1] >= k else torch.zeros(len(scores), dtype=torch.bool)
    hit, same = ranked.hit[:, :k], same[:, : k - 1]
    return border | (same & (hit[:, 1:] | hit[:, :-1])).any(1)


def _largest(x: Tensor) -> int:
    return int(x.max()) if x.numel() else 0


def _distinct(truth: Ragged, span: int) -> tuple[Tensor, Tensor, Tensor]:
    """Sorted row-and-id keys of the distinct known wanted items, their first places, counts [R]."""
    row = truth.row
    place = torch.arange(truth.values.numel()) - (truth.start[:-1] - truth.start[0])[row] + 1
    known = truth.values > 0
    key, order = (row * span + truth.values)[known].sort(stable=True)
    first = torch.ones_like(key, dtype=torch.bool)
    first[1:] = key[1:] != key[:-1]
    wanted = torch.bincount(row[~known], minlength=len(truth))
    wanted += torch.bincount(key[first] // span, minlength=len(truth))
    return key[first], place[known][order][first], wanted


def _repeated(truth_at: Tensor) -> Tensor:
    """[R, k], bool: this hit's wanted item was hit at an earlier place already."""
    row, column = truth_at.nonzero(as_tuple=True)
    key = row * (_largest(truth_at) + 1) + truth_at[row, column]
    ordered, order = key.sort(stable=True)
    again = torch.zeros_like(key, dtype=torch.bool)
    again[1:] = ordered[1:] == ordered[:-1]
    out = torch.zeros_like(truth_at, dtype=torch.bool)
    out[row[order[again]], column[order[again]]] = True
    return out
