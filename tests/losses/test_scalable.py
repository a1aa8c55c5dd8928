"""The cross-entropy in buckets: equal to the full one where buckets hold all, and its rules."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec.losses import Buckets, in_buckets, scalable_cross_entropy

STATES, ITEMS, DIM = 10, 40, 6


def world() -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(3)
    states = torch.randn(STATES, DIM, generator=draw, dtype=torch.float64).requires_grad_()
    items = torch.randn(ITEMS, DIM, generator=draw, dtype=torch.float64).requires_grad_()
    return states, items, torch.randint(0, ITEMS, (STATES,), generator=draw)


def test_one_bucket_of_everything_is_the_full_cross_entropy() -> None:
    states, items, targets = world()
    whole = Buckets(torch.arange(STATES)[None], torch.arange(ITEMS)[None])
    loss, covered = scalable_cross_entropy(states, items, targets, whole)
    full = F.cross_entropy(states @ items.T, targets, reduction="none")
    assert bool(covered.all())
    assert torch.allclose(loss, full)
    ours = torch.autograd.grad(loss.mean(), (states, items))
    theirs = torch.autograd.grad(full.mean(), (states, items))
    assert all(torch.allclose(a, b) for a, b in zip(ours, theirs, strict=True))


def test_a_state_in_several_buckets_takes_its_largest_loss() -> None:
    states, items, targets = world()
    parts = torch.arange(ITEMS).view(4, 10)
    buckets = Buckets(torch.arange(STATES).expand(4, -1), parts)
    loss, _ = scalable_cross_entropy(states, items, targets, buckets)
    each = [
        scalable_cross_entropy(states, items, targets, Buckets(torch.arange(STATES)[None], p[None]))
        for p in parts
    ]
    assert torch.allclose(loss, torch.stack([one for one, _ in each]).amax(0))


def test_a_state_in_no_bucket_learns_nothing() -> None:
    states, items, targets = world()
    some = Buckets(torch.tensor([[1, 4, 7]]), torch.arange(ITEMS)[None])
    loss, covered = scalable_cross_entropy(states, items, targets, some)
    assert covered.nonzero().squeeze(1).tolist() == [1, 4, 7]
    (slope,) = torch.autograd.grad(loss.sum(), states)
    assert torch.equal(slope.abs().sum(1) > 0, covered)


def test_a_state_that_is_learnt_perfectly_stays_covered() -> None:
    states = torch.tensor([[200.0, 0.0], [1.0, 1.0]])
    items = torch.tensor([[200.0, 0.0], [-200.0, 0.0], [0.0, 1.0]])
    both = Buckets(torch.tensor([[0, 1]]), torch.tensor([[0, 1, 2]]))
    loss, covered = scalable_cross_entropy(states, items, torch.tensor([0, 2]), both)
    assert loss[0] == 0
    assert covered.tolist() == [True, True]


def test_buckets_hold_what_lies_furthest_along_a_direction() -> None:
    states, _, _ = world()
    along = torch.randn(5, DIM, generator=torch.Generator().manual_seed(1))
    among = torch.tensor([0, 2, 3, 5, 8])
    found = in_buckets(along, states, 3, among)
    scores = along @ states.detach().float()[among].T
    wanted = among[scores.sort(1, descending=True).indices[:, :3]]
    assert torch.equal(found.sort(1).values, wanted.sort(1).values)


@pytest.mark.parametrize("count", [5, 50])
def test_a_bucket_wider_than_what_there_is_holds_all_of_it(count: int) -> None:
    states, _, _ = world()
    found = in_buckets(torch.ones(1, DIM), states, count, torch.tensor([1, 2, 6]))
    assert found.sort(1).values.tolist() == [[1, 2, 6]]
