"""Balances against their published formulas."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from polyrec.balance import DWA, FAMO, UWL, Fixed, Scheduled
from polyrec.balance.weights import Kind
from polyrec.types import Losses, Progress


def losses(**values: float | Tensor) -> Losses:
    return Losses(
        {name: torch.as_tensor(value).clone().requires_grad_() for name, value in values.items()}
    )


def noted(progress: Progress) -> list[float]:
    return list(progress.notes.values())


def test_fixed_weights_sum_to_the_number_of_tasks() -> None:
    progress = Progress()
    Fixed({"a": 1, "b": 3}).backward(losses(a=1.0, b=1.0), [], progress)
    assert noted(progress) == [0.5, 1.5]


def test_an_absent_task_leaves_the_other_s_weight() -> None:
    progress = Progress()
    Fixed({"a": 1, "b": 3}).backward(losses(b=1.0), [], progress)
    assert progress.notes == {"weight/b": 1.5}


def test_scheduled_weights_follow_progress() -> None:
    balance, progress = (
        Scheduled({"a": lambda p: 0.5**p.epoch, "b": lambda p: 1.0}),
        Progress(epoch=1),
    )
    balance.backward(losses(a=1.0, b=1.0), [], progress)
    assert noted(progress) == pytest.approx([2 / 3, 4 / 3])


@pytest.mark.parametrize("weights", [{"a": 0.0}, {"a": -1.0, "b": 2.0}, {"a": math.nan}])
def test_weights_that_weigh_nothing_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="need each >= 0 and one above 0"):
        Fixed(weights)


@pytest.mark.parametrize(("kind", "rest"), [("classification", 0.2), ("regression", 0.1)])
def test_uncertainty_rests_where_the_noise_explains_the_loss(kind: Kind, rest: float) -> None:
    """sigma^2 = 2 L for classification, L for regression, for a loss of .1."""
    balance = UWL({"a": kind})
    optimiser = torch.optim.Adam(balance.parameters(), lr=0.05, **balance.group)
    for _ in range(600):
        balance.zero_grad()
        balance.backward(losses(a=0.1), [], Progress())
        optimiser.step()
    assert float(balance.s[0].detach().exp()) == pytest.approx(rest, rel=1e-2)


def test_uncertainty_s_parameters_are_not_decayed() -> None:
    assert UWL({"a": "regression"}).group == {"weight_decay": 0.0}


def test_dwa_weighs_by_the_ratio_of_epoch_means() -> None:
    balance = DWA(("a", "b", "c"), tau=2)
    means = [{"a": 4.0, "b": 2.0, "c": 1.0}, {"a": 2.0, "b": 2.0, "c": 2.0}]
    weights = []
    for epoch in range(3):
        for part in (0.5, 1.5):  # two steps an epoch, whose mean counts
            progress = Progress(epoch=epoch)
            values = {name: value * part for name, value in means[min(epoch, 1)].items()}
            balance.backward(losses(**values), [], progress)
            weights.append(noted(progress))
    raw = [math.exp(ratio / 2) for ratio in (0.5, 1.0, 2.0)]
    assert weights[0] == weights[3] == [1.0, 1.0, 1.0]
    assert weights[4] == weights[5] == pytest.approx([3 * x / sum(raw) for x in raw])
    assert sum(weights[4]) == pytest.approx(3)


def test_famo_weighs_by_shares_over_gaps() -> None:
    balance, progress = FAMO(("a", "b"), floor={"b": 1.0}), Progress()
    balance.backward(losses(a=1.0, b=5.0), [], progress)
    assert noted(progress) == pytest.approx([0.8, 0.2])


def test_famo_s_step_is_that_of_the_weighed_log_losses() -> None:
    theta, balance = nn.Parameter(torch.tensor([1.0, 2.0])), FAMO(("a", "b"))
    values = {"a": (theta**2).sum(), "b": (theta - 3).exp().sum()}
    z = torch.tensor([0.5, 0.5])
    c = (z / torch.stack(list(values.values()))).sum().detach()
    target = (z * torch.stack(list(values.values())).log()).sum() / c
    (want,) = torch.autograd.grad(target, theta, retain_graph=True)
    balance.backward(Losses(values), [theta], Progress())
    assert theta.grad is not None
    assert torch.allclose(theta.grad, want)


def test_famo_turns_towards_the_task_that_improved_least() -> None:
    balance = FAMO(("a", "b"))
    balance.backward(losses(a=1.0, b=1.0), [], Progress())
    balance.after(lambda: losses(a=0.5, b=1.0))
    fell = math.log(2)
    assert [float(xi.grad) for xi in balance.xi] == pytest.approx([fell / 4, -fell / 4])


def test_famo_brings_its_own_learning_rate_and_decay() -> None:
    assert FAMO(("a",)).group == {"lr": 0.025, "weight_decay": 0.01}


def test_famo_refuses_a_loss_below_its_floor() -> None:
    with pytest.raises(ValueError, match="lie below their floors"):
        FAMO(("a",)).backward(losses(a=-1.0), [], Progress())


def test_losses_of_all_processes_weigh_alike() -> None:
    class Two:
        rank, size = 0, 2

        def gather(self, x: Tensor) -> Tensor:
            return torch.cat([x, torch.tensor([[3.0, 1.0]])])

    progress = Progress(ranks=Two())  # type: ignore[arg-type]
    FAMO(("a", "b")).backward(losses(a=1.0, b=1.0), [], progress)
    assert noted(progress) == pytest.approx([1 / 3, 2 / 3])


def test_tasks_are_named_once() -> None:
    with pytest.raises(ValueError, match="need at least one and each name once"):
        DWA(("a", "a"))
