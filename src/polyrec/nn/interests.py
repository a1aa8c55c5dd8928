"""From a history to several interests: routing (DR, MIND) and self-attention (SA).

Each extractor maps the events' vectors [E, D] of a packed batch to vectors [R, K, D] and to its
own loss terms. An empty history gives the zero vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.nn.embed import Init, glorot, linear, position_maps
from polyrec.nn.packed import Packed
from polyrec.nn.routing import agreement, position_mapped, routed

Found = tuple[Tensor, Mapping[str, Tensor]]  # vectors [R, K, D], own weighted loss terms
FIXED = 20_2011  # seed of MIND's starting logits where nothing may be drawn


@dataclass(frozen=True)
class Interests:
    """How many interests, read from how long a history, and how they are held apart.

    Attributes:
        count: K, for everybody, or the most anybody has.
        length: L, last events read.
        adapt: "log2" gives a person max(1, min(K, floor(log2 |history|))) interests, after MIND;
            the others repeat the first, so that no maximum over K ever sees them.
        rr_weight: weight of the routing penalty (REMI), which is a mean over the batch.
        hidden: SA: the attention layer has 4 x hidden units; None = dim. Routed capsules meet
            the items in an inner product, so there it must be dim.
    """

    count: int = 4
    length: int = 20
    adapt: Literal["fixed", "log2"] = "fixed"
    rr_weight: float = 0.0
    hidden: int | None = None

    def __post_init__(self) -> None:
        if self.count < 1 or self.length < 1:
            raise ValueError(f"need count >= 1 and length >= 1, got {self.count}, {self.length}")
        if self.rr_weight < 0:
            raise ValueError(f"rr_weight must be >= 0, got {self.rr_weight}; 0 switches it off")
        if self.adapt not in ("fixed", "log2"):
            raise ValueError(f"no adapt {self.adapt!r}; there are: fixed, log2")

    def active(self, packed: Packed) -> Tensor:
        """[R], by rank, on the host: the interests that each history has."""
        if self.adapt == "fixed":
            return torch.full_like(packed.lengths, self.count)
        return packed.lengths.clamp(min=1).log2().long().clamp(1, self.count)


class Routing(nn.Module):
    """ComiRec-DR: capsules agree with events through a map of each place and interest.

    Shares are a softmax over interests, never over the sequence. Source: Cen et al. 2020,
    section 3.2; the maps depend on the place, as in the authors' code.
    """

    def __init__(self, dim: int, interests: Interests, init: Init) -> None:
        super().__init__()
        require_width(dim, interests.hidden)
        self.interests = interests
        self.maps = position_maps(interests.length, dim, interests.count, init)

    def forward(self, h: Tensor, packed: Packed) -> Found:
        """[E, D] -> [R, K, D]."""
        u = position_mapped(h, self.maps, packed).view(len(h), self.interests.count, h.shape[1])
        logits = u.new_zeros(len(h), self.interests.count)
        return _route(u, logits, self.interests, packed, self.training)


class MindRouting(nn.Module):
    """MIND: one map for all places and interests; capsules differ by where their logits start.

    The start is a normal draw within two deviations, fixed and never learned; zeros would make
    all interests one for ever. Training draws it anew; elsewhere it is the same for every
    request. `capsule="relu"` adds the layer that the published code applies on Books.
    Source: Li et al. 2019, section 4.2.
    """

    start: Tensor

    def __init__(
        self, dim: int, interests: Interests, capsule: Literal["linear", "relu"] = "linear"
    ) -> None:
        super().__init__()
        require_width(dim, interests.hidden)
        if capsule not in ("linear", "relu"):
            raise ValueError(f"no capsule {capsule!r}; there are: linear, relu")
        self.interests = interests
        self.map = linear(dim, dim, "none")
        self.after = linear(dim, dim) if capsule == "relu" else None
        fixed = torch.Generator().manual_seed(FIXED)
        start = torch.empty(interests.length, interests.count)
        nn.init.trunc_normal_(start, generator=fixed)
        self.register_buffer("start", start)

    def forward(self, h: Tensor, packed: Packed) -> Found:
        """[E, D] -> [R, K, D]."""
        if self.training:
            logits = nn.init.trunc_normal_(h.new_empty(len(h), self.interests.count))
        else:
            logits = self.start[packed.place].to(h.dtype)
        u = self.map(h)[:, None].expand(-1, self.interests.count, -1)
        found, extra = _route(u, logits, self.interests, packed, self.training)
        return (found if self.after is None else torch.relu(self.after(found))), extra


class SelfAttention(nn.Module):
    """ComiRec-SA: each interest is an attention over the events; places enter only the attention.

    A = softmax over events of Linear_K(tanh(Linear_4H(h + P))), V = A' h.
    Source: Cen et al. 2020, eq. 3 to 5; biases as in the authors' code.
    """

    def __init__(self, dim: int, interests: Interests) -> None:
        super().__init__()
        self.interests = interests
        self.places = glorot(interests.length, dim)
        self.inner = linear(dim, 4 * (interests.hidden or dim))
        self.outer = linear(4 * (interests.hidden or dim), interests.count)

    def forward(self, h: Tensor, packed: Packed) -> Found:
        """[E, D] -> [R, K, D]."""
        logits = self.outer(torch.tanh(self.inner(h + F.embedding(packed.place, self.places))))
        shift = torch.zeros(packed.rows, packed.width, 1, dtype=h.dtype, device=h.device)
        at = (packed.row, packed.place)
        logits_RTK = (shift - 2.0**32).expand(-1, -1, logits.shape[1]).index_put(at, logits)
        attention_RTK = logits_RTK.softmax(1)
        found = attention_RTK.transpose(1, 2) @ packed.padded(h)
        extra = {}
        if self.training and self.interests.rr_weight > 0:
            penalty = routing_penalty(
                attention_RTK[at], packed, self.interests.hidden or h.shape[1]
            )
            extra["routing"] = self.interests.rr_weight * penalty
        return _kept(found, self.interests, packed), extra


def routing_penalty(attention: Tensor, packed: Packed, hidden: int) -> Tensor:
    """REMI's penalty on interests that hang on single events: the mean over the batch.

    With C = A - mean over the row's events of A and M = C C' / hidden: sum over k of M_kk^2.
    Source: Xie et al. 2023 (REMI); its code sums over the batch, so its published weight 100 at
    batch 128 is 12,800 here, and its mean runs over padding too.

    Args:
        attention: [E, K], what each event gives to each interest.
    """
    lengths = packed.by_row(packed.lengths).clamp(min=1)[:, None]
    mean = packed.summed(attention) / lengths
    spread = packed.summed((attention - mean[packed.row]).square()) / hidden
    return spread.square().sum() / max(1, packed.rows)


def require_width(dim: int, hidden: int | None) -> None:
    """An error where a query could not meet an item."""
    if hidden not in (None, dim):
        raise ValueError(
            f"hidden {hidden} and dim {dim} differ: query and item meet in an inner product; "
            "set hidden to dim"
        )


def _route(
    u: Tensor, logits: Tensor, interests: Interests, packed: Packed, training: bool
) -> Found:
    active = interests.active(packed)
    found, agreed = routed(u, logits, packed, active)
    extra = {}
    if training and interests.rr_weight > 0:
        shares = agreement(u, logits, agreed, packed, active)
        penalty = routing_penalty(shares, packed, found.shape[2])
        extra["routing"] = interests.rr_weight * penalty
    return _kept(found, interests, packed), extra


def _kept(found: Tensor, interests: Interests, packed: Packed) -> Tensor:
    """The first interest stands in for those that a short history does not have."""
    if interests.adapt == "fixed":
        return found
    active = packed.by_row(interests.active(packed))
    place = torch.arange(interests.count, device=found.device)
    return torch.where((place < active[:, None])[..., None], found, found[:, :1])
