"""Optimisers by name, so that a run records which mathematics moved its weights.

Tables of vectors get gradients for the rows of a batch alone. `LazyAdam` moves only those rows:
an untouched row keeps its value and its moments. `Adam` is the published algorithm, in which every
row moves at every step; on 368k x 64 it costs a hundred times more. They are different
mathematics: compare them by quality before trusting either. Only `Adam.table_decay` decays such a
table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.adamw import adamw

from polyrec.kernels.adam import I32, Rates, adam_all, adam_rows, merged_rows

Rows = Literal["lazy", "exact"]
Decay = Literal["gradient", "weights"]


class Optim(Protocol):
    """How parameters move; the learning rate is the stage's."""

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer: ...


@dataclass(frozen=True)
class LazyAdam:
    """Adam that moves only the touched rows of tables with sparse gradients; dense ones as Adam.

    Bias correction counts steps of the whole table, as TensorFlow's LazyAdam does.
    """

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0  # never on tables with sparse gradients

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """An optimiser for these parameters."""
        return _RowAdam(parameters, self, "lazy", "gradient")


@dataclass(frozen=True)
class Adam:
    """Adam as published (Kingma & Ba 2015, algorithm 1), fused and dense: every row moves."""

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0  # added to the gradient; never on tables with sparse gradients
    table_decay: float = 0.0  # the same for those tables, all their rows

    def __post_init__(self) -> None:
        if not self.table_decay >= 0:
            raise ValueError(f"adam: table_decay={self.table_decay}, need >= 0; 0 decays no table")

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """An optimiser for these parameters."""
        return _RowAdam(parameters, self, "exact", "gradient")


@dataclass(frozen=True)
class AdamW:
    """Adam with decay taken from the weights (Loshchilov & Hutter 2019); tables move lazily."""

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.01  # never on tables with sparse gradients

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """An optimiser for these parameters."""
        return _RowAdam(parameters, self, "lazy", "weights")


@dataclass(frozen=True)
class SGD:
    """Plain gradient descent; sparse gradients move their rows only. Nothing to remember."""

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """An optimiser for these parameters."""
        return torch.optim.SGD(parameters, lr=0.0)


@dataclass(frozen=True)
class Adagrad:
    """Adagrad (Duchi et al. 2011): on touched rows equal to the dense form, and half the memory."""

    eps: float = 1e-10

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """An optimiser for these parameters."""
        return torch.optim.Adagrad(parameters, lr=0.0, eps=self.eps)


OPTIMS: Mapping[str, Callable[[], Optim]] = {
    "adam": Adam,
    "lazy_adam": LazyAdam,
    "adamw": AdamW,
    "sgd": SGD,
    "adagrad": Adagrad,
}


@torch.no_grad()
def clip(weights: Iterable[nn.Parameter], norm: float) -> None:
    """Shortens the whole gradient to `norm` where it is longer; sparse parts are merged first."""
    parts = []
    for weight in weights:
        if weight.grad is not None and weight.grad.is_sparse:
            weight.grad = weight.grad.coalesce()
        if weight.grad is not None:
            parts.append(weight.grad._values() if weight.grad.is_sparse else weight.grad)
    length = (
        float(torch.stack([part.square().sum() for part in parts]).sum().sqrt()) if parts else 0.0
    )
    if length > norm:
        for part in parts:
            part.mul_(norm / length)


