"""The same search where vectors lie on another device than the processor.

Letters: R requests, K interests, D width, n items, m of them allowed.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from polyrec.index import blocks
from polyrec.kernels.topk import tie_order

COPIES = 3  # of a block of scores: with interests, without them, and while it is sorted


def top_elsewhere(
    queries: Tensor, items: Tensor, k: int, bans: blocks.Bans, allowed: blocks.Ids | range, mb: int
) -> tuple[Tensor, Tensor]:
    """Ids and scores [R, k] of the best, on the processor: whole rows of scores at a time.

    Columns lie in the order of ties, so among equals the first column is the better one, and a
    list is exact once no score outside it equals its last one; rows where one does are sorted
    whole.

    Args:
        queries: [R, K, D], on any device.
        items: [n + 1, D], beside them.
        mb: what a block of scores may take there.
    """
    ids = np.asarray(allowed, np.int64)
    ids = ids[np.argsort(tie_order(ids), kind="stable")]
    requests, interests, _ = queries.shape
    found = torch.zeros(requests, k, dtype=torch.int64), torch.full((requests, k), -torch.inf)
    if not ids.size:
        return found
    here, column = torch.from_numpy(ids).to(items.device), np.full(len(items), -1)
    column[ids] = np.arange(ids.size)
    vectors = items.detach()[here]
    rows = max(1, int(mb * 2**20 / (4 * COPIES * ids.size * interests)))
    for first in range(0, requests, rows):
        at = slice(first, min(first + rows, requests))
        scores = queries[at].detach().flatten(0, 1) @ vectors.T
        scores = scores.view(at.stop - first, interests, -1).amax(1)
        row, banned = _banned(blocks.cut(bans, first, at.stop), column)
        scores[row.to(scores.device), banned.to(scores.device)] = -torch.inf
        best, place = _best(scores, min(k, ids.size))
        width = slice(0, best.shape[1])
        found[0][at, width] = here[place].masked_fill(best == -torch.inf, 0).cpu()
        found[1][at, width] = best.float().cpu()
    return found


def _banned(bans: blocks.Bans, column: np.ndarray) -> tuple[Tensor, Tensor]:
    """Rows of the block and columns that they must not get."""
    values, start = bans
    mine = values[start[0] : start[-1]]
    row = np.repeat(np.arange(len(start) - 1), np.diff(start))
    known = (mine > 0) & (mine < len(column))
    row, columns = row[known], column[mine[known]]
    there = columns >= 0
    return torch.from_numpy(row[there]), torch.from_numpy(columns[there])


def _best(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k best [r, k] of each row and their columns; among equals the first column."""
    more = min(k + 1, scores.shape[1])
    best, place = scores.topk(more, 1)
    tied = best[:, k - 1] == best[:, -1] if more > k else torch.zeros_like(best[:, 0]).bool()
    place = place[:, :k].sort(1).values
    best, order = scores.gather(1, place).sort(dim=1, descending=True, stable=True)
    place = place.gather(1, order)
    if bool(tied.any()):
        whole = scores[tied].sort(dim=1, descending=True, stable=True)
        best[tied], place[tied] = whole.values[:, :k], whole.indices[:, :k]
    return best, place
