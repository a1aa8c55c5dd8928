"""Which sampled ids a row must not meet, and which ones it should not have met.

Sets of negatives are sorted once and every row's own list is looked up in its set: the work grows
with the length of the lists, not with rows x negatives.
"""

from __future__ import annotations

import torch
from torch import Tensor

from polyrec.types import Negatives, Ragged, Requests

TABLE = 1 << 22  # keys that a table of bytes is made for


def outside_target(ids: Tensor, row: Tensor, positives: Tensor) -> Tensor:
    """[B, N]: True where the sampled id is not the row's own positive; False for a row without.

    A row whose positive is 0 asks nothing and meets nobody.
    """
    if ids.shape[0] == len(row) > 1:
        return (ids[row] != positives[:, None]) & (positives[:, None] > 0)
    outside = torch.ones(positives.numel(), ids.shape[1], dtype=torch.bool)
    outside[_places(ids, row, torch.arange(positives.numel()), positives)] = False
    if not bool(positives.all()):
        outside[positives == 0] = False
    return outside


def outside_lists(ids: Tensor, row: Tensor, requests: Requests, lists: Ragged) -> Tensor:
    """[B, N]: True where the sampled id is not in the list of the row's history.

    Arguments:
        lists: [S], ids each history must not meet, itself for one. Where a sequence asks several
            questions, all of them share its list.
    """
    if requests.asked is None:
        return ~_met(ids, row, lists)
    sequence = sequence_of(requests)
    sets = torch.zeros(len(lists), dtype=torch.int64)
    sets[sequence] = row
    if bool((sets[sequence] == row).all()):  # rows of a sequence meet one set: look up once
        return ~_met(ids, sets, lists)[sequence]
    return ~_met(ids, row, lists.select(sequence))


def sequence_of(requests: Requests) -> Tensor:
    """[R]: the history that each question is asked of."""
    if requests.asked is None:
        return torch.arange(len(requests.history))
    return torch.searchsorted(requests.history.start, requests.asked, right=True) - 1


def false_negatives(negatives: Negatives, later: Ragged, kept: Tensor | None = None) -> Tensor:
    """Share of the sampled negatives that are positives of their row later on.

    Arguments:
        later: [B], each row's own later positives (training or validation), repeats allowed.
        kept: bool, [B, sum of N], what the loss kept of the draws side by side; None = all.

    Returns:
        a scalar over all entries that enter the loss; 0 where nothing does.
    """
    hits = torch.zeros((), dtype=torch.int64)
    total = torch.zeros((), dtype=torch.int64)
    at = 0
    for draw in negatives.draws:
        count = draw.ids.shape[1]
        valid = draw.valid.expand(len(later), count)
        if kept is not None:
            valid, at = valid & kept[:, at : at + count], at + count
        hits = hits + (_met(draw.ids, draw.row, later) & valid).sum()
        total = total + valid.sum()
    return hits / total.clamp(min=1)


def _met(ids: Tensor, row: Tensor, lists: Ragged) -> Tensor:
    """[B, N]: True where row b's set holds, at that column, an item of b's list."""
    met = torch.zeros(len(lists), ids.shape[1], dtype=torch.bool)
    met[_places(ids, row, lists.row, lists.values)] = True
    return met


def _places(ids: Tensor, row: Tensor, owner: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns at which the set of row `owner[i]` holds `wanted[i]`, repeats included."""
    sets, count = ids.shape
    if wanted.numel() == 0:
        return owner, wanted
    if sets > 1:  # keys: set, then id
        stride = int(torch.maximum(ids.max(), wanted.max())) + 1
        ids = ids + torch.arange(sets)[:, None] * stride
        wanted = wanted + row[owner] * stride
    most = int(torch.maximum(ids.max(), wanted.max())) + 1
    if most <= TABLE:  # most of what is wanted was not drawn: a table tells faster than a search
        drawn = torch.zeros(most, dtype=torch.bool)
        drawn[ids.flatten()] = True
        here = drawn[wanted].nonzero().squeeze(1)
        wanted, owner = wanted[here], owner[here]
    keys, order = ids.flatten().sort()
    first = torch.searchsorted(keys, wanted.contiguous())
    hit = (keys[first.clamp(max=keys.numel() - 1)] == wanted).nonzero().squeeze(1)
    first, owner = first[hit], owner[hit]
    times = torch.searchsorted(keys, wanted[hit], right=True) - first
    shift = torch.repeat_interleave(first - (times.cumsum(0) - times), times)
    place = order[torch.arange(shift.numel()) + shift]
    return torch.repeat_interleave(owner, times), place % count
