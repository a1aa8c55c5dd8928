"""ln of a sum of exponentials over the unmasked entries of each row, in closed form.

The forward pass leaves the softmax, which is the gradient, so the backward pass is one product.
Large inputs go in blocks of rows that stay in the processor's cache.

Letters: B rows, N entries.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_BLOCK = 1 << 18  # numbers of a block: 1 MB of float32
_HEAD = 64  # entries of a row that are looked at first


def logsumexp(x: Tensor, shift: Tensor, valid: Tensor, scale: float = 1.0) -> Tensor:
    """[B]: ln sum_j e^(scale x_j - shift_j) over valid j; 0 for a row without one.

    Shapes: x [B, N]; shift and valid broadcast to it. Gradients go to x alone.
    """
    return cast(Tensor, _LogSumExp.apply(x, shift, valid, scale))  # type: ignore[no-untyped-call]


def matched(valid: Tensor) -> Tensor:
    """[B], bool: rows with a valid entry."""
    if valid.shape[1] == 0:
        return valid.new_zeros(len(valid))
    found = valid[:, :_HEAD].any(1)
    if valid.shape[1] > _HEAD and not bool(found.all()):  # nearly every row has one at its head
        bare = (~found).nonzero().squeeze(1)
        found[bare] = valid[bare].any(1)
    return found


class _LogSumExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, shift: Tensor, valid: Tensor, scale: float) -> Tensor:
        share_BN, result = torch.empty_like(x), x.new_zeros(len(x))
        shift, all_valid = shift.to(x.dtype).expand_as(x), _all(valid)
        valid = valid.expand_as(x)
        rows = max(1, _block(x) // max(1, x.shape[1]))
        for start in range(0, len(x), rows) if x.numel() else ():
            at = slice(start, start + rows)
            z_BN = (x[at] if scale == 1 else x[at] * scale) - shift[at]
            if not all_valid:
                z_BN = torch.where(valid[at], z_BN, -torch.inf)
            torch.softmax(z_BN, 1, out=share_BN[at])
            result[at] = z_BN.amax(1) - share_BN[at].amax(1).log_()
        if not all_valid:
            unmatched = ~matched(valid)
            if bool(unmatched.any()):
                share_BN[unmatched], result[unmatched] = 0, 0
        ctx.save_for_backward(share_BN)
        ctx.scale = scale
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (share_BN,) = ctx.saved_tensors
        return share_BN * (ctx.scale * grad)[:, None], None, None, None


def _block(x: Tensor) -> int:
    """Numbers of a block: threads that wait for each other cost more than a larger block."""
    if x.device.type != "cpu":
        return x.numel()
    threads = torch.get_num_threads()
    return _BLOCK if threads == 1 else 4 * threads * _BLOCK


def _all(valid: Tensor) -> bool:
    """Whether a small mask bars nothing; a large one is cheaper to apply than to look through."""
    return valid.numel() == 0 or (valid.numel() <= _BLOCK and bool(valid.all()))
