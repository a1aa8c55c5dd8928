"""Cuts a search into blocks of known size: which queries meet which items, and who is banned.

Letters: R requests, K interests, D width, n items, T items of a tile, Q = R * K queries.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.linalg import vector_norm

from polyrec.types import Ragged

QUERIES = 512  # of a block: its scores against one tile stay in the second-level cache
TILE = 2048  # items of a tile
EVEN = 16  # fewer rows or columns reach other matmul code, which rounds differently
SCORE_ROWS = 1024  # at most this many requests of a scoring model at once

Block = Callable[[slice], Tensor]  # rows -> [rows, n + 1] scores
Ids = NDArray[np.int64]
Bans = tuple[Ids, Ids]  # ids packed per row, ascending within it, and starts [R + 1]


def check_vectors(queries: Tensor, items: Tensor) -> None:
    """Shapes meet, and no score can be NaN or overflow: |q . i| <= |q| |i|."""
    if queries.ndim != 3 or items.ndim != 2 or queries.shape[2] != items.shape[1]:
        raise ValueError(
            f"index: queries {tuple(queries.shape)} and items {tuple(items.shape)} do not meet;"
            " they must be [R, K, D] and [n + 1, D]"
        )
    query = vector_norm(queries.detach().flatten(0, 1), dim=-1, dtype=torch.float64)
    item = vector_norm(items[1:].detach(), dim=-1, dtype=torch.float64)
    if not bool(torch.isfinite(query).all()):
        row, interest = divmod(int((~torch.isfinite(query)).nonzero()[0]), queries.shape[1])
        raise ValueError(
            f"index: the query of request row {row}, interest {interest} holds NaN or inf;"
            " scores must be finite: look at the model's output"
        )
    if not bool(torch.isfinite(item).all()):
        item_id = int((~torch.isfinite(item)).nonzero()[0]) + 1
        raise ValueError(f"index: the vector of item {item_id} holds NaN or inf; must be finite")
    if query.numel() and item.numel():
        largest = float(query.max() * item.max())
        if largest > 1e38:
            raise ValueError(f"index: scores can reach {largest:.1e}; float32 ends at 3e38")


def query_blocks(queries: Tensor) -> Iterator[tuple[int, int, Tensor]]:
    """First and last request, and their queries [Q, D], with zero rows up to a fair width."""
    requests, interests, dim = queries.shape
    step = block_rows(interests)
    for first in range(0, requests, step):
        last = min(first + step, requests)
        block = queries[first:last].detach().reshape(-1, dim)
        if len(block) % EVEN:
            block = torch.cat([block, block.new_zeros(EVEN - len(block) % EVEN, dim)])
        yield first, last, block


def each_block(queries: Tensor, do: Callable[[int, int, Tensor], None]) -> None:
    """`do(first, last, block)` for every block of queries, on all cores that we may use.

    A core takes a block of its own and multiplies on one thread: threads that share one small
    product wait for each other, and on busy cores that costs more than it gives. Blocks share
    nothing, so the result does not depend on the number of cores.
    """
    work = list(query_blocks(queries))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(max(1, min(cores(), len(work)))) as pool:
            list(pool.map(lambda args: do(*args), work))
    finally:
        torch.set_num_threads(threads)


def cores() -> int:
    """How many blocks are searched at once, at most."""
    return len(os.sched_getaffinity(0))


def block_rows(interests: int) -> int:
    """Requests in a block of queries."""
    return max(1, QUERIES // max(interests, 1))


def tiles(
    block: Tensor, items: Tensor, ids: Ids | range
) -> Iterator[tuple[Ids, NDArray[np.float32]]]:
    """Ids [T] of each tile and its scores [Q, T]; the buffer of scores is used again."""
    buffer = block.new_empty(len(block) * TILE)
    for first in range(0, len(ids), TILE):
        part = ids[first : first + TILE]
        if isinstance(part, range):
            here, vectors = np.arange(part.start, part.stop), items[part.start : part.stop]
        else:
            here, vectors = part, items[torch.from_numpy(part)]
        vectors = vectors.detach()
        if len(vectors) < EVEN:
            vectors = torch.cat([vectors, vectors.new_zeros(EVEN - len(vectors), items.shape[1])])
        out = buffer[: len(block) * len(vectors)].view(len(block), len(vectors))
        torch.mm(block, vectors.T, out=out)
        yield here, out.numpy()[:, : len(here)]


def own_scores(
    block: Tensor, items: Tensor, wanted: Ids, start: Ids, interests: int
) -> NDArray[np.float32]:
    """[sum]: each request's score of its own wanted items, by the same arithmetic as a tile."""
    scores = np.zeros(wanted.size, np.float32)
    row = np.repeat(np.arange(start.size - 1), np.diff(start))
    for ids, tile in tiles(block, items, np.unique(wanted)):
        whole = len(tile) // interests  # rows of padding may not make a whole request
        score_RKT = tile[: whole * interests].reshape(whole, interests, ids.size)
        here = np.isin(wanted, ids)
        column = np.searchsorted(ids, wanted[here])
        scores[here] = score_RKT[row[here], :, column].max(axis=1)
    return scores


