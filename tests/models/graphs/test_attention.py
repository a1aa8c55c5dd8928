"""Which attention can choose by who asks: the dictionary lookup."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.nn.convs import GAT, Adjacency, GATv2

KEYS, DIM = 8, 16


class Lookup(nn.Module):
    """Keys ask, entries hold a key and a value, everybody reads every entry."""

    def __init__(self, kind: type[GAT] | type[GATv2]) -> None:
        super().__init__()
        self.ask, self.key = nn.Embedding(KEYS, DIM), nn.Embedding(KEYS, DIM)
        self.value = nn.Embedding(KEYS, DIM)
        self.layer, self.out = kind(DIM, 32, 1), nn.Linear(32, KEYS)

    def forward(self, values: Tensor, edges: Adjacency) -> Tensor:
        held = self.key.weight + self.value(values)
        return self.out(self.layer(edges, torch.cat([self.ask.weight, held])))


def learnt(kind: type[GAT] | type[GATv2]) -> float:
    """Share of right answers after training, over dictionaries drawn at random."""
    torch.manual_seed(0)
    start = torch.arange(KEYS + 1) * KEYS
    edges = Adjacency(start, (torch.arange(KEYS) + KEYS).repeat(KEYS).int(),
                      torch.ones(KEYS * KEYS), 2 * KEYS)  # fmt: skip
    model = Lookup(kind)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    right = []
    for step in range(700):
        values = torch.randperm(KEYS)
        logits = model(values, edges)
        optimiser.zero_grad()
        F.cross_entropy(logits, values).backward()
        optimiser.step()
        if step >= 650:
            right.append(float((logits.argmax(1) == values).float().mean()))
    return sum(right) / len(right)


def test_attention_that_depends_on_who_asks_looks_up_every_key() -> None:
    assert learnt(GATv2) > 0.95


def test_attention_with_one_order_for_all_cannot() -> None:
    assert learnt(GAT) < 0.5


def test_gat_ranks_neighbours_alike_for_everybody_and_gatv2_does_not() -> None:
    torch.manual_seed(1)
    x = torch.randn(10, 6)
    gat = GAT(6, 4, 1)
    z = (x @ gat.weight.t()).view(10, 1, 4)
    column = (z * gat.of_column).sum(-1)[:, 0]
    row = (z * gat.of_row).sum(-1)
    orders = F.leaky_relu(row + column, 0.2).argsort(1)
    assert bool((orders == orders[0]).all())
    v2 = GATv2(6, 4, 1)
    met = F.leaky_relu((x @ v2.of_row.t())[:, None] + x @ v2.of_column.t(), 0.2)
    orders = (met * v2.ask[0]).sum(-1).argsort(1)
    assert not bool((orders == orders[0]).all())
