"""Optimisers against torch's own, and what lazy rows mean."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.kernels.adam import Rates, adam_rows
from polyrec.train import Adam, AdamW, LazyAdam, Optim
from polyrec.train.optim import clip, move_rows_elsewhere

ROWS, DIM = 12, 5


def table() -> nn.Parameter:
    return nn.Parameter(torch.randn(ROWS, DIM, generator=torch.Generator().manual_seed(1)))


def ids(step: int, everything: bool) -> Tensor:
    """Ids with repeats; `everything` touches every row."""
    drawn = torch.randint(0, ROWS - 4, (9,), generator=torch.Generator().manual_seed(step))
    return torch.cat([drawn, torch.arange(ROWS)]) if everything else drawn


def train(
    weight: nn.Parameter, optimiser: torch.optim.Optimizer, sparse: bool, all_rows: bool
) -> None:
    target = torch.linspace(-1, 1, DIM)
    for step in range(6):
        for group in optimiser.param_groups:
            group["lr"] = 0.01 * (step + 1)
        rows = F.embedding(ids(step, all_rows), weight, sparse=sparse)
        ((rows - target) ** 2).sum().backward()
        optimiser.step()
        optimiser.zero_grad()


def reference(weight: nn.Parameter) -> torch.optim.Optimizer:
    return torch.optim.Adam([weight], lr=0.0)


@pytest.mark.parametrize("optim", [LazyAdam(), Adam(), AdamW()])
def test_where_every_row_is_touched_all_are_adam(optim: Optim) -> None:
    ours, theirs = table(), table()
    train(ours, optim.build([ours]), sparse=True, all_rows=True)
    train(theirs, reference(theirs), sparse=False, all_rows=True)
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_exact_adam_moves_untouched_rows_as_dense_adam_does() -> None:
    ours, theirs = table(), table()
    train(ours, Adam().build([ours]), sparse=True, all_rows=False)
    train(theirs, reference(theirs), sparse=False, all_rows=False)
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_lazy_adam_leaves_untouched_rows_and_their_moments_alone() -> None:
    ours, start = table(), table()
    optimiser = LazyAdam().build([ours])
    train(ours, optimiser, sparse=True, all_rows=False)
    assert torch.equal(ours[ROWS - 4 :], start[ROWS - 4 :])
    assert not optimiser.state[ours]["exp_avg"][ROWS - 4 :].any()


def test_dense_parameters_move_as_torch_moves_them() -> None:
    for optim, theirs in (
        (LazyAdam(weight_decay=0.1), torch.optim.Adam),
        (AdamW(weight_decay=0.1), torch.optim.AdamW),
    ):
        ours, other = table(), table()
        train(ours, optim.build([ours]), sparse=False, all_rows=False)
        train(other, theirs([other], lr=0.0, weight_decay=0.1), sparse=False, all_rows=False)
        assert torch.allclose(ours, other, atol=1e-6)


@pytest.mark.parametrize("make", [LazyAdam, Adam, AdamW])
def test_tables_never_decay(make: type[LazyAdam | Adam | AdamW]) -> None:
    plain, decayed = table(), table()
    train(plain, make(weight_decay=0.0).build([plain]), sparse=True, all_rows=False)
    train(decayed, make(weight_decay=0.5).build([decayed]), sparse=True, all_rows=False)
    assert torch.equal(plain, decayed)


def test_exact_adam_decays_whole_tables_as_dense_adam_does_where_it_is_asked_to() -> None:
    ours, theirs = table(), table()
    train(ours, Adam(table_decay=0.1).build([ours]), sparse=True, all_rows=False)
    dense = torch.optim.Adam([theirs], lr=0.0, weight_decay=0.1)
    train(theirs, dense, sparse=False, all_rows=False)
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_a_whole_table_moves_and_decays_alike_on_other_devices() -> None:
    """There a sparse gradient is filled up and handed to torch."""
    how, here, there = Adam(table_decay=0.1), table(), table()
    ours, other = how.build([here]), how.build([there])
    for step in range(3):
        F.embedding(ids(step, False), here, sparse=True).square().sum().backward()
        assert here.grad is not None
        with torch.no_grad():
            ours._move_rows(here, here.grad, 0.02)  # type: ignore[attr-defined]
            other._move([(there, here.grad.to_dense())], 0.02, how.table_decay)  # type: ignore[attr-defined]
        here.grad = None
    assert torch.allclose(here, there, atol=1e-6)
    for name in ("exp_avg", "exp_avg_sq", "step"):
        assert torch.allclose(ours.state[here][name], other.state[there][name], atol=1e-6)


def test_a_table_that_would_grow_is_refused() -> None:
    with pytest.raises(ValueError, match=r"table_decay=-1\.0, need >= 0"):
        Adam(table_decay=-1.0)


def test_clipping_shortens_the_whole_gradient_sparse_repeats_merged() -> None:
    sparse, dense = table(), table()
    other = nn.Parameter(torch.ones(3))
    for weight, kind in ((sparse, True), (dense, False)):
        F.embedding(torch.tensor([1, 1, 2]), weight, sparse=kind).sum().backward()
    other.grad = torch.ones(3)
    clip([sparse, other], 1.0)
    length = (5 * (4 + 1) + 3) ** 0.5
    assert dense.grad is not None
    assert sparse.grad is not None
    assert torch.allclose(sparse.grad.to_dense(), dense.grad / length)
    assert torch.allclose(other.grad, torch.ones(3) / length)


def test_clipping_leaves_a_short_gradient_as_it_is() -> None:
    weight = nn.Parameter(torch.ones(3))
    weight.grad = torch.full((3,), 0.1)
    clip([weight], 1.0)
    assert torch.equal(weight.grad, torch.full((3,), 0.1))


@pytest.fixture
def two_threads() -> Iterator[None]:
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def test_lazy_rows_do_not_depend_on_the_thread_count(two_threads: None) -> None:
    many = table()
    train(many, LazyAdam().build([many]), sparse=True, all_rows=False)
    torch.set_num_threads(1)
    one = table()
    train(one, LazyAdam().build([one]), sparse=True, all_rows=False)
    assert torch.equal(one, many)


def test_the_row_update_of_other_devices_is_the_kernel_s() -> None:
    start, g = table().detach(), torch.randn(3, DIM, generator=torch.Generator().manual_seed(7))
    rows, rates = torch.tensor([5, 1, 9]), Rates(0.02, 0.9, 0.999, 1e-8, 3)
    moments = [torch.full_like(start, 0.1), torch.full_like(start, 0.2)]
    ours, own = start.clone(), [moment.clone() for moment in moments]
    adam_rows(ours.numpy(), (own[0].numpy(), own[1].numpy()), rows.numpy(), g.numpy(), rates)
    other = nn.Parameter(start.clone())
    grad = torch.sparse_coo_tensor(rows[None], g, start.shape, check_invariants=True).coalesce()
    with torch.no_grad():
        move_rows_elsewhere(other, (moments[0], moments[1]), grad, rates)
    assert torch.allclose(ours, other, atol=1e-6)
    assert torch.allclose(own[0], moments[0])
    assert torch.allclose(own[1], moments[1])


@pytest.mark.parametrize("optim", [Adam(), LazyAdam()])
def test_a_batch_that_touches_no_row_of_a_table_moves_none(optim) -> None:
    table = torch.nn.Parameter(torch.ones(5, 3))
    optimiser = optim.build([table])
    none = torch.zeros(1, 0, dtype=torch.int64)
    table.grad = torch.sparse_coo_tensor(none, torch.zeros(0, 3), (5, 3))
    optimiser.step()
    assert torch.equal(table.detach(), torch.ones(5, 3))
