"""How several losses become one step. The only room that calls backward.

A balance weighs losses (`weights.py`, `famo.py`) or combines gradients where the tasks meet. What
it learns are parameters, what it remembers are buffers, so its `state_dict` is all of it. A step
is: `backward`, the model's optimiser step, `after`, the step of the balance's own optimiser.

Letters: T tasks.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

import torch
from torch import Tensor, nn

from polyrec.types import Losses, Progress, Ranks


class Balance(nn.Module):
    """What the loop asks of every balance."""

    @property
    def group(self) -> Mapping[str, float]:
        """Optimiser options of its own parameters, over the stage's; empty = the stage's."""
        return {}

    @abstractmethod
    def backward(self, losses: Losses, shared: Sequence[nn.Parameter], progress: Progress) -> None:
        """Leaves gradients on the model's parameters and on its own.

        Arguments:
            shared: parameters that more than one task reaches, for balances that need gradients.
        """

    def after(self, again: Callable[[], Losses]) -> None:
        """Called after the model's step; `again` gives the losses of the same batch and draws."""


class Weighing(Balance):
    """A balance that sums weighed losses: one backward pass, whatever the number of tasks.

    A subclass says how the losses of the tasks in this batch become a scalar. `losses.extra` is
    added as it is.
    """

    @abstractmethod
    def total(self, losses: Mapping[str, Tensor], progress: Progress) -> Tensor:
        """Of at least one task's loss to the scalar that is minimised."""

    def backward(self, losses: Losses, shared: Sequence[nn.Parameter], progress: Progress) -> None:
        """One backward pass of the total; none where the batch holds no task and no extra."""
        terms = [self.total(losses.values, progress)] if losses.values else []
        terms += list(losses.extra.values())
        if terms:
            torch.stack([term.reshape(()) for term in terms]).sum().backward()  # type: ignore[no-untyped-call]


def weigh(losses: Mapping[str, Tensor], weights: Mapping[str, Tensor | float]) -> Tensor:
    """Sum of weight x loss."""
    return torch.stack([losses[task] * weights[task] for task in losses]).sum()


def everywhere(losses: Mapping[str, Tensor], ranks: Ranks) -> Tensor:
    """[T], no gradient: the losses of all processes together, the same in each."""
    local = torch.stack([loss.detach().reshape(()) for loss in losses.values()])
    return ranks.gather(local[None]).mean(0)


def places(losses: Mapping[str, Tensor], tasks: Sequence[str]) -> list[int]:
    """Where each loss stands among the tasks that the balance was made for.

    Raises:
        KeyError: a loss of a task that was not named, with the nearest name.
    """
    for task in losses:
        if task not in tasks:
            near = get_close_matches(task, tasks, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "name every task of the stage"
            raise KeyError(f"balance: unknown task {task!r}, known: {', '.join(tasks)}; {hint}")
    return [tasks.index(task) for task in losses]


def named(tasks: Sequence[str]) -> tuple[str, ...]:
    """The tasks' names, checked: at least one, each once."""
    if not tasks or len(set(tasks)) < len(tasks):
        raise ValueError(f"balance: tasks {tuple(tasks)}, need at least one and each name once")
    return tuple(tasks)
