"""Every graph layer keeps the promises of a layer, and equals its formula on dense matrices."""

from __future__ import annotations

import copy
from dataclasses import replace

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from polyrec.graph import Relation
from polyrec.nn.convs import (
    AGGREGATES,
    GCN,
    SAGE,
    Adjacency,
    Chebyshev,
    Spectral,
    Spectrum,
    band_pass,
    high_pass,
    in_time,
    largest_eigenvalue,
    low_pass,
)

from .graphs import relation, symmetric
from .layers import CASES, IN, OUT, made, sparse

every = pytest.mark.parametrize("name", CASES)
KNOWS = symmetric()
X = torch.randn(12, IN, generator=torch.Generator().manual_seed(1)).double()


def adjacency(name: str, dtype: torch.dtype = torch.float64) -> Adjacency:
    return Adjacency.of(KNOWS, CASES[name].norm).to(dtype)


@every
def test_a_layer_is_its_formula_on_dense_matrices(name: str) -> None:
    layer, edges = made(name, torch.float64), adjacency(name)
    assert torch.allclose(layer(edges, X), CASES[name].dense(layer, edges.dense(), X), atol=1e-12)


@every
def test_the_gradient_is_the_derivative(name: str) -> None:
    layer, edges = made(name, torch.float64), adjacency(name)
    weights = tuple(layer.parameters())
    x = X.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *_: layer(edges, x), (x, *weights))


@every
def test_numbering_the_nodes_otherwise_changes_nothing(name: str) -> None:
    order = torch.randperm(12, generator=torch.Generator().manual_seed(5)).numpy()
    shuffled = relation(KNOWS.key, csr_matrix(KNOWS.matrix()[order][:, order]))
    layer, edges = made(name, torch.float64), adjacency(name)
    found = layer(Adjacency.of(shuffled, CASES[name].norm).to(torch.float64), X[order])
    assert torch.allclose(found, layer(edges, X)[order], atol=1e-12)


@every
def test_an_isolated_node_gets_finite_numbers(name: str) -> None:
    layer, edges = made(name), adjacency(name, torch.float32)
    x = X.float().requires_grad_()
    out = layer(edges, x)
    out.sum().backward()
    assert bool(torch.isfinite(out).all())
    assert bool(torch.isfinite(x.grad).all())


@pytest.mark.parametrize("name", [name for name in CASES if name != "pinsage"])
def test_a_sparse_table_of_features_gives_what_a_dense_one_gives(name: str) -> None:
    layer, edges = made(name, torch.float64), adjacency(name)
    holed = X * (X > 0)
    assert torch.allclose(layer(edges, sparse(holed)), layer(edges, holed), atol=1e-12)


@every
def test_bytes_do_not_depend_on_threads(name: str) -> None:
    big = Adjacency.of(symmetric(400, 0.05), CASES[name].norm)
    x = torch.randn(400, IN, generator=torch.Generator().manual_seed(2))
    found = []
    for threads in (1, 2):
        before = numba.get_num_threads()
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        layer, told = made(name), x.clone().requires_grad_()
        out = layer(big, told)
        out.square().sum().backward()
        found.append((out.detach(), told.grad, *(w.grad for w in layer.parameters())))
        numba.set_num_threads(before)
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


@every
def test_making_any_layer_changes_no_other_layers_output(name: str) -> None:
    layer, edges = made(name), adjacency(name, torch.float32)
    before = layer(edges, X.float())
    for other in CASES:
        made(other)
    for aggregate in AGGREGATES:
        SAGE(IN, OUT, aggregate)(Adjacency.of(KNOWS, "row"), X.float())
    assert torch.equal(layer(edges, X.float()), before)


def test_the_lstm_reads_the_same_order_when_judged_and_another_at_each_training_step() -> None:
    torch.manual_seed(1)
    layer, edges = SAGE(IN, OUT, "lstm"), Adjacency.of(symmetric(share=0.6), "row")
    assert not torch.equal(layer(edges, X.float()), layer(edges, X.float()))
    layer.eval()
    assert torch.equal(layer(edges, X.float()), layer(edges, X.float()))


def test_the_lstm_reads_each_neighbour_once() -> None:
    torch.manual_seed(1)
    layer, edges = SAGE(IN, OUT, "lstm").double().eval(), Adjacency.of(KNOWS, "row")
    told = X @ layer.lstm.enter.t() + layer.lstm.bias
    orders = layer.lstm._draws(edges.edges)
    for row in range(edges.rows):
        at = torch.arange(int(edges.start[row]), int(edges.start[row + 1]))
        state = memory = torch.zeros(1, OUT, dtype=torch.float64)
        for edge in at[orders[at].argsort()].tolist():
            column = int(edges.other[edge])
            state, memory = layer.lstm._step(told[column : column + 1], state, memory)
        assert torch.allclose(layer.lstm(edges, X)[row], state[0], atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-2, 2), min_size=1, max_size=5))
