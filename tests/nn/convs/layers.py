"""Every layer, how it is made, and its formula on dense matrices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.nn.convs import (
    GAT,
    GCN,
    SAGE,
    Adjacency,
    Chebyshev,
    GATv2,
    Norm,
    PinSAGE,
)

IN, OUT, HEADS = 5, 4, 3


@dataclass(frozen=True)
class Case:
    """A layer, the norm it wants, and what it should give: (layer, dense matrix, x) -> out."""

    make: Callable[[], nn.Module]
    norm: Norm
    dense: Callable[[nn.Module, Tensor, Tensor], Tensor]


def gcn(layer: GCN, a: Tensor, x: Tensor) -> Tensor:
    return a @ x @ layer.weight.t() + layer.bias


def chebyshev(layer: Chebyshev, a: Tensor, x: Tensor) -> Tensor:
    eye = torch.eye(len(a), dtype=a.dtype)
    shifted = 2 * (eye - a) / layer.largest - eye
    terms = [eye, shifted]
    while len(terms) < len(layer.weight):
        terms.append(2 * shifted @ terms[-1] - terms[-2])
    return sum(t @ x @ w.t() for t, w in zip(terms, layer.weight, strict=False)) + layer.bias


def mean(layer: SAGE, a: Tensor, x: Tensor) -> Tensor:
    return x @ layer.of_self.t() + a @ x @ layer.of_neighbours.t() + layer.bias


def mean_of_all(layer: SAGE, a: Tensor, x: Tensor) -> Tensor:
    edges = (a > 0).to(x.dtype) + torch.eye(len(a), dtype=x.dtype)
    return edges @ x / edges.sum(1, keepdim=True) @ layer.of_neighbours.t() + layer.bias


def pool(layer: SAGE, a: Tensor, x: Tensor) -> Tensor:
    seen = layer.pool(x).relu()
    told = torch.where(a[..., None] > 0, seen, -1.0).amax(1).relu()
    return x @ layer.of_self.t() + told @ layer.of_neighbours.t() + layer.bias


def attended(logits: Tensor, a: Tensor, z: Tensor, layer: GAT | GATv2) -> Tensor:
    share = torch.where(a[..., None] > 0, logits, -torch.inf).softmax(1)
    told = torch.einsum("ijh,jhc->ihc", share, z)
    return (told.flatten(1) if layer.join == "concat" else told.mean(1)) + layer.bias


def gat(layer: GAT, a: Tensor, x: Tensor) -> Tensor:
    z = (x @ layer.weight.t()).view(len(x), HEADS, -1)
    row, column = (z * layer.of_row).sum(-1), (z * layer.of_column).sum(-1)
    return attended(F.leaky_relu(row[:, None] + column, 0.2), a, z, layer)


def gatv2(layer: GATv2, a: Tensor, x: Tensor) -> Tensor:
    asks = (x @ layer.of_row.t() + layer.row_bias).view(len(x), HEADS, -1)
    tells = (x @ layer.of_column.t() + layer.column_bias).view(len(x), HEADS, -1)
    met = F.leaky_relu(asks[:, None] + tells, 0.2)
    return attended((met * layer.ask).sum(-1), a, tells, layer)


def pinsage(layer: PinSAGE, a: Tensor, x: Tensor) -> Tensor:
    told = a @ layer.told(x).relu()
    return F.normalize(layer.out(torch.cat([x, told], 1)).relu())


CASES: dict[str, Case] = {
    "gcn": Case(lambda: GCN(IN, OUT), "gcn", gcn),
    "chebyshev": Case(lambda: Chebyshev(IN, OUT, 4), "sym", chebyshev),
    "chebyshev_1": Case(lambda: Chebyshev(IN, OUT, 1), "sym", chebyshev),
    "chebyshev_2": Case(lambda: Chebyshev(IN, OUT, 2, 1.7), "sym", chebyshev),
    "sage_mean": Case(lambda: SAGE(IN, OUT, "mean"), "row", mean),
    "sage_gcn": Case(lambda: SAGE(IN, OUT, "gcn"), "row", mean_of_all),
    "sage_pool": Case(lambda: SAGE(IN, OUT, "pool"), "row", pool),
    "gat": Case(lambda: GAT(IN, OUT, HEADS), "self", gat),
    "gat_mean": Case(lambda: GAT(IN, OUT, HEADS, "mean"), "self", gat),
    "gatv2": Case(lambda: GATv2(IN, OUT, HEADS), "self", gatv2),
    "pinsage": Case(lambda: PinSAGE(IN, OUT), "row", pinsage),
}


def made(name: str, dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(3)
    return CASES[name].make().to(dtype).eval()


def sparse(x: Tensor) -> Adjacency:
    """A dense table as a sparse one."""
    at = x.nonzero()
    start = torch.cat([at.new_zeros(1), torch.bincount(at[:, 0], minlength=len(x)).cumsum(0)])
    return Adjacency(start, at[:, 1].int(), x[at[:, 0], at[:, 1]], x.shape[1])
