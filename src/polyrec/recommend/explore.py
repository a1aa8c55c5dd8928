"""A place in the list for items that few have seen yet, so that something is learnt of them.

Off unless asked for (`ratio` 0). Letters: R requests, k places, n items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Generator, Tensor

from polyrec.progress import derived_seed
from polyrec.types import Ragged, Recommender, Requests, TopK

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


@dataclass(frozen=True)
class Exploring:
    """A recommender that keeps the last place of some lists for what few have seen.

    The same requests asked together get the same lists; the draws rest on `seed` alone. A list
    that would get an item it must not hold stays as it was. It depends on its length: only the
    last of the k places asked for changes.
    """

    inner: Recommender
    how: Explore
    shown: Shown
    seed: int = 0

    def recommend(
        self, requests: Requests, k: int, exclude: Ragged | None = None, among: Tensor | None = None
    ) -> TopK:
        """The inner lists, some with a fresh last place."""
        lists = self.inner.recommend(requests, k, exclude, among)
        shown = self.shown
        if among is not None:
            times = torch.full_like(shown.times, self.how.below)
            times[among] = shown.times[among]
            shown = Shown(times, shown.chosen)
        generator = torch.Generator().manual_seed(derived_seed("explore", self.seed))
        found = self.how(lists, shown, generator)
        if exclude is None or not len(lists.ids):
            return found
        banned = torch.zeros(len(lists.ids), dtype=torch.bool)
        banned[exclude.row[exclude.values == found.ids[exclude.row, -1]]] = True
        return TopK(torch.where(banned[:, None], lists.ids, found.ids), found.scores, found.why)

    def score(self, requests: Requests, ids: Tensor) -> Tensor:
        """As the inner recommender."""
        return self.inner.score(requests, ids)