def test_a_polynomial_filter_is_the_same_by_terms_and_by_the_spectrum(numbers: list[float]) -> None:
    edges = Adjacency.of(KNOWS, "sym").to(torch.float64)
    layer = Chebyshev(1, 1, len(numbers)).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(numbers, dtype=torch.float64)[:, None, None])
    series = torch.tensor(numbers, dtype=torch.float64)

    def response(values: torch.Tensor) -> torch.Tensor:
        angle = (values - 1).clamp(-1, 1).acos()
        return (torch.cos(torch.arange(len(series))[:, None] * angle) * series[:, None]).sum(0)

    by_spectrum = Spectrum.of(edges).filtered(X[:, :1], response)
    assert torch.allclose(layer(edges, X[:, :1]), by_spectrum, atol=1e-6)


def test_passes_keep_what_they_are_named_for() -> None:
    edges = Adjacency.of(KNOWS, "sym").to(torch.float64)
    spectrum = Spectrum.of(edges)
    lowest, highest = spectrum.vectors[:, :1], spectrum.vectors[:, -1:]
    for response, kept in ((low_pass, lowest), (high_pass, highest)):
        out = {name: spectrum.filtered(x, response).norm() for name, x in
               {"low": lowest, "high": highest}.items()}  # fmt: skip
        assert (out["low"] > out["high"]) == (kept is lowest)
    assert band_pass(torch.tensor([0.0, 1.0, 2.0])).tolist() == [0.0, 1.0, 0.0]


def test_the_spectral_layer_starts_as_the_plain_map() -> None:
    layer = Spectral(IN, OUT, Spectrum.of(Adjacency.of(KNOWS, "sym")))
    assert torch.allclose(layer(X.float()), X.float() @ layer.weight.t(), atol=1e-5)


def test_power_steps_end_just_above_the_largest_eigenvalue() -> None:
    edges = Adjacency.of(KNOWS, "sym")
    exact = float(Spectrum.of(edges).values[-1])
    found = largest_eigenvalue(edges, torch.Generator().manual_seed(0), 60)
    assert exact <= found <= exact * 1.02


def test_a_dense_spectrum_of_many_nodes_is_refused_with_its_bytes() -> None:
    start = torch.zeros(5_002, dtype=torch.int64)
    empty = Adjacency(start, torch.zeros(0, dtype=torch.int32), torch.zeros(0), 5_001)
    with pytest.raises(ValueError, match="191 MB"):
        Spectrum.of(empty)


def test_a_self_loop_that_is_there_counts_once() -> None:
    looped = KNOWS.matrix().tolil()
    looped[0, 0] = 1
    one, two = (Adjacency.of(relation(KNOWS.key, m), "gcn").dense() for m in
                (KNOWS.matrix(), csr_matrix(looped)))  # fmt: skip
    assert torch.equal(one, two)


def test_a_directed_graph_under_a_symmetric_norm_is_refused_with_the_remedy() -> None:
    one_way = relation(KNOWS.key, csr_matrix([[0, 1.0], [0, 0]]))
    with pytest.raises(ValueError, match="symmetric"):
        Adjacency.of(one_way, "gcn")


def test_the_renormalised_adjacency_has_spectral_radius_one() -> None:
    values = torch.linalg.eigvalsh(Adjacency.of(KNOWS, "gcn").dense())
    assert float(values.abs().max()) == pytest.approx(1, abs=1e-6)


def test_a_gcn_is_inductive_the_same_weights_serve_another_graph() -> None:
    layer = GCN(IN, OUT)
    copy_ = copy.deepcopy(layer)
    other = Adjacency.of(symmetric(30, 0.1, 4), "gcn")
    assert torch.equal(layer(other, torch.ones(30, IN)), copy_(other, torch.ones(30, IN)))


def timed(seed: int = 3) -> Relation:
    """KNOWS, each edge at a time of its own."""
    time = np.random.default_rng(seed).permutation(KNOWS.edges).astype(np.int64) * 1_000
    return replace(KNOWS, time=time)


def test_gru_time_reads_neighbours_from_the_earliest_edge_to_the_latest() -> None:
    torch.manual_seed(0)
    layer, relation = SAGE(IN, OUT, "gru_time").double(), timed()
    gru = torch.nn.GRU(IN, OUT, batch_first=True).double()
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    gru.load_state_dict({f"{n}_l0": getattr(layer.gru.cell, n).detach() for n in names})
    found = layer(in_time(relation), X)
    for row in range(relation.sources):
        first, stop = relation.indptr[row : row + 2]
        order = relation.time[first:stop].argsort()
        told = torch.zeros(OUT, dtype=torch.float64)
        if len(order):
            seen = X[torch.from_numpy(relation.indices[first:stop][order].astype(np.int64))]
            told = gru(seen[None])[1][0, 0]
        expected = layer.of_self @ X[row] + layer.of_neighbours @ told + layer.bias
        assert torch.allclose(found[row], expected, atol=1e-12)


def test_gru_time_sees_order_and_nothing_else_of_time() -> None:
    layer, relation = SAGE(IN, OUT, "gru_time").double(), timed()
    later = replace(relation, time=relation.time * 7 + 5)
    backwards = replace(relation, time=-relation.time)
    found = [layer(in_time(one), X) for one in (relation, later, backwards)]
    assert torch.equal(found[0], found[1])
    assert not torch.allclose(found[0], found[2])


def test_edges_without_times_have_no_place_in_time() -> None:
    with pytest.raises(ValueError, match="no times"):
        in_time(KNOWS)
