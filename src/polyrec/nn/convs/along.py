"""What layers do along edges: gather, weigh, sum, softmax, each with its gradient.

On a processor these are compiled loops over rows, and over columns on the way back; nothing of
size edges x width is written unless the function says so. Elsewhere, plain tensor operations.

Letters: n rows, m columns, E edges, H heads, C width of a head, D width.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec.kernels.graphs import segments
from polyrec.nn.convs.adjacency import Adjacency

Features = Tensor | Adjacency  # [n, D], or a sparse table of as many columns


def project(x: Features, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W' + b, [n, D] -> [n, D_out]; x may be sparse, and then only its entries are read."""
    if isinstance(x, Tensor):
        return F.linear(x, weight, bias)
    found = mixed(x, weight.t())
    return found if bias is None else found + bias


def by_heads(x: Tensor, heads: int) -> Tensor:
    """[n, H C] -> [n, H, C]."""
    return x.view(len(x), heads, x.shape[1] // heads)


def width_of(x: Features) -> int:
    """D."""
    return x.shape[1] if isinstance(x, Tensor) else x.columns


def mixed(adjacency: Adjacency, x: Tensor, weight: Tensor | None = None) -> Tensor:
    """Each row's weighted sum over the nodes it reads: A x.

    x [m, D] with weights [E] -> [n, D]; or x [m, H, C] with weights [E, H] -> [n, H, C]. Without
    `weight` the adjacency's own, the same for every head.
    """
    heads = x if x.ndim == 3 else x[:, None]
    if weight is None:
        weight = adjacency.weight.to(x.dtype)
    shares = weight[:, None].expand(-1, heads.shape[1]) if weight.ndim == 1 else weight
    out = cast(Tensor, _apply(_Mixed, adjacency, heads, shares))
    return out if x.ndim == 3 else out[:, 0]


def matched(adjacency: Adjacency, a: Tensor, b: Tensor) -> Tensor:
    """[E, H]: the inner product of each edge's two ends, a [n, H, C] and b [m, H, C]."""
    return cast(Tensor, _apply(_Matched, adjacency, a, b))


def of_rows(adjacency: Adjacency, x: Tensor) -> Tensor:
    """[n, D] -> [E, D]: each edge is told what its row holds."""
    return cast(Tensor, _apply(_OfRows, adjacency, x))


def of_columns(adjacency: Adjacency, x: Tensor) -> Tensor:
    """[m, D] -> [E, D]: each edge is told what it reads."""
    return cast(Tensor, _apply(_OfColumns, adjacency, x))


def softmax(adjacency: Adjacency, logits: Tensor) -> Tensor:
    """[E, H]: shares of 1 within each row."""
    return cast(Tensor, _apply(_Softmax, adjacency, logits))


def largest(adjacency: Adjacency, x: Tensor) -> Tensor:
    """[m, D] -> [n, D]: the largest of what each row reads, 0 where it reads nothing."""
    return cast(Tensor, _apply(_Largest, adjacency, x))


def _apply(function: type[torch.autograd.Function], *given: Any) -> Any:
    return cast(Any, function).apply(*given)


def _weighted_sums(by: tuple[Tensor, Tensor, Tensor], weight: Tensor, x: Tensor) -> Tensor:
    start, other, place = by
    if x.is_cpu:
        arrays = (t.detach().contiguous().numpy() for t in (start, other, place, weight, x))
        return torch.from_numpy(segments.weighted_sums(*arrays))
    row = torch.arange(len(start) - 1, device=x.device).repeat_interleave(start.diff())
    out = x.new_zeros(len(start) - 1, *x.shape[1:])
    return out.index_add_(0, row, x[other.long()] * weight[place.long()][..., None])


def _products(adjacency: Adjacency, a: Tensor, b: Tensor) -> Tensor:
    if a.is_cpu:
        given = (adjacency.start, adjacency.other, a, b)
        return torch.from_numpy(segments.products(*(_array(t) for t in given)))
    return (a[adjacency.row.long()] * b[adjacency.other.long()]).sum(-1)


def _edge_sums(start: Tensor, place: Tensor, values: Tensor) -> Tensor:
    if values.is_cpu:
        return torch.from_numpy(segments.edge_sums(*(_array(t) for t in (start, place, values))))
    row = torch.arange(len(start) - 1, device=values.device).repeat_interleave(start.diff())
    out = values.new_zeros(len(start) - 1, values.shape[1])
    return out.index_add_(0, row, values[place.long()])


def _array(x: Tensor) -> Any:
    return x.detach().contiguous().numpy()


class _Mixed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, adjacency: Adjacency, x: Tensor, weight: Tensor) -> Tensor:
        ctx.adjacency = adjacency
        keep_x = x if ctx.needs_input_grad[2] else x.new_empty(0)
        ctx.save_for_backward(keep_x, weight)
        return _weighted_sums((adjacency.start, adjacency.other, adjacency.place), weight, x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor | None, Tensor | None]:
        (x, weight), adjacency = ctx.saved_tensors, ctx.adjacency
        to_x = to_weight = None
        if ctx.needs_input_grad[1]:
            to_x = _weighted_sums(adjacency.by_column, weight, grad)
        if ctx.needs_input_grad[2]:
            to_weight = _products(adjacency, grad, x)
        return None, to_x, to_weight


