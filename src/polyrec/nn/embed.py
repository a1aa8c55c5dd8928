"""Tables of vectors, one row an id; row 0 is nothing and stays zero.

Two named starts. They differ so much that a learning rate means nothing without them:
`tf1` is what the published ComiRec code gets from TensorFlow 1 (tables Glorot-uniform over
(n + 1, dim), position maps N(0, 1)); `small` is uniform within .05 and maps N(0, .05).
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

Init = Literal["small", "tf1"]
INITS: tuple[Init, ...] = ("small", "tf1")


class ItemTable(nn.Module):
    """A vector for each item; gradients touch only the rows looked up.

    Row 0 is zero, gets no gradient and so never moves (the authors' code trains it as a
    negative of every batch).
    """

    def __init__(self, items: int, dim: int, init: Init = "small") -> None:
        super().__init__()
        if items < 1 or dim < 1:
            raise ValueError(f"a table needs items >= 1 and dim >= 1, got {items} and {dim}")
        self.init: Init = checked(init)
        self.weight = nn.Parameter(torch.empty(items + 1, dim))
        self.reset()

    @property
    def items(self) -> int:
        """n, without row 0."""
        return self.weight.shape[0] - 1

    def reset(self) -> None:
        """Draws the start again from torch's default generator."""
        reach = 0.05 if self.init == "small" else math.sqrt(6 / sum(self.weight.shape))
        with torch.no_grad():
            self.weight.uniform_(-reach, reach)
            self.weight[0] = 0

    def forward(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D]."""
        return looked_up(self.weight, ids.to(self.weight.device))


def looked_up(weight: Tensor, ids: Tensor) -> Tensor:
    """[*S] -> [*S, D]: rows of a table, with a sparse gradient that leaves row 0 alone."""
    rows: Tensor = _Lookup.apply(weight, ids)  # type: ignore[no-untyped-call]
    return rows


def position_maps(length: int, dim: int, interests: int, init: Init) -> nn.Parameter:
    """[L, D, K * D]: a map for each place and interest, side by side for one product a place."""
    spread = 0.05 if checked(init) == "small" else 1.0
    return nn.Parameter(torch.randn(length, dim, interests * dim) * spread)


def glorot(*shape: int) -> nn.Parameter:
    """Glorot-uniform over the last two sizes: TensorFlow's default, for weights and places."""
    reach = math.sqrt(6 / (shape[-1] + shape[-2]))
    return nn.Parameter(torch.empty(*shape).uniform_(-reach, reach))


def linear(inputs: int, outputs: int, bias: Literal["zero", "none"] = "zero") -> nn.Linear:
    """A linear layer that starts as TensorFlow's: Glorot weights, zero bias."""
    layer = nn.Linear(inputs, outputs, bias=bias == "zero")
    nn.init.xavier_uniform_(layer.weight)
    if bias == "zero":
        nn.init.zeros_(layer.bias)
    return layer


def checked(init: str) -> Init:
    """The name of a start, or an error that lists them."""
    for known in INITS:
        if init == known:
            return known
    raise ValueError(f"no init {init!r}; there are: {', '.join(INITS)}")


class _Lookup(torch.autograd.Function):
    """Rows of a table whose gradient is sparse and leaves row 0 alone.

    `F.embedding` with `padding_idx` copies all gradient rows to drop the padding ones; here they
    are copied only when there are any.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, ids: Tensor) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.size = weight.shape
        return weight.index_select(0, ids.flatten()).view(*ids.shape, weight.shape[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        ids, rows = ctx.saved_tensors[0].flatten(), grad.reshape(-1, ctx.size[1])
        real = ids != 0
        if not bool(real.all()):
            ids, rows = ids[real], rows[real]
        sparse = torch.sparse_coo_tensor(ids[None], rows, ctx.size, check_invariants=False)
        return sparse, None
