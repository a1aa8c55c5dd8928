"""Layers for graphs of several kinds: a matrix a relation, or attention that knows the kind.

Letters: n nodes of a type, E edges a type reads, H heads, C width of a head, D = H C.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.graph import Key
from polyrec.nn.convs.along import by_heads, matched, mixed, of_columns, of_rows, softmax
from polyrec.nn.convs.gat import GAT, SLOPE
from polyrec.nn.convs.typed import Typed, Vectors


class RGCN(nn.Module):
    """A matrix a relation: W_0 h_v + sum over relations of W_r times the mean it reads by r.

    W_r = sum over b of a_rb B_b, so few bases serve many relations. Wants norm `row`. With one
    relation it is GraphSAGE's mean with [W_0 ; W_1]. Source: Schlichtkrull et al. 2018, eq. 2, 3.

    Raises:
        ValueError: no basis, or more than relations.
    """

    def __init__(self, dim_in: int, dim: int, relations: Sequence[Key], bases: int) -> None:
        super().__init__()
        if not 1 <= bases <= len(relations):
            raise ValueError(f"bases={bases}: need 1 to {len(relations)}, the relations' number")
        self.number = {key: place for place, key in enumerate(relations)}
        self.own = nn.Parameter(torch.empty(dim, dim_in))
        self.bases = nn.Parameter(torch.empty(bases, dim, dim_in))
        self.shares = nn.Parameter(torch.empty(len(relations), bases))
        self.bias = nn.Parameter(torch.zeros(dim))
        nn.init.xavier_uniform_(self.own)
        nn.init.xavier_uniform_(self.shares)
        for basis in self.bases:
            nn.init.xavier_uniform_(basis)

    def forward(self, graph: Typed, x: Vectors) -> dict[str, Tensor]:
        """type -> [m, D_in] to type -> [n, D], for the types that read."""
        weights = torch.einsum("rb,boi->roi", self.shares, self.bases)
        found = {}
        for kind, keys in graph.readers.items():
            rows = graph.relations[keys[0]].rows
            total = F.linear(x[kind][:rows], self.own, self.bias)
            for key in keys:
                told = mixed(graph.relations[key], x[key[2]])
                total = total + F.linear(told, weights[self.number[key]])
            found[kind] = total
        return found


class HGT(nn.Module):
    """Attention in which kinds meet: keys, queries and values a node type, maps a relation.

    score = (K_s W_att Q_t) mu / sqrt(C), softmax over ALL edges that t reads, whatever their
    relation; message V_s W_msg; out = gate x W_t GELU(sum) + (1 - gate) x what was there.
    Source: Hu et al. 2020, eq. 3 to 5.

    Raises:
        ValueError: heads do not divide the width.
    """

    def __init__(
        self, dim: int, kinds: Sequence[str], relations: Sequence[Key], heads: int
    ) -> None:
        super().__init__()
        if heads < 1 or dim % heads:
            raise ValueError(f"heads={heads}: need a divisor of dim={dim}")
        self.heads, width = heads, dim // heads
        self.number = {key: place for place, key in enumerate(relations)}
        self.key, self.query, self.value, self.out = (
            nn.ModuleDict({kind: nn.Linear(dim, dim) for kind in kinds}) for _ in range(4)
        )
        self.skip = nn.ParameterDict({kind: nn.Parameter(torch.ones(())) for kind in kinds})
        self.attend = nn.Parameter(torch.empty(len(relations), heads, width, width))
        self.message = nn.Parameter(torch.empty(len(relations), heads, width, width))
        self.prior = nn.Parameter(torch.ones(len(relations), heads))
        for part in (self.attend, self.message):
            nn.init.uniform_(part, -1 / math.sqrt(width), 1 / math.sqrt(width))

    def forward(self, graph: Typed, x: Vectors) -> dict[str, Tensor]:
        """type -> [m, D] to type -> [n, D], for the types that read."""
        found = {}
        for kind in graph.readers:
            rows = graph.together[kind].rows
            before = x[kind][:rows]
            after = self.out[kind](F.gelu(self.sums(graph, x, kind)))
            gate = self.skip[kind].sigmoid()
            found[kind] = gate * after + (1 - gate) * before
        return found

    def sums(self, graph: Typed, x: Vectors, kind: str) -> Tensor:
        """[n, D]: messages weighed by their shares."""
        edges, keys, values = graph.together[kind], [], []
        for relation in graph.readers[kind]:
            at, source = self.number[relation], relation[2]
            key, value = (
                by_heads(part[source](x[source]), self.heads) for part in (self.key, self.value)
            )
            scale = self.prior[at][:, None, None] / math.sqrt(key.shape[2])
            keys.append(torch.einsum("mhc,hcd->mhd", key, self.attend[at] * scale))
            values.append(torch.einsum("mhc,hcd->mhd", value, self.message[at]))
        query = by_heads(self.query[kind](x[kind][: edges.rows]), self.heads)
        share = softmax(edges, matched(edges, query, torch.cat(keys)))
        return mixed(edges, torch.cat(values), share).flatten(1)


class SimpleHGN(nn.Module):
    """GAT that also reads the kind of the edge, with residuals of nodes and of shares.

    logit = LeakyReLU(a' [W h_i ; W h_j ; W_r r]); the share keeps `keep` of the layer before's;
    h' = sum of shares x W h + W_res h. One W for all types. Source: Lv et al. 2021, section 5.
    """

    def __init__(
        self, dim_in: int, dim: int, relations: Sequence[Key], heads: int, keep: float = 0.05
    ) -> None:
        super().__init__()
        self.heads, self.keep = heads, keep
        self.number = {key: place for place, key in enumerate(relations, 1)}
        self.weight = nn.Linear(dim_in, heads * dim, bias=False)
        self.residual = nn.Linear(dim_in, heads * dim, bias=False)
        self.of_row = nn.Parameter(torch.empty(heads, dim))
        self.of_column = nn.Parameter(torch.empty(heads, dim))
        self.of_kind = nn.Parameter(torch.empty(len(relations) + 1, heads))  # a' W_r r; 0 = itself
        for part in (self.weight.weight, self.residual.weight, self.of_row, self.of_column):
            nn.init.xavier_uniform_(part)
        nn.init.xavier_uniform_(self.of_kind)

    def forward(
        self, graph: Typed, x: Vectors, before: Vectors | None = None
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """type -> [m, D_in] to type -> [n, H, C], and the shares [E, H] for the layer after.

        `before`: the shares of the layer before, of the same edges; None = there are none.
        """
        z = {kind: by_heads(self.weight(part), self.heads) for kind, part in x.items()}
        found, shares = {}, {}
        for kind in graph.readers:
            edges, parts = graph.with_self[kind], graph.read(kind, z)
            share = softmax(edges, self._logits(graph, parts, kind))
            if before is not None:
                share = (1 - self.keep) * share + self.keep * before[kind]
            left = by_heads(self.residual(x[kind][: edges.rows]), self.heads)
            found[kind] = mixed(edges, parts, share) + left
            shares[kind] = share
        return found, shares

    def _logits(self, graph: Typed, z: Tensor, kind: str) -> Tensor:
        edges = graph.with_self[kind]
        row, column = ((part * of).sum(-1) for part, of in (
            (z[: edges.rows], self.of_row), (z, self.of_column)))  # fmt: skip
        numbers = torch.tensor([0, *(self.number[key] for key in graph.readers[kind])])
        types = self.of_kind[numbers.to(z.device)[graph.which(kind)]]
        return F.leaky_relu(of_rows(edges, row) + of_columns(edges, column) + types, SLOPE)


class Blind(nn.Module):
    """GAT over all that a node reads, whatever its kind: the control for every gain from types.

    Types only choose the map at the entrance of the model. In a large comparison it matched or
    beat most layers made for types (Lv et al. 2021), so a table that claims such a gain holds it.
    """

    def __init__(self, gat: GAT) -> None:
        super().__init__()
        self.gat = gat

    def forward(self, graph: Typed, x: Vectors) -> dict[str, Tensor]:
        """type -> [m, D_in] to type -> [n, D], for the types that read."""
        return {k: self.gat(graph.with_self[k], graph.read(k, x)) for k in graph.readers}
