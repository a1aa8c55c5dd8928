"""Items that nobody has met yet, made by hiding: what a cold-start vector is worth.

All events of some items are hidden, the model is fitted on the rest, and the hidden items compete
with all others for the people who held them. Letters: n items, E events.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyrec.data import Events, Questions
from polyrec.data.batches import Stretch
from polyrec.types import Ragged

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class ColdItems:
    """A log without some of its items, and three sets of questions with the same histories.

    `cold` asks those who held a hidden item, and wants the hidden ones they held; `warm` wants the
    other items of the later part of each log; `overall` wants both.
    """

    hidden: Tensor  # [hidden], ids
    train: Events
    cold: Questions
    warm: Questions
    overall: Questions


def hidden_items(counts: Tensor, share: float = 0.1, seed: int = 0) -> Tensor:
    """Ids of items to hide, ascending: from each run of 1 / share neighbours in popularity, one.

    `counts` [n + 1]: events of each item; items without any are never drawn.

    Raises:
        ValueError: the share is not inside 0 to 0.5, or leaves no whole run.
    """
    if not 0 < share <= 0.5:
        raise ValueError(f"share={share}: hide more than 0 and at most 0.5 of the items; 0.1")
    order = torch.argsort(counts[1:], descending=True, stable=True) + 1
    order = order[counts[order] > 0]
    run = round(1 / share)
    runs = len(order) // run
    if runs == 0:
        raise ValueError(f"share={share}: needs {run} items with events, there are {len(order)}")
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(run, (runs,), generator=generator)
    return order[torch.arange(runs) * run + drawn].sort().values


def hide(
    events: Events, items: int, share: float = 0.1, seed: int = 0, cut: float = 0.8
) -> ColdItems:
    """Hides a share of the items, and the last 1 - `cut` of each person's events.

    Raises:
        ValueError: nothing is left to fit on or to ask, or a number outside its range.
    """
    if not 0 < cut < 1:
        raise ValueError(f"cut={cut}: the first part of each log is fitted on; 0.8 is usual")
    hidden = hidden_items(torch.from_numpy(events.counts(items)), share, seed)
    secret = np.isin(events.target, hidden.numpy())
    place = np.arange(len(events)) - events.start[events.actor]
    late = place >= np.ceil(cut * events.lengths[events.actor])
    train = events.subset(~secret & ~late)
    if not len(train):
        raise ValueError("no event is left to fit on: raise cut, or lower share")
    return ColdItems(
        hidden,
        train,
        _asked(train, events, secret),
        _asked(train, events, late & ~secret),
        _asked(train, events, late | secret),
    )


def _asked(train: Events, events: Events, wanted: Flags) -> Questions:
    """Who wants something is asked once, with the whole history that is left."""
    chosen = events.subset(wanted)
    actor = np.flatnonzero(chosen.lengths)
    if not len(actor):
        raise ValueError("nobody wants anything: hide more items, or lower cut")
    start = np.append(chosen.start[actor], len(chosen))
    return Questions(
        events=train,
        key=torch.from_numpy(actor.copy()),
        at=Stretch(actor, train.start[actor], train.start[actor + 1], None),
        truth=Ragged(torch.from_numpy(chosen.target.astype(np.int64)), torch.from_numpy(start)),
    )
