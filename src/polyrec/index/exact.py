"""Finds the best items, and the ranks of given ones: exactly, in blocks, within a budget.

Letters: R requests, K interests, D width, n items.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from polyrec.index import blocks
from polyrec.index.elsewhere import top_elsewhere
from polyrec.kernels.topk import Best, Given, Tile, count_above, finish, push
from polyrec.types import Ragged

TIE_RULE = "equal scores ordered by splitmix64 of the item id"


def top(
    queries: Tensor,
    items: Tensor,
    k: int,
    exclude: Ragged | None = None,
    among: Tensor | None = None,
    budget_mb: int = 512,
) -> tuple[Tensor, Tensor]:
    """Ids [R, k] and scores [R, k] of the best items by inner product, best first.

    Where both sides lie on another device, it searches there; lists come to the processor.

    Args:
        queries: [R, K, D]; an item's score is the maximum over K.
        items: [n + 1, D]; row 0 is ignored.
        exclude: [R], ids never to return to that row.
        among: the only ids allowed; None = 1..n.
        budget_mb: what lists and buffers may take beside `queries` and `items`.

    Raises:
        ValueError: k < 1, shapes that do not meet, a value that is not finite, an id outside
            1..n in `among`, or a need above the budget.
    """
    blocks.check_vectors(queries, items)
    requests, interests, dim = queries.shape
    bans = blocks.bans(exclude, requests)
    ids = blocks.allowed(among, items.shape[0] - 1)
    need = estimate_mb(requests, interests, dim, k, bans[0].size)
    blocks.fits(need, budget_mb, requests, k)
    if not queries.is_cpu:
        return top_elsewhere(queries, items, k, bans, ids, budget_mb)
    best = Best.empty(requests, k)

    def compete(first: int, last: int, block: Tensor) -> None:
        here = best.rows(first, last)
        ban = blocks.cut(bans, first, last)
        for tile_ids, scores in blocks.tiles(block, items, ids):
            push(Tile(scores, tile_ids, *ban), here, interests)

    blocks.each_block(queries, compete)
    finish(best)
    return torch.from_numpy(best.ids), torch.from_numpy(best.scores)


def top_scores(
    block: blocks.Block,
    requests: int,
    k: int,
    exclude: Ragged | None = None,
    among: Tensor | None = None,
    budget_mb: int = 512,
) -> tuple[Tensor, Tensor]:
    """As `top`, for a model that scores the whole catalogue of a slice of requests.

    `block(rows)` gives [rows, n + 1]; column 0 is ignored, -inf means "never recommend". The
    first call asks one row, to learn n; how many rows later calls ask follows from the budget.

    Raises:
        ValueError: a score is NaN or +inf (names row and id), or the budget is too small.
    """
    bans = blocks.bans(exclude, requests)
    need = estimate_mb(requests, 0, 0, k, bans[0].size)
    blocks.fits(need, budget_mb, requests, k)
    best = Best.empty(requests, k)
    spare = budget_mb - need
    for first, last, ids, scores in blocks.score_blocks(block, requests, among, spare):
        tile = Tile(scores, ids, *blocks.cut(bans, first, last))
        push(tile, best.rows(first, last), 1)
    finish(best)
    return torch.from_numpy(best.ids), torch.from_numpy(best.scores)


def ranks(
    queries: Tensor,
    items: Tensor,
    truth: Ragged,
    exclude: Ragged | None = None,
    among: Tensor | None = None,
) -> Tensor:
    """[sum]: full rank of each wanted item, 1 + number of allowed items above it.

    0 = it can never be listed: unknown (id 0), excluded for its row, or not `among`. Same
    scores and same tie order as `top`: rank r <= k means place r of the list.
    """
    queries, items = queries.cpu(), items.cpu()
    blocks.check_vectors(queries, items)
    interests = queries.shape[1]
    bans = blocks.bans(exclude, len(queries))
    ids = blocks.allowed(among, items.shape[0] - 1)
    wanted, start = blocks.packed(truth, len(queries))
    above = np.zeros(wanted.size, np.int64)

    def count(first: int, last: int, block: Tensor) -> None:
        mine = slice(start[first], start[last])
        here = start[first : last + 1] - start[first]
        own = blocks.own_scores(block, items, wanted[mine], here, interests)
        given = Given(own, wanted[mine], here)
        ban = blocks.cut(bans, first, last)
        for tile_ids, scores in blocks.tiles(block, items, ids):
            tile = Tile(scores, tile_ids, *ban)
            count_above(tile, interests, given, above[mine])

    blocks.each_block(queries, count)
    return blocks.ranked(above, wanted, start, bans, ids)


def ranks_scores(
    block: blocks.Block,
    requests: int,
    truth: Ragged,
    exclude: Ragged | None = None,
    among: Tensor | None = None,
    budget_mb: int = 512,
) -> Tensor:
    """As `ranks`, for a model that scores the whole catalogue of a slice of requests."""
    bans = blocks.bans(exclude, requests)
    wanted, start = blocks.packed(truth, requests)
    above = np.zeros(wanted.size, np.int64)
    ids = np.zeros(0, np.int64)
    for first, last, ids, scores in blocks.score_blocks(block, requests, among, budget_mb):
        mine = slice(start[first], start[last])
        here = start[first : last + 1] - start[first]
        row = np.repeat(np.arange(last - first), np.diff(here))
        place = np.searchsorted(ids, wanted[mine]).clip(0, ids.size - 1)
        tile = Tile(scores, ids, *blocks.cut(bans, first, last))
        given = Given(scores[row, place], wanted[mine], here)
        count_above(tile, 1, given, above[mine])
    return blocks.ranked(above, wanted, start, bans, ids)


def estimate_mb(requests: int, interests: int, dim: int, k: int, excluded: int = 0) -> float:
    """MiB that `top` needs beside its inputs: lists, sorted exclusions, a block of scores a core.

    >>> estimate_mb(60_367, 4, 64, 50) < 40 + 5 * blocks.cores()
    True
    """
    rows = blocks.block_rows(interests) * interests + blocks.EVEN
    buffers = blocks.cores() * (4 * rows * (blocks.TILE + dim) + 4 * blocks.TILE * dim)
    lists = requests * (12 * k + 16)
    return (lists + 24 * excluded + buffers) / 2**20
