"""Keeps the best k of score tiles that stream by, and counts what stands above given scores.

A tile holds the scores of Q = R * K queries against T items; an item's score for a request is
the maximum over its K queries. Equal scores are ordered by a hash of the item id, so that
neither id nor position nor tile decides. NaN must be ruled out by the caller.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyrec.kernels.topk.counting import counted
from polyrec.kernels.topk.heap import hashes, ordered
from polyrec.kernels.topk.pushing import pushed
from polyrec.kernels.topk.shapes import Best, Given, Ids, Scores, Tile

__all__ = [
    "Best", "Given", "Ids", "Scores", "Tile", "count_above", "finish", "push", "tie_order",
]  # fmt: skip


def push(tile: Tile, best: Best, interests: int) -> None:
    """Lets a tile's items compete for places in `best`; -inf and banned items never win one.

    Banned scores of the tile become -inf.
    """
    if best.ids.shape[0]:
        pushed(tile, interests, best)


def finish(best: Best) -> None:
    """Turns each heap into a list, best first. Nothing may be pushed afterwards."""
    ordered(best)


def count_above(tile: Tile, interests: int, given: Given, above: Ids) -> None:
    """Adds to `above` [sum] how many items of the tile beat each given item of its request."""
    counted(tile, interests, given, above)


def tie_order(ids: Ids) -> NDArray[np.uint64]:
    """[n]: the hash that orders equal scores, smaller first. One to one, so never a tie again."""
    out: NDArray[np.uint64] = hashes(ids)
    return out
