"""Every balance of the catalogue keeps the promises of a balance."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from polyrec.balance import BALANCES, DWA, FAMO, UWL, Balance, Equal, Fixed, Scheduled
from polyrec.types import Losses, Progress

BUILD: dict[str, Callable[[Sequence[str]], Balance]] = {
    "equal": lambda tasks: Equal(),
    "fixed": lambda tasks: Fixed({task: 1.0 + place for place, task in enumerate(tasks)}),
    "scheduled": lambda tasks: Scheduled({task: lambda p: 1.0 + p.epoch for task in tasks}),
    "uwl": lambda tasks: UWL(dict.fromkeys(tasks, "classification")),
    "dwa": DWA,
    "famo": FAMO,
}
every = pytest.mark.parametrize("name", BALANCES)
TASKS = ("click", "buy")


class Toy:
    """Two tasks that share a vector."""

    def __init__(self) -> None:
        self.shared = nn.Parameter(torch.tensor([0.5, -1.0, 2.0]))
        self.aim = {"click": torch.tensor([1.0, 0.0, 0.0]), "buy": torch.tensor([0.0, 3.0, 1.0])}

    def losses(self, *tasks: str, extra: float = 0.0) -> Losses:
        values = {task: ((self.shared - self.aim[task]) ** 2).sum() for task in tasks}
        return Losses(values, extra={"penalty": extra * self.shared.sum()} if extra else {})

    def gradient(self, *tasks: str) -> Tensor:
        total = torch.stack(list(self.losses(*tasks).values.values())).sum()
        return torch.autograd.grad(total, self.shared)[0]


def train(balance: Balance, toy: Toy, steps: range) -> list[Tensor]:
    """What the loop does, with two epochs of three steps; the shared vector after each step."""
    own = [{"params": list(balance.parameters()), "lr": 0.05, **balance.group}]
    optimiser = torch.optim.SGD([toy.shared], lr=0.02)
    weights = torch.optim.Adam(own) if own[0]["params"] else None
    path = []
    for step in steps:
        optimiser.zero_grad()
        balance.zero_grad()
        progress = Progress(epoch=step // 3, step=step)
        balance.backward(toy.losses(*TASKS), [toy.shared], progress)
        optimiser.step()
        balance.after(lambda: toy.losses(*TASKS))
        if weights:
            weights.step()
        path.append(toy.shared.detach().clone())
    return path


@every
def test_a_balance_has_a_line_of_documentation(name: str) -> None:
    assert (BALANCES[name].__doc__ or "").splitlines()[0].endswith(".")


@every
def test_one_task_gives_the_plain_gradient(name: str) -> None:
    toy, balance = Toy(), BUILD[name](("click",))
    balance.backward(toy.losses("click"), [toy.shared], Progress())
    assert toy.shared.grad is not None
    assert torch.allclose(toy.shared.grad, toy.gradient("click"), rtol=1e-6)


@every
def test_extra_terms_are_added_as_they_are(name: str) -> None:
    toy, other = Toy(), Toy()
    BUILD[name](TASKS).backward(toy.losses(*TASKS), [toy.shared], Progress())
    BUILD[name](TASKS).backward(other.losses(*TASKS, extra=0.25), [other.shared], Progress())
    assert toy.shared.grad is not None
    assert other.shared.grad is not None
    assert torch.allclose(other.shared.grad - toy.shared.grad, torch.full((3,), 0.25), atol=1e-6)


@every
def test_a_batch_without_tasks_trains_the_extra_terms_alone(name: str) -> None:
    toy, balance = Toy(), BUILD[name](TASKS)
    balance.backward(toy.losses(), [toy.shared], Progress())
    assert toy.shared.grad is None
    balance.backward(toy.losses(extra=2.0), [toy.shared], Progress())
    balance.after(toy.losses)
    assert toy.shared.grad is not None
    assert toy.shared.grad.tolist() == [2, 2, 2]


@every
def test_an_absent_task_leaves_its_own_parameters_untouched(name: str) -> None:
    toy, balance = Toy(), BUILD[name](TASKS)
    balance.backward(toy.losses("click"), [toy.shared], Progress())
    balance.after(lambda: toy.losses("click"))
    own = [parameter.grad for parameter in balance.parameters()]
    assert not own or (own[0] is not None and own[1] is None)


@every
def test_each_step_notes_the_weights(name: str) -> None:
    toy, progress = Toy(), Progress()
    BUILD[name](TASKS).backward(toy.losses(*TASKS), [toy.shared], progress)
    assert name == "equal" or set(progress.notes) == {"weight/click", "weight/buy"}


@every
def test_a_balance_lowers_the_losses(name: str) -> None:
    toy = Toy()
    before = sum(float(loss.detach()) for loss in toy.losses(*TASKS).values.values())
    train(BUILD[name](TASKS), toy, range(12))
    after = sum(float(loss.detach()) for loss in toy.losses(*TASKS).values.values())
    assert after < before


@every
def test_its_state_dict_is_all_its_memory(name: str) -> None:
    toy, balance = Toy(), BUILD[name](TASKS)
    train(balance, toy, range(8))
    again, other = BUILD[name](TASKS), Toy()
    again.load_state_dict(balance.state_dict())
    other.shared.data = toy.shared.detach().clone()
    first, second = train(balance, toy, range(8, 14)), train(again, other, range(8, 14))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", [name for name in BALANCES if name != "equal"])
def test_an_unknown_task_is_refused_with_the_nearest_name(name: str) -> None:
    toy, balance = Toy(), BUILD[name](("clicks", "buy"))
    with pytest.raises(KeyError, match="unknown task 'click', known: clicks, buy; did you mean"):
        balance.backward(toy.losses("click"), [toy.shared], Progress())
