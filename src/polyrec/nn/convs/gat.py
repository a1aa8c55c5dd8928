"""Attention along edges: neighbours weighed by what they hold.

Attention re-weighs neighbours; it shrinks neither what a node can see nor what that costs.

Letters: n rows, m columns, E edges, H heads, C width of a head.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.nn.convs.adjacency import Adjacency
from polyrec.nn.convs.along import Features, by_heads, mixed, of_columns, of_rows, project, softmax

Join = Literal["concat", "mean"]
SLOPE = 0.2


class GAT(nn.Module):
    """Each neighbour's share from what it holds: softmax of LeakyReLU(a' [W h_i ; W h_j]).

    The order of the neighbours is the same for every i ("static"): a_j alone decides it. Wants
    norm `self`, so that a node may keep what it holds. `attend` drops shares in training.
    Source: Velickovic et al. 2018, eq. 1 to 6.

    Raises:
        ValueError: no head.
    """

    def __init__(
        self, dim_in: int, dim: int, heads: int = 1, join: Join = "concat", attend: float = 0.0
    ) -> None:
        super().__init__()
        if heads < 1:
            raise ValueError(f"heads={heads}: need at least 1")
        self.heads, self.join, self.attend = heads, join, attend
        self.weight = nn.Parameter(torch.empty(heads * dim, dim_in))
        self.of_row = nn.Parameter(torch.empty(heads, dim))
        self.of_column = nn.Parameter(torch.empty(heads, dim))
        self.bias = nn.Parameter(torch.zeros(heads * dim if join == "concat" else dim))
        for part in (self.weight, self.of_row, self.of_column):
            nn.init.xavier_uniform_(part)

    def forward(self, adjacency: Adjacency, x: Features) -> Tensor:
        """[m, D_in] -> [n, H C] (concat) or [n, C] (mean)."""
        z = by_heads(project(x, self.weight), self.heads)
        share = softmax(adjacency, self.logits(adjacency, z))
        share = F.dropout(share, self.attend, self.training)
        return joined(mixed(adjacency, z, share), self.join) + self.bias

    def logits(self, adjacency: Adjacency, z: Tensor) -> Tensor:
        """[E, H], from z [m, H, C]."""
        row = (z[: adjacency.rows] * self.of_row).sum(-1)
        column = (z * self.of_column).sum(-1)
        return F.leaky_relu(of_rows(adjacency, row) + of_columns(adjacency, column), SLOPE)


class GATv2(nn.Module):
    """Shares that depend on who asks: softmax of a' LeakyReLU(W [h_i ; h_j]).

    Costs E x H x C numbers where `GAT` costs E x H. Wants norm `self`.
    Source: Brody et al. 2022, eq. 7.

    Raises:
        ValueError: no head.
    """

    def __init__(
        self, dim_in: int, dim: int, heads: int = 1, join: Join = "concat", attend: float = 0.0
    ) -> None:
        super().__init__()
        if heads < 1:
            raise ValueError(f"heads={heads}: need at least 1")
        self.heads, self.join, self.attend = heads, join, attend
        self.of_row = nn.Parameter(torch.empty(heads * dim, dim_in))
        self.of_column = nn.Parameter(torch.empty(heads * dim, dim_in))
        self.row_bias = nn.Parameter(torch.zeros(heads * dim))
        self.column_bias = nn.Parameter(torch.zeros(heads * dim))
        self.ask = nn.Parameter(torch.empty(heads, dim))
        self.bias = nn.Parameter(torch.zeros(heads * dim if join == "concat" else dim))
        for part in (self.of_row, self.of_column, self.ask):
            nn.init.xavier_uniform_(part)

    def forward(self, adjacency: Adjacency, x: Features) -> Tensor:
        """[m, D_in] -> [n, H C] (concat) or [n, C] (mean)."""
        asks = project(x, self.of_row, self.row_bias)[: adjacency.rows]
        tells = project(x, self.of_column, self.column_bias)
        met = of_rows(adjacency, asks) + of_columns(adjacency, tells)
        met = by_heads(F.leaky_relu(met, SLOPE), self.heads)
        share = softmax(adjacency, (met * self.ask).sum(-1))
        share = F.dropout(share, self.attend, self.training)
        told = mixed(adjacency, by_heads(tells, self.heads), share)
        return joined(told, self.join) + self.bias


def joined(x: Tensor, join: Join) -> Tensor:
    """[n, H, C] -> [n, H C] side by side, or [n, C] the mean over heads."""
    return x.flatten(1) if join == "concat" else x.mean(1)
