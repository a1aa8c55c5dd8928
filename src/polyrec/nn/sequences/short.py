"""Attention of short rows as they lie, by a compiled loop; on a processor only.

Letters: N events that ask, E events, D width, H heads, P pairs (`polyrec.kernels.rows.attention`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from polyrec.kernels.rows.attention import Rows, attend, attend_back
from polyrec.nn.dropout import kept_share
from polyrec.nn.sequences.asking import Asking, Each, Ends
from polyrec.nn.sequences.layout import MIDDLE, Layout


@dataclass(frozen=True)
class Long:
    """The rows above `MIDDLE`, as a layout of their own, and the way to and from it."""

    asking: Asking
    events: Tensor  # of E
    queries: Tensor  # of N


def apart(asking: Asking) -> tuple[Rows, Long | None]:
    """Rows up to `MIDDLE` events, and the others if there are any.

    A row is told by its own length alone, so its answer does not depend on the rows beside it.
    """
    rows = asking.rows()
    short = rows.events <= MIDDLE
    if short.all():
        return rows, None
    long = Rows(*(part[~short] for part in rows))
    events, queries = _spans(long.first, long.events), _spans(long.query, long.asking)
    start = torch.from_numpy(np.concatenate([[0], np.cumsum(long.events)]))
    layout, here = asking.layout, events.to(asking.layout.ids.device)
    part = Layout(
        layout.ids[here], layout.source[events], start, here[:0], here[:0].bool(), here[:0], None
    )
    same: Asking = Each(part) if isinstance(asking, Each) else Ends(part)
    return Rows(*(one[short] for one in rows)), Long(same, events, queries)


def attended(query: Tensor, told: Tensor, rows: Rows, heads: int, rate: float) -> Tensor:
    """[N, D], [E, 2 D] -> [N, D]: causal softmax attention inside each row; others stay zero.

    `told` holds keys and then values; `rate`, the share of weights that are dropped, is rounded to
    1/256 (`nn.dropout`).
    """
    pairs = int(rows.pairs(heads)[-1])
    kept = kept_share((pairs,), rate, query) if rate else query.new_empty(0)
    found = _Attended.apply(query, told, rows, heads, kept)  # type: ignore[no-untyped-call]
    return cast(Tensor, found)


class _Attended(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, query: Tensor, told: Tensor, rows: Rows, heads: int, kept: Tensor
    ) -> Tensor:
        sides = query.detach().contiguous(), told.detach().contiguous()
        weights = query.new_empty(int(rows.pairs(heads)[-1]))
        out = attend(
            rows, (sides[0].numpy(), sides[1].numpy()), kept.numpy(), weights.numpy(), heads
        )
        ctx.save_for_backward(*sides, kept, weights)
        ctx.rows, ctx.heads = rows, heads
        return torch.from_numpy(out)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        query, told, kept, weights = (one.numpy() for one in ctx.saved_tensors)
        found = attend_back(
            ctx.rows, (query, told), kept, weights, ctx.heads, grad.contiguous().numpy()
        )
        return torch.from_numpy(found[0]), torch.from_numpy(found[1]), None, None, None


def _spans(first: Any, count: Any) -> Tensor:
    """first[i], first[i] + 1, ... count[i] of them, side by side."""
    begin = np.cumsum(count) - count
    return torch.from_numpy(np.arange(count.sum()) + np.repeat(first - begin, count))