class _RowAdam(torch.optim.Optimizer):
    """Adam over dense and sparse gradients; the gradient's kind decides which update it gets."""

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        how: Adam | LazyAdam | AdamW,
        rows: Rows,
        decay: Decay,
    ) -> None:
        super().__init__(parameters, {"lr": 0.0})
        self.how, self.rows, self.decay = how, rows, decay
        self.slots: dict[int, I32] = {}  # scratch of the row kernel
        self.table_decay = how.table_decay if isinstance(how, Adam) else 0.0

    @torch.no_grad()
    def step(self, closure: object = None) -> None:  # type: ignore[override]
        """Moves every parameter that has a gradient."""
        for group in self.param_groups:
            dense: list[tuple[nn.Parameter, Tensor]] = []
            for weight in group["params"]:
                grad = weight.grad
                if grad is None:
                    continue
                if not grad.is_sparse:
                    dense.append((weight, grad))
                elif weight.device.type == "cpu" or self.rows == "lazy":
                    self._move_rows(weight, grad, group["lr"])
                else:
                    self._move([(weight, grad.to_dense())], group["lr"], self.table_decay)
            self._move(dense, group["lr"], self.how.weight_decay)

    def _memory(self, weight: nn.Parameter) -> dict[str, Tensor]:
        memory: dict[str, Tensor] = self.state[weight]
        if not memory:
            memory["step"] = torch.zeros((), device=weight.device)
            memory["exp_avg"] = torch.zeros_like(weight)
            memory["exp_avg_sq"] = torch.zeros_like(weight)
        return memory

    def _move(self, pairs: list[tuple[nn.Parameter, Tensor]], lr: float, decay: float) -> None:
        if not pairs:
            return
        memories = [self._memory(weight) for weight, _ in pairs]
        options: dict[str, Any] = {
            "amsgrad": False, "maximize": False, "fused": True, "foreach": False,
            "lr": lr, "weight_decay": decay, "eps": self.how.eps,
            "beta1": self.how.betas[0], "beta2": self.how.betas[1],
        }  # fmt: skip
        move = adam if self.decay == "gradient" else adamw
        move(
            [weight for weight, _ in pairs],
            [grad for _, grad in pairs],
            [memory["exp_avg"] for memory in memories],
            [memory["exp_avg_sq"] for memory in memories],
            [],
            [memory["step"] for memory in memories],
            **options,
        )

    def _move_rows(self, weight: nn.Parameter, grad: Tensor, lr: float) -> None:
        memory = self._memory(weight)
        memory["step"] += 1
        rates = Rates(lr, *self.how.betas, self.how.eps, int(memory["step"]))
        moments = memory["exp_avg"], memory["exp_avg_sq"]
        if weight.device.type != "cpu":
            move_rows_elsewhere(weight, moments, grad.coalesce(), rates)
            return
        width = weight.numel() // max(1, weight.shape[0])
        touched = self._merged(weight, grad)
        first, second = (moment.view(-1, width).numpy() for moment in moments)
        table = weight.detach().view(-1, width).numpy()
        if self.rows == "exact":
            slot = self.slots[id(weight)]
            adam_all(table, (first, second), touched, slot, rates, self.table_decay)
        else:
            adam_rows(table, (first, second), *touched, rates)

    def _merged(self, weight: nn.Parameter, grad: Tensor) -> tuple[Any, Any]:
        if id(weight) not in self.slots:
            self.slots[id(weight)] = np.full(weight.shape[0], -1, np.int32)
        values = grad._values().contiguous()
        ids = grad._indices()[0].contiguous().numpy()
        width = weight.numel() // max(1, weight.shape[0])
        return merged_rows(ids, values.view(len(ids), width).numpy(), self.slots[id(weight)])


def move_rows_elsewhere(
    weight: nn.Parameter, moments: tuple[Tensor, Tensor], grad: Tensor, rates: Rates
) -> None:
    """The row kernel's update in torch, for other devices than the processor."""
    rows, g = grad._indices()[0], grad._values()
    m = moments[0][rows].mul_(rates.beta1).add_(g, alpha=1 - rates.beta1)
    v = moments[1][rows].mul_(rates.beta2).addcmul_(g, g, value=1 - rates.beta2)
    moments[0][rows], moments[1][rows] = m, v
    scale = (1 - rates.beta2**rates.step) ** -0.5
    size = rates.lr / (1 - rates.beta1**rates.step)
    weight.index_add_(0, rows, m / (v.sqrt() * scale + rates.eps), alpha=-size)
