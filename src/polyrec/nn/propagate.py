"""Messages along the edges of a graph: each node gets the weighted sum of its neighbours.

One product does it: y = diag(into) A diag(out_of) x, A the 0/1 matrix of the edges in compressed
rows. No array of values is kept, and a gradient is the same product along the reversed edges, so
nothing is saved for it. Every output row is summed by one thread in the order of its edges: the
bytes do not depend on the number of threads.

Letters: n rows, m columns, E edges, D width.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec.kernels.graphs.rows import multiply, pull, push

SUMMED = (torch.float32, torch.float64)  # by the compiled product, on the processor


@dataclass(frozen=True)
class Edges:
    """A matrix of edges in compressed rows, with a factor a row and a factor a column."""

    start: Tensor  # [n + 1], same dtype as target on an accelerator
    target: Tensor  # [E], int32 or int64, columns, each below m: nothing looks at them again
    into: Tensor  # [n], factor of each row
    out_of: Tensor  # [m], factor of each column

    def factors(self, into: Tensor, out_of: Tensor) -> Edges:
        """The same edges under other factors."""
        return replace(self, into=into, out_of=out_of)

    def times(self, x: Tensor, base: Tensor | None = None) -> Tensor:
        """[m, D] -> [n, D]: the product, added to base [n, D] where there is one; no gradient.

        Raises:
            ValueError: x or base has other rows or columns than the matrix asks for.
        """
        n, m, width = len(self.into), len(self.out_of), x.shape[1]
        if len(x) != m or (base is not None and base.shape != (n, width)):
            beside = "" if base is None else f" added to {tuple(base.shape)}"
            raise ValueError(f"a matrix of {n} x {m} times {tuple(x.shape)}{beside}")
        x = x.detach()
        if x.device.type == "cpu" and x.dtype in SUMMED:
            return self._compiled(x.contiguous(), base)
        scaled = x * self.out_of.to(x.dtype)[:, None]
        summed = F.embedding_bag(
            self.target, scaled, self.start, mode="sum", include_last_offset=True
        )
        summed = summed.mul_(self.into.to(x.dtype)[:, None])
        return summed if base is None else summed.add_(base)

    def _compiled(self, x: Tensor, base: Tensor | None) -> Tensor:
        into, out_of = (factor.to(x.dtype).numpy() for factor in (self.into, self.out_of))
        assert int(self.start[-1]) <= len(self.target), "edges beyond their list"
        held = None if base is None else base.detach().to(x.dtype).contiguous().numpy()
        out = x.new_empty(len(into), x.shape[1])
        arrays = self.start.numpy(), self.target.numpy(), into, out_of
        multiply(arrays, x.numpy(), held, out.numpy())
        return out


def propagate(x: Tensor, edges: Edges, reverse: Edges | None = None) -> Tensor:
    """[m, D] -> [n, D]: every row's weighted sum over its neighbours, with gradient.

    Args:
        reverse: the same edges from their other end; None = the matrix equals its transpose.
    """
    found: Tensor = _Propagate.apply(x, edges, edges if reverse is None else reverse)  # type: ignore[no-untyped-call]
    return found


def smoothed(x: Tensor, edges: Edges, layers: int) -> Tensor:
    """[n, D] -> [n, D]: x + A x + ... + A^layers x by a symmetric matrix, with gradient.

    The sum is symmetric too: its gradient is the same sum over the gradient, and nothing is saved.
    """
    found: Tensor = _Smooth.apply(x, edges, layers)  # type: ignore[no-untyped-call]
    return found


def propagate_rows(x: Tensor, edges: Edges, rows: Tensor) -> Tensor:
    """[n, D] -> [B, D]: the named rows of `propagate` by a symmetric matrix, with gradient.

    A batch reads the last layer at its own rows; only their edges are walked, both ways.
    """
    found: Tensor = _PropagateRows.apply(x, edges, rows)  # type: ignore[no-untyped-call]
    return found


def inverse_power(degree: Tensor, power: float = 0.5) -> Tensor:
    """[n] degree^-power, 0 for a node without edges: float32."""
    scaled = degree.double().clamp(min=1) ** -power
    return torch.where(degree > 0, scaled, 0.0).float()


class _Propagate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, edges: Edges, reverse: Edges) -> Tensor:
        ctx.reverse = reverse
        return edges.times(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return ctx.reverse.times(grad.contiguous()), None, None


class _Smooth(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, edges: Edges, layers: int) -> Tensor:
        ctx.edges, ctx.layers = edges, layers
        return _sum_of_powers(x.detach(), edges, layers)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return _sum_of_powers(grad.contiguous(), ctx.edges, ctx.layers), None, None


def _sum_of_powers(x: Tensor, edges: Edges, layers: int) -> Tensor:
    y = x.clone() if layers == 0 else x
    for _ in range(layers):  # x + A (x + A (x + ...))
        y = edges.times(y, base=x)
    return y


class _PropagateRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, edges: Edges, rows: Tensor) -> Tensor:
        ctx.edges, ctx.rows = edges, rows
        if x.device.type != "cpu":
            return edges.times(x)[rows]
        return torch.from_numpy(
            pull(_arrays(edges, x), x.detach().contiguous().numpy(), rows.numpy())
        )

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        edges, rows = ctx.edges, ctx.rows
        full = grad.new_zeros(len(edges.into), grad.shape[1])
        if grad.device.type != "cpu":
            return edges.times(full.index_add_(0, rows, grad)), None, None
        push(_arrays(edges, grad), grad.contiguous().numpy(), rows.numpy(), full.numpy())
        return full, None, None


def _arrays(edges: Edges, like: Tensor) -> tuple[Any, Any, Any]:
    weight = edges.into.to(like.dtype)
    return edges.start.numpy(), edges.target.numpy(), weight.numpy()
