"""Every layer that PyTorch Geometric has too gives its numbers, weights being equal."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch_geometric import nn as peer

from polyrec.nn.convs import GAT, GCN, HGT, RGCN, SAGE, Adjacency, Chebyshev, GATv2, Typed

from .graphs import copied, edge_index, library, random_relation, symmetric, vectors

IN, OUT, HEADS = 5, 4, 3
KNOWS = symmetric()
X = torch.randn(12, IN, generator=torch.Generator().manual_seed(1))


def close(ours: Tensor, theirs: Tensor) -> None:
    assert torch.allclose(ours, theirs, atol=1e-5), (ours - theirs).abs().max()


def test_gcn() -> None:
    ours, theirs = GCN(IN, OUT), peer.GCNConv(IN, OUT)
    copied(ours.weight, theirs.lin.weight)
    close(ours(Adjacency.of(KNOWS, "gcn"), X), theirs(X, edge_index(Adjacency.of(KNOWS))))


def test_chebyshev() -> None:
    ours, theirs = Chebyshev(IN, OUT, 4), peer.ChebConv(IN, OUT, 4, normalization="sym")
    for place, part in enumerate(theirs.lins):
        copied(ours.weight[place], part.weight)
    edges = edge_index(Adjacency.of(KNOWS))
    close(ours(Adjacency.of(KNOWS, "sym"), X), theirs(X, edges, lambda_max=2.0))


@pytest.mark.parametrize("aggregate", ["mean", "pool"])
def test_sage(aggregate: str) -> None:
    pool = aggregate == "pool"
    theirs = peer.SAGEConv(IN, OUT, aggr="max" if pool else "mean", project=pool)
    ours = SAGE(IN, OUT, aggregate, inner=IN if pool else None)
    copied(ours.of_neighbours, theirs.lin_l.weight)
    copied(ours.bias, theirs.lin_l.bias)
    copied(ours.of_self, theirs.lin_r.weight)
    if pool:
        ours.pool.load_state_dict(theirs.lin.state_dict())
    close(ours(Adjacency.of(KNOWS, "row"), X), theirs(X, edge_index(Adjacency.of(KNOWS))))


def test_the_lstm_over_one_neighbour_which_has_but_one_order() -> None:
    after = torch.arange(12).roll(-1)
    adjacency = Adjacency(torch.arange(13), after.int(), torch.ones(12), 12)
    theirs, ours = peer.SAGEConv(IN, OUT, aggr="lstm"), SAGE(IN, OUT, "lstm", inner=IN)
    copied(ours.of_neighbours, theirs.lin_l.weight)
    copied(ours.bias, theirs.lin_l.bias)
    copied(ours.of_self, theirs.lin_r.weight)
    lstm = theirs.aggr_module.lstm
    copied(ours.lstm.enter, lstm.weight_ih_l0)
    copied(ours.lstm.again, lstm.weight_hh_l0)
    copied(ours.lstm.bias, lstm.bias_ih_l0 + lstm.bias_hh_l0)
    close(ours(adjacency, X), theirs(X, edge_index(adjacency)))


@pytest.mark.parametrize("join", ["concat", "mean"])
def test_gat(join: str) -> None:
    theirs = peer.GATConv(IN, OUT, HEADS, concat=join == "concat")
    ours = GAT(IN, OUT, HEADS, join)
    copied(ours.weight, theirs.lin.weight)
    copied(ours.of_row, theirs.att_dst)
    copied(ours.of_column, theirs.att_src)
    close(ours(Adjacency.of(KNOWS, "self"), X), theirs(X, edge_index(Adjacency.of(KNOWS))))


@pytest.mark.parametrize("join", ["concat", "mean"])
def test_gatv2(join: str) -> None:
    theirs = peer.GATv2Conv(IN, OUT, HEADS, concat=join == "concat")
    ours = GATv2(IN, OUT, HEADS, join)
    copied(ours.of_column, theirs.lin_l.weight)
    copied(ours.of_row, theirs.lin_r.weight)
    copied(ours.column_bias, theirs.lin_l.bias)
    copied(ours.row_bias, theirs.lin_r.bias)
    copied(ours.ask, theirs.att)
    close(ours(Adjacency.of(KNOWS, "self"), X), theirs(X, edge_index(Adjacency.of(KNOWS))))


def test_rgcn() -> None:
    parts = [random_relation(("n", f"r{i}", "n"), (12, 12), 0.2, i) for i in range(3)]
    graph = Typed({part.key: Adjacency.of(part, "row") for part in parts})
    theirs = peer.RGCNConv(IN, OUT, num_relations=3, num_bases=2)
    ours = RGCN(IN, OUT, [part.key for part in parts], bases=2)
    copied(ours.own, theirs.root.t())
    copied(ours.bases, theirs.weight.transpose(1, 2))
    copied(ours.shares, theirs.comp)
    edges = [edge_index(Adjacency.of(part)) for part in parts]
    kinds = torch.cat([torch.full((edge.shape[1],), i) for i, edge in enumerate(edges)])
    close(ours(graph, {"n": X})["n"], theirs(X, torch.cat(edges, 1), kinds))


def test_hgt() -> None:
    graph, dim, heads = library(), 8, 2
    keys = [part.key for part in graph.relations]
    theirs_keys = [(target, name, source) for source, name, target in keys]  # who is read, first
    theirs = peer.HGTConv(dim, dim, (list(graph.sizes), theirs_keys), heads)
    ours = HGT(dim, list(graph.sizes), keys, heads)
    for kind in graph.sizes:
        three, mine = theirs.kqv_lin.lins[kind], (ours.key, ours.query, ours.value)
        parts = zip(three.weight.chunk(3), three.bias.chunk(3), mine, strict=True)
        for weight, bias, part in parts:
            copied(part[kind].weight, weight)
            copied(part[kind].bias, bias)
        ours.out[kind].load_state_dict(theirs.out_lin.lins[kind].state_dict())
        copied(ours.skip[kind], theirs.skip[kind])
    for place, key in enumerate(theirs_keys):
        number = theirs.edge_types_map[key]
        for head in range(heads):
            at = head * len(keys) + number
            copied(ours.attend[place, head], theirs.k_rel.weight[at])
            copied(ours.message[place, head], theirs.v_rel.weight[at])
        copied(ours.prior[place], theirs.p_rel["__".join(key)])
    x = vectors(graph, dim)
    edges = {
        theirs_key: edge_index(Adjacency.of(part))
        for theirs_key, part in zip(theirs_keys, graph.relations, strict=True)
    }
    found, wanted = ours(Typed.of(graph), x), theirs(x, edges)
    for kind in graph.sizes:
        close(found[kind], wanted[kind])
