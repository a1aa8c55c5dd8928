"""Layers for graphs of several kinds, against their formulas and their promises."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec.graph import Graph
from polyrec.nn.convs import (
    GAT,
    HAN,
    HGT,
    RGCN,
    SAGE,
    Adjacency,
    Blind,
    Carried,
    SeHGNN,
    SimpleHGN,
    Typed,
    carried,
    carried_labels,
    metapaths,
    reached,
)
from polyrec.nn.convs.along import matched, softmax
from polyrec.nn.convs.typed import together

from .graphs import as_float64, library, random_relation, symmetric, vectors

GRAPH = library()
KEYS = [part.key for part in GRAPH.relations]
DIM, HEADS = 6, 2


def typed() -> Typed:
    return Typed(as_float64(Typed.of(GRAPH).relations))


def doubles() -> dict[str, Tensor]:
    return {kind: x.double() for kind, x in vectors(GRAPH, DIM).items()}


def test_adjacencies_side_by_side_are_their_matrices_side_by_side() -> None:
    for kind, edges in Typed.of(GRAPH).together.items():
        parts = [Adjacency.of(r, "row").dense() for r in GRAPH.relations if r.key[0] == kind]
        assert torch.equal(edges.dense(), torch.cat(parts, 1))


def test_a_node_reads_itself_first_of_all() -> None:
    graph = typed()
    for kind, edges in graph.with_self.items():
        assert edges.other[edges.start[:-1]].tolist() == list(range(edges.rows))
        assert (graph.which(kind) == 0).sum() == edges.rows


def test_one_relation_makes_rgcn_the_mean_aggregator() -> None:
    part = random_relation(("n", "r", "n"), (12, 12), 0.3)
    rgcn, sage = RGCN(DIM, 4, [part.key], bases=1), SAGE(DIM, 4, "mean")
    with torch.no_grad():
        sage.of_self.copy_(rgcn.own)
        sage.of_neighbours.copy_(rgcn.shares[0, 0] * rgcn.bases[0])
        sage.bias.copy_(rgcn.bias)
    x = torch.randn(12, DIM, generator=torch.Generator().manual_seed(0))
    edges = Adjacency.of(part, "row")
    found = rgcn(Typed({part.key: edges}), {"n": x})["n"]
    assert torch.allclose(found, sage(edges, x), atol=1e-6)


def test_hgt_shares_sum_to_one_over_all_that_a_node_reads() -> None:
    graph, x = typed(), doubles()
    layer = HGT(DIM, list(GRAPH.sizes), KEYS, HEADS).double()
    with torch.no_grad():  # values of one everywhere: what comes out is the sum of the shares
        for value in layer.value.values():
            value.weight.zero_()
            value.bias.fill_(1.0)
        layer.message.copy_(torch.eye(DIM // HEADS).expand_as(layer.message))
    for kind in graph.readers:
        reads = graph.together[kind].degree > 0
        assert torch.allclose(layer.sums(graph, x, kind)[reads], torch.ones(()).double())
        assert (layer.sums(graph, x, kind)[~reads] == 0).all()


def test_hgt_weighs_relations_against_each_other() -> None:
    graph, x = typed(), doubles()
    layer = HGT(DIM, list(GRAPH.sizes), KEYS, HEADS).double()
    before = layer.sums(graph, x, "paper")
    with torch.no_grad():
        layer.prior[layer.number[("paper", "cites", "paper")]] += 3
    assert not torch.allclose(layer.sums(graph, x, "paper"), before)


def test_simple_hgn_is_its_formula() -> None:
    graph, x = typed(), doubles()
    layer = SimpleHGN(DIM, 3, KEYS, HEADS).double()
    out, shares = layer(graph, x)
    again, _ = layer(graph, x, shares)
    assert all(torch.allclose(out[kind], again[kind]) for kind in out)  # keeping the same: no move
    edges = graph.with_self["paper"]
    z = graph.read("paper", {k: (v @ layer.weight.weight.t()).view(-1, HEADS, 3)
                             for k, v in x.items()})  # fmt: skip
    numbers = torch.tensor([0, *(layer.number[key] for key in graph.readers["paper"])])
    row, column = edges.row.long(), edges.other.long()
    logit = (z[row] * layer.of_row).sum(-1) + (z[column] * layer.of_column).sum(-1)
    logit = F.leaky_relu(logit + layer.of_kind[numbers[graph.which("paper")]], 0.2)
    assert torch.allclose(shares["paper"], softmax(edges, logit))


@pytest.mark.parametrize("name", ["rgcn", "hgt", "simple_hgn", "blind"])
def test_the_gradient_of_a_typed_layer_is_the_derivative(name: str) -> None:
    graph, x = typed(), doubles()
    layer = {
        "rgcn": lambda: RGCN(DIM, 3, KEYS, 2),
        "hgt": lambda: HGT(DIM, list(GRAPH.sizes), KEYS, HEADS),
        "simple_hgn": lambda: SimpleHGN(DIM, 3, KEYS, HEADS),
        "blind": lambda: Blind(GAT(DIM, 3, HEADS)),
    }[name]().double()

    def out(paper: Tensor, *weights: Tensor) -> Tensor:
        found = layer(graph, {**x, "paper": paper})
        found = found[0] if isinstance(found, tuple) else found
        return torch.cat([part.flatten() for part in found.values()])

    paper = x["paper"].clone().requires_grad_()
    assert torch.autograd.gradcheck(out, (paper, *layer.parameters()))


def test_the_control_does_not_see_the_kind_of_an_edge() -> None:
    torch.manual_seed(0)
    layer, x = Blind(GAT(DIM, 3, HEADS)), vectors(GRAPH, DIM)
    one = random_relation(("paper", "cites", "paper"), (9, 9), 0.4)
    names = [("paper", name, "paper") for name in ("cites", "praises")]
    halves = [one.matrix().copy(), one.matrix().copy()]
    halves[0].data[::2], halves[1].data[1::2] = 0, 0
    for half in halves:
        half.eliminate_zeros()
    parts = {key: Adjacency.of_matrix(half) for key, half in zip(names, halves, strict=True)}
    whole = layer(Typed({one.key: Adjacency.of(one)}), x)["paper"]
    assert torch.allclose(layer(Typed(parts), x)["paper"], whole, atol=1e-6)


def test_han_with_one_metapath_is_attention_along_it() -> None:
    paths = [reached(GRAPH, "paper", ("rev_wrote", "wrote"))]
    layer, x = HAN(DIM, 3, 1, HEADS), vectors(GRAPH, DIM)["paper"]
    assert torch.allclose(layer(paths, x), F.elu(layer.along[0](paths[0], x)), atol=1e-6)


def test_han_weighs_metapaths_by_one_softmax_for_all_nodes() -> None:
    paths = [reached(GRAPH, "paper", p) for p in (("cites",), ("about", "rev_about"))]
    layer, x = HAN(DIM, 3, 2, HEADS), vectors(GRAPH, DIM)["paper"]
    z = [F.elu(along(path, x)) for along, path in zip(layer.along, paths, strict=True)]
    beta = torch.cat([layer.ask(torch.tanh(layer.look(part))).mean(0) for part in z]).softmax(0)
    assert torch.allclose(layer(paths, x), beta[0] * z[0] + beta[1] * z[1], atol=1e-6)


def test_metapaths_are_the_chains_of_relations() -> None:
    assert metapaths(GRAPH, "term", 2) == [
        ("rev_about",), ("rev_about", "about"), ("rev_about", "cites"), ("rev_about", "rev_wrote"),
    ]  # fmt: skip


def test_a_metapath_that_matches_no_relation_lists_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"'wrote' starts at 'paper'.*about, cites, rev_wrote"):
        reached(GRAPH, "paper", ("wrote",))


def test_a_metapath_product_over_its_budget_is_refused() -> None:
    big = symmetric(400, 0.5)
    graph = Graph({"node": 400}, (big,))
    with pytest.raises(ValueError, match="the budget is 1 MB"):
        reached(graph, "node", ("knows", "knows"), budget_mb=1)


def test_what_a_metapath_carries_is_the_mean_of_means() -> None:
    x = vectors(GRAPH, DIM)
    one, two = (Adjacency.of(GRAPH[name], "row").dense() for name in ("rev_wrote", "wrote"))
    found = carried(GRAPH, "paper", ("rev_wrote", "wrote"), x)
    assert torch.allclose(found, one @ two @ x["paper"], atol=1e-6)


@pytest.mark.parametrize("path", [
    ("cites",), ("cites", "cites"), ("rev_wrote", "wrote"), ("cites", "about", "rev_about"),
    ("rev_wrote", "wrote", "rev_wrote", "wrote"),
])  # fmt: skip
def test_a_node_never_reads_its_own_label(path: tuple[str, ...]) -> None:
    """Changing the label of one node changes nothing of what metapaths bring to that node."""
    labels = F.one_hot(torch.arange(9) % 3).float()
    other = labels.clone()
    other[4] = torch.tensor([0.0, 0, 1]) if labels[4, 2] == 0 else torch.tensor([1.0, 0, 0])
    a, b = (carried_labels(GRAPH, "paper", path, y) for y in (labels, other))
    assert torch.allclose(a[4], b[4], atol=1e-6)
    eye = torch.eye(9)
    assert float(carried_labels(GRAPH, "paper", path, eye).diagonal().abs().max()) < 1e-6


def test_sehgnn_in_minibatches_is_sehgnn_on_all() -> None:
    x = Carried(("a", "b"), (torch.randn(9, 4), torch.randn(9, 5)))
    layer = SeHGNN([4, 5], 8, 3).eval()
    with torch.no_grad():
        layer.keep.fill_(0.7)
    at = torch.tensor([7, 2])
    assert torch.allclose(layer(x.rows(at)), layer(x)[at], atol=1e-6)


def test_parts_side_by_side_keep_the_order_of_relations_within_a_row() -> None:
    parts = [Adjacency.of(random_relation(("a", "r", "b"), (4, 3), 0.8, i)) for i in range(2)]
    edges = together(parts)
    for row in range(4):
        at = edges.other[int(edges.start[row]) : int(edges.start[row + 1])]
        assert at.tolist() == sorted(at.tolist())
    assert matched(edges, torch.ones(4, 1, 2), torch.ones(6, 1, 2)).unique().tolist() == [2.0]
