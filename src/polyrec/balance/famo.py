"""FAMO: every task's loss shall fall at the same relative rate, at the cost of one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from polyrec.balance.base import Weighing, everywhere, named, places, weigh
from polyrec.types import Losses, Progress, Ranks


class FAMO(Weighing):
    """Weights that raise whichever task improved least, read from the losses after the step.

    With D = L - floor and z = softmax(xi): the step minimises sum z ln D / c, c = sum z / D held
    constant; then the losses of the same batch are computed again and xi's gradient is
    J_softmax^T (ln D_before - ln D_after). With one task it is the plain gradient.

    Arguments:
        floor: the least value that a loss can have, for each task; 0 where not given.
        lr, decay: of xi's own optimiser.

    Source: Liu et al. 2023, algorithm 1.

    Raises:
        ValueError: a loss lies below its floor.
    """

    floor: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        floor: Mapping[str, float] | None = None,
        lr: float = 0.025,
        decay: float = 0.01,
    ) -> None:
        super().__init__()
        self.tasks = named(tasks)
        lowest = dict(floor or {})
        places(dict.fromkeys(lowest, torch.zeros(())), self.tasks)
        floors = torch.tensor([lowest.get(task, 0.0) for task in self.tasks])
        self.register_buffer("floor", floors, persistent=False)
        self.lr, self.decay = lr, decay
        # one parameter a task: an absent task has no gradient, and its optimiser leaves it alone
        self.xi = nn.ParameterList([nn.Parameter(torch.zeros(())) for _ in self.tasks])
        self._before: tuple[list[int], Tensor, Ranks] | None = None  # lives within one step

    @property
    def group(self) -> Mapping[str, float]:
        """xi has its own learning rate, and a decay that lets it forget."""
        return {"lr": self.lr, "weight_decay": self.decay}

    def total(self, losses: Mapping[str, Tensor], progress: Progress) -> Tensor:
        """Sum of w_i L_i with w_i = z_i / (D_i c): the gradient of sum z ln D / c."""
        at = places(losses, self.tasks)
        gap = self._gap(losses, at, progress.ranks)
        ratio = self._shares(at).detach() / gap
        weights = dict(zip(losses, (ratio / ratio.sum()).tolist(), strict=True))
        for task, weight in weights.items():
            progress.note(f"weight/{task}", weight)
        self._before = (at, gap.log(), progress.ranks)
        return weigh(losses, weights)

    def after(self, again: Callable[[], Losses]) -> None:
        """Gives xi its gradient from how far each loss fell."""
        if self._before is None:
            return
        at, before, ranks = self._before
        self._before = None
        with torch.no_grad():
            values = again().values
            now = {self.tasks[i]: values[self.tasks[i]] for i in at}
            fell = before - self._gap(now, at, ranks).log()
        own = [self.xi[i] for i in at]
        grads = torch.autograd.grad(self._shares(at), own, grad_outputs=fell)
        for xi, grad in zip(own, grads, strict=True):
            xi.grad = grad

    def _shares(self, at: list[int]) -> Tensor:
        return torch.softmax(torch.stack([self.xi[i] for i in at]), 0)

    def _gap(self, losses: Mapping[str, Tensor], at: list[int], ranks: Ranks) -> Tensor:
        values = everywhere(losses, ranks)
        gap = values - self.floor[at].to(values.dtype) + 1e-8
        if bool((gap <= 0).any()):
            raise ValueError(
                f"famo: losses {values.tolist()} of {', '.join(losses)} lie below their floors "
                f"{self.floor[at].tolist()}: give floor={{task: the least value of its loss}}"
            )
        return gap
