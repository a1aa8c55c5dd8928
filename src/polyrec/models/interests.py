"""One or several interests from a bag or sequence of events: YouTubeDNN, MIND, ComiRec."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from polyrec.models.history import FromHistory
from polyrec.nn import Init, Interests, ItemTable, MindRouting, Packed, Routing, SelfAttention
from polyrec.nn.embed import linear
from polyrec.nn.interests import Found


class YouTubeDNN(FromHistory):
    """The mean of the events through one linear layer: the single-interest baseline.

    The mean is over real events; dividing by the padded length, as some ports do, makes short
    histories short vectors. Source: Covington et al. 2016, as reduced by Cen et al. 2020.
    """

    def __init__(
        self,
        items: int,
        dim: int,
        length: int = 20,
        init: Init = "small",
        similarity: nn.Module | None = None,
    ) -> None:
        super().__init__(ItemTable(items, dim, init), length, _Mean(dim), similarity)


class MIND(FromHistory):
    """Interests routed through one shared map from a random start (Li et al. 2019).

    The label-aware attention of the paper is replaced by the nearest interest (`train.Rank`),
    as in Cen et al. 2020: a non-integer power of a negative logit is not a number.
    """

    def __init__(
        self,
        items: int,
        dim: int,
        interests: Interests = Interests(),
        init: Init = "small",
        similarity: nn.Module | None = None,
        capsule: Literal["linear", "relu"] = "linear",
    ) -> None:
        extract = MindRouting(dim, interests, capsule)
        super().__init__(ItemTable(items, dim, init), interests.length, extract, similarity)


class ComiRecDR(FromHistory):
    """Interests routed through a map of each place and interest (Cen et al. 2020, section 3.2).

    Capsules are shorter than 1, so logits spread only through long item vectors: train with a
    larger rate (.005), or give it `Dot("learned")`.
    """

    def __init__(
        self,
        items: int,
        dim: int,
        interests: Interests = Interests(),
        init: Init = "small",
        similarity: nn.Module | None = None,
    ) -> None:
        extract = Routing(dim, interests, init)
        super().__init__(ItemTable(items, dim, init), interests.length, extract, similarity)


class ComiRecSA(FromHistory):
    """Interests as attentions over the events (Cen et al. 2020, section 3.3)."""

    def __init__(
        self,
        items: int,
        dim: int,
        interests: Interests = Interests(),
        init: Init = "small",
        similarity: nn.Module | None = None,
    ) -> None:
        extract = SelfAttention(dim, interests)
        super().__init__(ItemTable(items, dim, init), interests.length, extract, similarity)


class _Mean(nn.Module):
    """Mean of the real events, one linear layer, no activation."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.layer = linear(dim, dim)

    def forward(self, h: Tensor, packed: Packed) -> Found:
        lengths = packed.by_row(packed.lengths).clamp(min=1)[:, None]
        return self.layer(packed.summed(h) / lengths)[:, None], {}
