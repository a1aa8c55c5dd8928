"""A product along edges: duplicates, lonely nodes, and the bytes whatever the rows asked."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polyrec.kernels.graphs.rows import pull, push
from polyrec.nn.propagate import Edges, inverse_power, propagate, propagate_rows, smoothed


def symmetric(seed, nodes, share=0.3):
    draw = np.random.default_rng(seed)
    half = np.triu(draw.random((nodes, nodes)) < share, 1)
    return (half + half.T).astype(np.float64)


def edges_of(dense):
    degree = dense.sum(1).astype(int)
    start = torch.from_numpy(np.concatenate([[0], np.cumsum(degree)]).astype(np.int32))
    factor = inverse_power(torch.from_numpy(degree))
    return Edges(start, torch.from_numpy(np.nonzero(dense)[1].astype(np.int32)), factor, factor)


def product(dense):
    degree = dense.sum(1)
    root = np.where(degree > 0, np.maximum(degree, 1) ** -0.5, 0)
    return root[:, None] * dense * root


@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(1, 9))
def test_it_is_the_dense_product_and_its_transpose(seed, nodes, width):
    dense = symmetric(seed, nodes)
    edges, x = edges_of(dense), torch.randn(nodes, width, generator=torch.Generator())
    found = propagate(x, edges)
    assert np.abs(found.numpy() - product(dense) @ x.numpy()).max() < 1e-5
    rows = torch.randint(0, nodes, (7,))
    assert torch.allclose(propagate_rows(x, edges, rows), found[rows], atol=1e-6)
    arrays = edges.start.numpy(), edges.target.numpy(), edges.into.numpy()
    grad = np.random.default_rng(seed).normal(size=(7, width)).astype(np.float32)
    full = np.zeros((nodes, width))
    np.add.at(full, rows.numpy(), grad)
    pushed = np.zeros((nodes, width), np.float32)
    push(arrays, grad, rows.numpy(), pushed)
    assert np.abs(pushed - product(dense) @ full).max() < 1e-4
    assert np.abs(pull(arrays, x.numpy(), rows.numpy()) - found.numpy()[rows]).max() < 1e-5


def test_a_node_without_edges_is_a_zero_row_and_never_nan():
    dense = symmetric(1, 6)
    dense[2], dense[:, 2] = 0, 0
    found = propagate(torch.ones(6, 3), edges_of(dense))
    assert torch.isfinite(found).all()
    assert found[2].abs().max() == 0


def test_the_largest_eigenvalue_is_1_and_its_vector_the_roots_of_degrees():
    dense = symmetric(3, 25, 0.4)
    x = torch.from_numpy(np.sqrt(dense.sum(1))).float()[:, None]
    assert torch.allclose(propagate(x, edges_of(dense)), x, atol=1e-5)
    assert np.abs(np.linalg.eigvalsh(product(dense))).max() <= 1 + 1e-9


def test_a_rows_bytes_are_the_same_whatever_else_is_asked():
    dense = symmetric(4, 20)
    edges, x = edges_of(dense), torch.randn(20, 5)
    alone = propagate_rows(x, edges, torch.tensor([7]))
    among = propagate_rows(x, edges, torch.arange(20))
    assert torch.equal(alone[0], among[7])


@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(0, 4), st.sampled_from([3, 64, 85]))
def test_the_sum_of_layers_is_the_dense_polynomial_and_so_is_its_gradient(
    seed, nodes, layers, width
):
    dense = symmetric(seed, nodes)
    x = torch.randn(nodes, width, generator=torch.Generator().manual_seed(seed)).requires_grad_()
    whole = sum(np.linalg.matrix_power(product(dense), k) for k in range(layers + 1))
    found = smoothed(x, edges_of(dense), layers)
    assert np.abs(found.detach().numpy() - whole @ x.detach().numpy()).max() < 1e-4
    out = torch.randn(nodes, width, generator=torch.Generator().manual_seed(seed + 1))
    found.backward(out)
    assert np.abs(x.grad.numpy() - whole.T @ out.numpy()).max() < 1e-4


def test_no_layer_is_a_copy():
    x = torch.ones(4, 2)
    found = smoothed(x, edges_of(symmetric(5, 4)), 0)
    assert torch.equal(found, x)
    assert found.data_ptr() != x.data_ptr()


def test_rows_of_a_table_that_lies_otherwise_are_the_same():
    edges, rows = edges_of(symmetric(6, 12)), torch.arange(4)
    x = torch.randn(20, 12).T
    assert torch.equal(propagate_rows(x, edges, rows), propagate_rows(x.contiguous(), edges, rows))


def test_tables_of_other_sizes_are_refused():
    edges = edges_of(symmetric(7, 6))
    with pytest.raises(ValueError, match="6 x 6 times"):
        propagate(torch.ones(5, 4), edges)
    with pytest.raises(ValueError, match="added to"):
        edges.times(torch.ones(6, 4), base=torch.ones(6, 3))
