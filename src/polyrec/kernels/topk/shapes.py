"""What a search exchanges: tiles of scores, lists on their way, items whose rank is asked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Ids = NDArray[np.int64]

LOWEST = np.float32(-np.inf)


class Tile(NamedTuple):
    """Scores of some requests against some items, and what those requests must not get."""

    scores: Scores  # [R * K, T]; rows of one request are neighbours
    ids: Ids  # [T], ascending
    banned: Ids  # packed per request, ascending within it
    banned_start: Ids  # [R + 1]


class Best(NamedTuple):
    """The best items so far of each request: a heap with the worst kept one on top."""

    scores: Scores  # [R, k]
    ids: Ids  # [R, k], 0 = not filled
    filled: Ids  # [R]

    @classmethod
    def empty(cls, requests: int, k: int) -> Best:
        """Nothing seen yet."""
        scores = np.full((requests, k), LOWEST, np.float32)
        return cls(scores, np.zeros((requests, k), np.int64), np.zeros(requests, np.int64))

    def rows(self, first: int, last: int) -> Best:
        """A view of some requests: what is pushed into it shows in the whole."""
        return Best(self.scores[first:last], self.ids[first:last], self.filled[first:last])


class Given(NamedTuple):
    """Items whose rank is asked, packed per request."""

    scores: Scores  # [sum], by the same arithmetic as the tiles
    ids: Ids  # [sum]
    start: Ids  # [R + 1]