def score_blocks(
    block: Block, requests: int, among: Tensor | None, spare_mb: float
) -> Iterator[tuple[int, int, Ids, NDArray[np.float32]]]:
    """First and last request, ids [T] and scores [rows, T]; the first block is one row, to learn n.

    Raises:
        ValueError: a score is NaN or +inf, or one row does not fit into the budget.
    """
    first, rows = 0, 1
    while first < requests:
        last = min(first + rows, requests)
        scores = block(slice(first, last)).detach()
        width = scores.shape[1]
        _check_scores(scores, first)
        need = 8 * width / 2**20
        if need > spare_mb:
            raise ValueError(
                f"index: one request's scores of {width - 1} items need {need:.1f} MB,"
                f" {max(spare_mb, 0):.1f} MB are left; raise budget_mb"
            )
        ids = allowed(among, width - 1)
        part = scores[:, 1:] if isinstance(ids, range) else scores[:, torch.from_numpy(ids)]
        values = torch.empty(part.shape).copy_(part).numpy()  # bans are written into it
        yield first, last, np.asarray(ids, np.int64), values
        first, rows = last, min(SCORE_ROWS, max(1, int(spare_mb / need)))


def _check_scores(scores: Tensor, first: int) -> None:
    """-inf means never; NaN and +inf mean a broken model."""
    bad = (scores[:, 1:].isnan() | scores[:, 1:].isposinf()).nonzero()
    if len(bad):
        row, column = (int(x) for x in bad[0])
        raise ValueError(
            f"index: the score of request row {first + row}, item {column + 1} is"
            f" {float(scores[row, column + 1])}; scores must be finite (-inf = never recommend)"
        )


def allowed(among: Tensor | None, n: int) -> Ids | range:
    """The ids to look at, ascending.

    Raises:
        ValueError: an id lies outside 1..n.
    """
    if among is None:
        return range(1, n + 1)
    ids = np.unique(among.numpy()).astype(np.int64)
    if ids.size and (ids[0] < 1 or ids[-1] > n):
        wrong = int(ids[0]) if ids[0] < 1 else int(ids[-1])
        raise ValueError(f"index: `among` holds id {wrong}; allowed are 1..{n} (0 means nothing)")
    return ids


def bans(exclude: Ragged | None, requests: int) -> Bans:
    """Exclusions sorted within each row.

    Raises:
        ValueError: not one row per request.
    """
    if exclude is None:
        return np.zeros(0, np.int64), np.zeros(requests + 1, np.int64)
    if len(exclude) != requests:
        raise ValueError(f"index: {len(exclude)} rows of exclusions for {requests} requests")
    start = exclude.start.numpy().astype(np.int64)
    values = exclude.values.numpy().astype(np.int64)[start[0] : start[-1]]
    row = np.repeat(np.arange(requests), np.diff(start))
    if values.size:
        span = int(values.max()) + 1
        values = np.sort(row * span + values) - row * span
    return values, start - start[0]


def cut(bans: Bans, first: int, last: int) -> Bans:
    """The exclusions of some rows."""
    values, start = bans
    return values, start[first : last + 1]


def packed(truth: Ragged, requests: int) -> tuple[Ids, Ids]:
    """Ids and starts of wanted items as arrays.

    Raises:
        ValueError: not one row per request.
    """
    if len(truth) != requests:
        raise ValueError(f"index: {len(truth)} rows of wanted items for {requests} requests")
    start = truth.start.numpy().astype(np.int64)
    return truth.values.numpy().astype(np.int64)[start[0] : start[-1]], start - start[0]


def ranked(above: Ids, wanted: Ids, start: Ids, bans: Bans, ids: Ids | range) -> Tensor:
    """1 + number of items above; 0 for what can never be listed."""
    row = np.repeat(np.arange(start.size - 1), np.diff(start))
    ban, ban_start = bans
    span = max(int(wanted.max(initial=0)), int(ban.max(initial=0))) + 1
    ban_row = np.repeat(np.arange(ban_start.size - 1), np.diff(ban_start))
    never = np.isin(row * span + wanted, ban_row * span + ban)
    never |= ~np.isin(wanted, np.asarray(ids, np.int64))
    return torch.from_numpy(np.where(never, 0, above + 1))


def fits(need: float, budget_mb: int, requests: int, k: int) -> None:
    """Refuses before anything is allocated.

    Raises:
        ValueError: k < 1, or the need is above the budget.
    """
    if k < 1:
        raise ValueError(f"index: k={k}, need at least 1")
    if need > budget_mb:
        raise ValueError(
            f"index: top-{k} of {requests} requests needs {need:.1f} MB of lists and buffers,"
            f" budget_mb={budget_mb}; ask fewer requests at once or raise budget_mb"
        )
