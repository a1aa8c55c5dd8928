"""Several processes that train together: each takes its part of every batch.

Run under `torchrun`, after `torch.distributed.init_process_group("gloo")`. The parts are the
batch: gradients are averaged between backward and step, losses scaled by each part's share of the
weight, so 2 processes with 64 rows move as one with 128, up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn

from polyrec.types import Ranks

NONE, DENSE, SPARSE = 0.0, 1.0, 2.0


class Processes:
    """The processes of torch's default group, as `Progress.ranks`."""

    @property
    def rank(self) -> int:
        return dist.get_rank()

    @property
    def size(self) -> int:
        return dist.get_world_size()

    def gather(self, x: Tensor) -> Tensor:
        """[B, ...] -> [sum of B, ...], in the order of the ranks; B may differ."""
        counts = [torch.zeros(1, dtype=torch.int64) for _ in range(self.size)]
        dist.all_gather(counts, torch.tensor([len(x)]))
        most = max(int(count) for count in counts)
        padded = torch.cat([x, x.new_zeros(most - len(x), *x.shape[1:])]).contiguous()
        parts = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(parts, padded)
        return torch.cat([part[: int(count)] for part, count in zip(parts, counts, strict=True)])

    def mean(self, grads: Sequence[Tensor]) -> None:
        """Averages in place; all processes give the same tensors in the same order."""
        dense = [grad for grad in grads if not grad.is_sparse]
        if dense:
            flat = torch.cat([grad.flatten() for grad in dense])
            dist.all_reduce(flat)
            parts = torch.split(flat / self.size, [grad.numel() for grad in dense])
            for grad, part in zip(dense, parts, strict=True):
                grad.copy_(part.view_as(grad))
        for grad in grads:
            if grad.is_sparse:
                ids = self.gather(grad._indices().T.contiguous()).T
                values = self.gather(grad._values()) / self.size
                grad.copy_(_sparse(ids, values, grad.shape))

    def share(self, weight: Tensor) -> float:
        """This part's weight over that of all, times the number of processes."""
        own = weight.sum(dtype=torch.float64)
        total = own.clone()
        dist.all_reduce(total)
        return float(own / total) * self.size if total > 0 else 1.0


def average(weights: Sequence[nn.Parameter], ranks: Ranks) -> None:
    """Averages the gradients of all processes; what one of them did not touch counts as zero."""
    if ranks.size == 1:
        return
    own = torch.tensor([[_kind(weight) for weight in weights]])
    kinds = ranks.gather(own).amax(0).tolist()
    for weight, kind in zip(weights, kinds, strict=True):
        if weight.grad is None and kind != NONE:
            weight.grad = torch.zeros_like(weight) if kind == DENSE else _nothing(weight)
    ranks.mean([weight.grad for weight in weights if weight.grad is not None])


def _kind(weight: nn.Parameter) -> float:
    if weight.grad is None:
        return NONE
    return SPARSE if weight.grad.is_sparse else DENSE


def _nothing(weight: nn.Parameter) -> Tensor:
    ids = torch.zeros(1, 0, dtype=torch.int64)
    return _sparse(ids, weight.new_zeros(0, *weight.shape[1:]), weight.shape)


def _sparse(ids: Tensor, values: Tensor, size: torch.Size) -> Tensor:
    return torch.sparse_coo_tensor(ids, values, size, check_invariants=False)
