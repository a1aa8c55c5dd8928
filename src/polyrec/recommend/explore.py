"""A place in the list for items that few have seen yet, so that something is learnt of them.

Off unless asked for (`ratio` 0). Letters: R requests, k places, n items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Generator, Tensor

from polyrec.types import TopK

AT_ONCE = 1 << 22  # draws held at a time: 32 MB


@dataclass(frozen=True)
class Shown:
    """How often each item was shown, and chosen when shown; both [n + 1]."""

    times: Tensor
    chosen: Tensor


@dataclass(frozen=True)
class Explore:
    """In a `ratio` of lists the last place goes to an item shown fewer than `below` times.

    "epsilon": one of them at random. "thompson": the one whose chance of being chosen, drawn
    from Beta(1 + chosen, 1 + shown - chosen), is largest; it comes back to what is liked and
    leaves what is not. A list that holds such an item already is left as it is.
    """

    ratio: float = 0.0
    below: int = 100
    how: Literal["epsilon", "thompson"] = "epsilon"

    def __post_init__(self) -> None:
        if not 0 <= self.ratio <= 1 or self.below < 1:
            raise ValueError(
                f"explore: ratio={self.ratio}, below={self.below}; need a ratio of 0 to 1 and at "
                "least 1 showing; ratio 0 turns it off"
            )

    def __call__(self, lists: TopK, shown: Shown, generator: Generator) -> TopK:
        """The lists, some with a fresh last place; its score is that of the item it replaced."""
        fresh = shown.times < self.below
        fresh[0] = False
        ids = fresh.nonzero()[:, 0]
        if self.ratio == 0 or not len(ids):
            return lists
        rows = len(lists.ids)
        if not rows:
            return lists
        changes = torch.rand(rows, generator=generator) < self.ratio
        changes &= ~fresh[lists.ids].any(1)
        if self.how == "epsilon":
            new = ids[torch.randint(len(ids), (rows,), generator=generator)]
        else:
            new = ids[self._liked(shown, ids, rows, generator)]
        changed = lists.ids.clone()
        changed[changes, -1] = new[changes]
        return TopK(changed, lists.scores, lists.why)

    def _liked(self, shown: Shown, ids: Tensor, rows: int, generator: Generator) -> Tensor:
        """[R]: the place in `ids` with the largest drawn chance, for each row anew."""
        chosen, times = shown.chosen[ids].double().numpy(), shown.times[ids].double().numpy()
        seed = int(torch.randint(2**62, (1,), generator=generator))
        rng = np.random.default_rng(seed)
        step = max(1, AT_ONCE // len(ids))
        best = [
            rng.beta(1 + chosen, 1 + times - chosen, (min(step, rows - at), len(ids))).argmax(1)
            for at in range(0, rows, step)
        ]
        return torch.from_numpy(np.concatenate(best))
