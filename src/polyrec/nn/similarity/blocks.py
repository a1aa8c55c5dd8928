"""Scores pairs block by block, where a pair takes more room than its score.

A block holds at most `AT_ONCE` numbers, whatever the sizes; a backward pass computes it again
rather than keep it. Small blocks stay in the processor's cache, so this costs no time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

AT_ONCE = 1 << 20  # numbers of a block: 4 MB of float32

PairScore = Callable[[Tensor, Tensor], Tensor]


def in_blocks(score: PairScore, query: Tensor, item: Tensor, room: int) -> Tensor:
    """`score` of every pair: [*S, P, A], [*S, N, B] -> [*S, P, N].

    Args:
        score: of such a pair of tensors, row by row and column by column.
        room: numbers that one pair takes while it is scored.
    """
    if query.ndim > 2 and query.ndim >= item.ndim and item.shape[:-2].numel() == 1:
        # one set of items for all: their rows are never copied for each of S
        flat = in_blocks(score, query.flatten(0, -2), item.reshape(item.shape[-2:]), room)
        return flat.view(*query.shape[:-1], item.shape[-2])
    if _pairs(query, item).numel() * room <= AT_ONCE:
        return score(query, item)
    return _cut(score, query, item, room)


def _cut(score: PairScore, query: Tensor, item: Tensor, room: int) -> Tensor:
    shape = _pairs(query, item)
    excess = shape.numel() * room / AT_ONCE
    longest = max(shape)
    if excess <= 1 or longest == 1:
        return _computed_again(score, query, item)
    axis = shape.index(longest) - len(shape)
    step = max(1, math.floor(longest / excess))
    queries, items = _split(query, item, axis, step)
    parts = [_cut(score, q, i, room) for q, i in zip(queries, items, strict=True)]
    return torch.cat(parts, axis)


def _pairs(query: Tensor, item: Tensor) -> torch.Size:
    """[*S, P, N]."""
    lead = torch.broadcast_shapes(query.shape[:-2], item.shape[:-2])  # type: ignore[no-untyped-call]
    return torch.Size((*lead, query.shape[-2], item.shape[-2]))


def _split(
    query: Tensor, item: Tensor, axis: int, step: int
) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    """Both sides cut along an axis of their scores; a side without that axis is repeated."""
    queries = [query] if axis == -1 else _along(query, axis, step)
    items = [item] if axis == -2 else _along(item, min(axis, -2), step)
    count = max(len(queries), len(items))
    return _repeated(queries, count), _repeated(items, count)


def _along(x: Tensor, axis: int, step: int) -> Sequence[Tensor]:
    return torch.split(x, step, axis) if -axis <= x.ndim and x.shape[axis] > 1 else [x]


def _repeated(parts: Sequence[Tensor], count: int) -> Sequence[Tensor]:
    return parts if len(parts) == count else [*parts] * count


def _computed_again(score: PairScore, query: Tensor, item: Tensor) -> Tensor:
    """The score, of which the backward pass keeps the inputs alone."""
    if not torch.is_grad_enabled():
        return score(query, item)
    again = checkpoint(score, query, item, use_reentrant=False, preserve_rng_state=False)
    return cast(Tensor, again)
