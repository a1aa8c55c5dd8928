"""A weighted sum of softplus over the unmasked entries of each row, in closed form.

The forward pass leaves weight times sigmoid, which is the gradient, so the backward pass is one
product; blocks of rows stay in the processor's cache.

Letters: B rows, N entries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

Weight = Callable[[slice], Tensor]
_BLOCK = 1 << 18  # numbers of a block: 1 MB of float32; the same for any number of threads


def softplus_sum(x: Tensor, valid: Tensor, weight: Tensor | Weight | None = None) -> Tensor:
    """[B]: sum_j w_j ln(1 + e^x_j) over valid j; 0 for a row without one.

    Shapes: x [B, N]; valid and weight broadcast to it. A weight may also be a function: rows ->
    their weights [rows, N], asked once a block, so that all are never held at once. Gradients go
    to x alone.
    """
    return cast(Tensor, _SoftplusSum.apply(x, valid, weight))  # type: ignore[no-untyped-call]


class _SoftplusSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, valid: Tensor, weight: Tensor | Weight | None) -> Tensor:
        slope_BN, result = torch.empty_like(x), x.new_zeros(len(x))
        valid = valid.expand_as(x)
        if isinstance(weight, Tensor):
            weight = weight.to(x.dtype).expand_as(x).__getitem__
        step = max(1, _BLOCK // max(1, x.shape[1])) if x.is_cpu else max(1, len(x))
        for start in range(0, len(x), step) if x.numel() else ():
            at = slice(start, start + step)
            z_BN = torch.where(valid[at], x[at], -torch.inf)  # both 0 there, whatever stood
            slope, value = torch.sigmoid(z_BN, out=slope_BN[at]), F.softplus(z_BN)
            if weight is not None:
                each = weight(at)
                slope.mul_(each)
                value.mul_(each)
            result[at] = value.sum(1)
            if weight is not None and not result[at].isfinite().all():  # 0 x inf behind a mask?
                hidden = ~valid[at]
                slope.masked_fill_(hidden, 0)
                result[at] = value.masked_fill_(hidden, 0).sum(1)
        ctx.save_for_backward(slope_BN)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (slope_BN,) = ctx.saved_tensors
        return slope_BN * grad[:, None], None, None
