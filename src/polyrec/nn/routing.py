"""The numbers of dynamic routing: maps by place, shares by agreement, gradients in closed form.

Only the last round is differentiated and its shares are constants (the authors stop the gradient
there), so dL/du[t, k] = c[k, t] dL/ds[k] and no round needs to be stored.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from polyrec.kernels.routing import ROUNDS, TINY, Routed, route, route_backward
from polyrec.nn.packed import Packed


def position_mapped(h: Tensor, maps: Tensor, packed: Packed) -> Tensor:
    """[E, D] -> [E, W]: each event through the map [D, W] of its place, one product a place."""
    mapped: Tensor = _apply(_PositionMapped, h, maps, packed.counts.tolist())
    return mapped


def routed(u: Tensor, logits: Tensor, packed: Packed, active: Tensor) -> tuple[Tensor, Tensor]:
    """Three rounds of routing: capsules [R, K, H] and what agreed with the events [R, K, H].

    Args:
        u: [E, K, H], each event as each interest sees it.
        logits: [E, K], where agreement starts; a constant.
        active: [R], by rank, on the host: interests that the row has.
    """
    if u.is_cpu and u.dtype in (torch.float32, torch.float64):
        capsules, agreed = _apply(_Routed, u, logits, packed, active)
        return capsules, agreed
    return routed_plainly(u, logits, packed, active)


def routed_plainly(
    u: Tensor, logits: Tensor, packed: Packed, active: Tensor
) -> tuple[Tensor, Tensor]:
    """The same by plain tensor operations: the reference, and the form for accelerators."""
    fixed, b = u.detach(), _closed(logits.detach(), packed, active)
    agreed = torch.zeros((), device=u.device)
    for turn in range(ROUNDS):
        live = u if turn == ROUNDS - 1 else fixed
        capsules = _squash(_summed(b.softmax(1)[..., None] * live, packed))
        if turn < ROUNDS - 1:
            b = b + (fixed * capsules[packed.row]).sum(-1)
            agreed = agreed + capsules
    return capsules, agreed


def agreement(u: Tensor, logits: Tensor, agreed: Tensor, packed: Packed, active: Tensor) -> Tensor:
    """[E, K]: the shares of the last round, differentiable in u while the capsules stand still.

    Routing itself holds its shares constant; a penalty on the shares needs this form.
    """
    b = _closed(logits, packed, active) + (u * agreed.detach()[packed.row]).sum(-1)
    return b.softmax(1)


def _apply(function: type[torch.autograd.Function], *given: Any) -> Any:
    return function.apply(*given)  # type: ignore[no-untyped-call]


def _closed(logits: Tensor, packed: Packed, active: Tensor) -> Tensor:
    """Logits with the interests that a row does not have shut off."""
    have = packed.by_row(active)[packed.row]
    place = torch.arange(logits.shape[1], device=logits.device)
    return logits.masked_fill(place >= have[:, None], -torch.inf)


def _summed(x: Tensor, packed: Packed) -> Tensor:
    """[E, K, H] -> [R, K, H]."""
    return packed.summed(x.flatten(1)).view(packed.rows, x.shape[1], x.shape[2])


def _squash(s: Tensor) -> Tensor:
    square = s.square().sum(-1, keepdim=True)
    return square / (1 + square) * s / (square + TINY).sqrt()


class _PositionMapped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, maps: Tensor, counts: list[int]) -> Tensor:
        ctx.save_for_backward(h, maps)
        ctx.counts = counts
        out = h.new_empty(len(h), maps.shape[2])
        for h_t, map_t, out_t in zip(
            torch.split(h, counts), maps, torch.split(out, counts), strict=False
        ):
            torch.mm(h_t, map_t, out=out_t)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        h, maps = ctx.saved_tensors
        dh, dmaps = torch.empty_like(h), torch.empty_like(maps)
        dmaps[len(ctx.counts) :] = 0  # places that no row reached
        parts = (torch.split(x, ctx.counts) for x in (h, grad, dh))
        for h_t, grad_t, dh_t, map_t, dmap_t in zip(*parts, maps, dmaps, strict=False):
            torch.mm(grad_t, map_t.t(), out=dh_t)
            torch.mm(h_t.t(), grad_t, out=dmap_t)
        return dh, dmaps, None


class _Routed(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, u: Tensor, logits: Tensor, packed: Packed, active: Tensor
    ) -> tuple[Tensor, Tensor]:
        layout = (packed.starts.numpy(), packed.lengths.numpy(), packed.order.numpy())
        found = route(
            u.detach().contiguous().numpy(), layout, logits.detach().numpy(), active.numpy()
        )
        ctx.layout, ctx.routed = layout, found
        agreed = torch.from_numpy(found.agreed)
        ctx.mark_non_differentiable(agreed)
        return torch.from_numpy(found.capsules), agreed

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, None, None, None]:
        routed: Routed = ctx.routed
        du = route_backward(grad.contiguous().numpy(), routed, ctx.layout)
        return torch.from_numpy(du), None, None, None