class _Matched(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, adjacency: Adjacency, a: Tensor, b: Tensor) -> Tensor:
        ctx.adjacency = adjacency
        ctx.save_for_backward(a, b)
        return _products(adjacency, a, b)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, Tensor]:
        (a, b), adjacency = ctx.saved_tensors, ctx.adjacency
        by_row = adjacency.start, adjacency.other, adjacency.place
        to_a = _weighted_sums(by_row, grad, b)
        return None, to_a, _weighted_sums(adjacency.by_column, grad, a)


class _OfRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, adjacency: Adjacency, x: Tensor) -> Tensor:
        ctx.adjacency = adjacency
        return x.index_select(0, adjacency.row)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        return None, _edge_sums(ctx.adjacency.start, ctx.adjacency.place, grad)


class _OfColumns(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, adjacency: Adjacency, x: Tensor) -> Tensor:
        ctx.adjacency = adjacency
        return x.index_select(0, adjacency.other)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        start, _, place = ctx.adjacency.by_column
        return None, _edge_sums(start, place, grad)


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, adjacency: Adjacency, logits: Tensor) -> Tensor:
        ctx.adjacency = adjacency
        if logits.is_cpu:
            share = torch.from_numpy(segments.softmax(_array(adjacency.start), _array(logits)))
        else:
            row = adjacency.row.long()
            top = logits.new_full((adjacency.rows, logits.shape[1]), float("-inf"))
            top.scatter_reduce_(0, row[:, None].expand_as(logits), logits, "amax")
            grown = (logits - top[row]).exp()
            share = grown / _edge_sums(adjacency.start, adjacency.place, grown)[row]
        ctx.save_for_backward(share)
        return share

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        (share,), adjacency = ctx.saved_tensors, ctx.adjacency
        if grad.is_cpu:
            given = (_array(t) for t in (adjacency.start, share, grad))
            return None, torch.from_numpy(segments.softmax_backward(*given))
        total = _edge_sums(adjacency.start, adjacency.place, share * grad)
        return None, share * (grad - total[adjacency.row.long()])


class _Largest(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, adjacency: Adjacency, x: Tensor) -> Tensor:
        given = (_array(t.cpu()) for t in (adjacency.start, adjacency.other, x))
        out, by = segments.largest(*given)
        ctx.adjacency, ctx.by = adjacency, by
        return torch.from_numpy(out).to(x.device)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        start, other, place = (_array(t.cpu()) for t in ctx.adjacency.by_column)
        found = segments.largest_backward(start, other, place, ctx.by, _array(grad.cpu()))
        return None, torch.from_numpy(found).to(grad.device)
