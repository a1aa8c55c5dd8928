"""Scores pairs block by block, where a pair takes more room than its score.

A block holds at most `AT_ONCE` numbers, whatever the sizes. The backward pass computes it again
rather than keep it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

AT_ONCE = 1 << 20  # numbers of a block: 4 MB of float32, about a core's second-level cache

PairScore = Callable[..., Tensor]  # [*S, P, A], [*S, N, B] and parameters -> [*S, P, N]
Side = tuple[Tensor, ...]  # tensors of one side that are cut alike


def in_blocks(
    score: PairScore, query: Tensor, item: Tensor, room: int, parameters: Side = ()
) -> Tensor:
    """`score(query, item, *parameters)` of every pair: [*S, P, A], [*S, N, B] -> [*S, P, N].

    Args:
        score: of a pair of tensors, each row of one with each row of the other.
        room: numbers that one pair takes while it is scored.
        parameters: whatever else of `score` needs a gradient.
    """
    if query.ndim > 2 and query.ndim >= item.ndim and item.shape[:-2].numel() == 1:
        # one set of items for all: its rows are never copied for each of S
        rows, columns = query.flatten(0, -2), item.reshape(item.shape[-2:])
        flat = in_blocks(score, rows, columns, room, parameters)
        return flat.view(*query.shape[:-1], item.shape[-2])
    if _pairs(query, item).numel() * room <= AT_ONCE:
        return score(query, item, *parameters)
    scores = _InBlocks.apply(score, room, query, item, *parameters)  # type: ignore[no-untyped-call]
    return cast(Tensor, scores)


class _InBlocks(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, score: PairScore, room: int, query: Tensor, item: Tensor, *parameters: Tensor
    ) -> Tensor:
        ctx.save_for_backward(query, item, *parameters)
        ctx.score, ctx.room = score, room
        scores = query.new_empty(_pairs(query, item))
        for (q,), (i,), out in _blocks((query,), (item,), scores, room):
            out.copy_(score(q, i, *parameters))
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        query, item, *parameters = ctx.saved_tensors
        to_query, to_item, *to_parameters = (torch.zeros_like(x) for x in ctx.saved_tensors)
        for queries, items, g in _blocks((query, to_query), (item, to_item), grad, ctx.room):
            pull = torch.func.vjp(ctx.score, queries[0], items[0], *parameters)[1]
            for total, part in zip((queries[1], items[1], *to_parameters), pull(g), strict=True):
                total += part
        return (None, None, to_query, to_item, *to_parameters)


def _blocks(
    queries: Side, items: Side, scores: Tensor, room: int
) -> Iterator[tuple[Side, Side, Tensor]]:
    """Views of both sides and of their scores, cut along the longest axis until they fit."""
    excess, longest = scores.numel() * room / AT_ONCE, max(scores.shape)
    if excess <= 1 or longest == 1:
        yield queries, items, scores
        return
    axis = scores.shape.index(longest) - scores.ndim
    step = max(1, math.floor(longest / excess))
    for start in range(0, longest, step):
        width = min(step, longest - start)
        yield from _blocks(
            queries if axis == -1 else _narrow(queries, axis, start, width),
            items if axis == -2 else _narrow(items, min(axis, -2), start, width),
            scores.narrow(axis, start, width),
            room,
        )


def _narrow(side: Side, axis: int, start: int, width: int) -> Side:
    """A part of each tensor along an axis; all of it where it has none, and so meets every part."""
    if -axis > side[0].ndim or side[0].shape[axis] == 1:
        return side
    return tuple(x.narrow(axis, start, width) for x in side)


def _pairs(query: Tensor, item: Tensor) -> torch.Size:
    """[*S, P, N]."""
    lead = torch.broadcast_shapes(query.shape[:-2], item.shape[:-2])  # type: ignore[no-untyped-call]
    return torch.Size((*lead, query.shape[-2], item.shape[-2]))
