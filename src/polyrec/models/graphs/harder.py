"""Negatives that grow harder: PinSAGE's curriculum over ranks of each item's PageRank.

Letters: n items (ids 1..n, 0 = nothing), B rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec.graph import Relation
from polyrec.kernels.graphs.visits import ranked_window
from polyrec.models.graphs.pinsage import RESTART, both_ways
from polyrec.nn import known
from polyrec.types import Draw, Negatives, PairBatch, Progress

RANKS, LEAST = (2_000, 5_000), 1e-6


def hard_window(
    held: Relation, ranks: tuple[int, int] = RANKS, kept: int = 100, seed: int = 0
) -> Tensor:
    """[n + 1, kept]: items drawn from these ranks of each item's PageRank, 0 = none there.

    Too far to be related, near enough to be mistaken. Source: Ying et al. 2018, section 3.3.

    Raises:
        ValueError: ranks that no item of the catalogue has.
    """
    first, last = ranks
    if not 1 <= first <= last or first >= held.targets:
        raise ValueError(
            f"ranks {ranks} among {held.targets:,} items: need 1 <= first <= last and first below "
            f"the number of items; a share of the catalogue such as ({held.targets // 20}, "
            f"{held.targets // 8}) is usual for small ones"
        )
    found = ranked_window(both_ways(held), ranks, kept, (RESTART, LEAST), seed)
    return F.pad(torch.from_numpy(found).long() + 1, (0, 0, 1, 0))


@dataclass(frozen=True, eq=False)
class HarderEachEpoch:
    """Shared uniform negatives, and e - 1 hard ones a row in epoch e (the first is 1).

    Hard ones come from the query item's window, drawn anew each step; rows whose item has none
    meet the shared ones alone. log_q of a hard draw is 0: a curriculum has no one distribution, so
    it goes with losses that need none (`margin`). Source: Ying et al. 2018, section 3.3.

    Raises:
        ValueError: no shared negative, or a window of another number of items.
    """

    items: int
    window: Tensor  # [n + 1, kept], 0 = none
    shared: int = 500
    most: int = 100

    def __post_init__(self) -> None:
        if self.shared < 1:
            raise ValueError(f"shared={self.shared}: need at least 1 negative")
        if len(self.window) != self.items + 1:
            raise ValueError(f"a window of {len(self.window) - 1:,} items for {self.items:,}")

    def hard(self, progress: Progress) -> int:
        """e - 1, counted from 0 in `progress`; at most `most` and what the window keeps."""
        return min(progress.epoch, self.most, self.window.shape[1])

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives:
        """Pure in the seed, the stage and the step of `progress`."""
        generator, rows = progress.generator("negatives"), len(batch.positives)
        easy = torch.randint(1, self.items + 1, (1, self.shared), generator=generator)
        flat, zero = torch.zeros(1, 1), torch.zeros(rows, dtype=torch.int64)
        draws = [Draw(easy, zero, flat, easy != batch.positives[:, None])]
        if count := self.hard(progress):
            history = known(batch.requests)
            last = (history.start[1:] - 1).clamp(min=0)
            ids = history.values[last] if len(history.values) else zero
            ids = torch.where(history.start.diff() > 0, ids, 0)
            chosen = torch.rand(rows, self.window.shape[1], generator=generator).argsort(1)
            hard = self.window[ids].gather(1, chosen[:, :count])
            valid = (hard > 0) & (hard != batch.positives[:, None])
            draws.append(Draw(hard, torch.arange(rows), flat, valid))
        return Negatives(tuple(draws), torch.zeros(1))
