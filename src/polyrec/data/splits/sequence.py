"""Splits along each actor's own time: the last events, or all events after a moment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from polyrec.data.events import JSON, Dataset, Events
from polyrec.data.splits.config import SplitConfig
from polyrec.data.splits.parts import Plan, bare, by_cuts
from polyrec.data.splits.questions import Split
from polyrec.kernels.shuffle import words
from polyrec.types import derived_seed

I64 = NDArray[np.int64]


def leave_one_out(dataset: Dataset, config: SplitConfig) -> Split:
    """Per actor: the last event is test, the last but one valid, the rest train.

    The valid item is in the history at test, never in train. Actors with fewer than
    `min_events` events stay in train only.

    Raises:
        ValueError: every actor is too short.
    """
    return last_n(dataset, replace(config, n=1))


def last_n(dataset: Dataset, config: SplitConfig) -> Split:
    """Per actor: the last n events are test, the n before valid, the rest train.

    Raises:
        ValueError: every actor is too short.
    """
    events = _ordered(bare(dataset.events), config)
    first, stop = events.start[1:-1], events.start[2:]
    need = max(config.min_events, 2 * config.n + 1)
    long = stop - first >= need
    if not long.any():
        raise ValueError(
            f"100% of {dataset.sizes.actors:,} actors have fewer than {need} events (the longest "
            f"has {int((stop - first).max(initial=0))}): {config.how} leaves no question; "
            "take a split by time or by actor"
        )
    test_at = np.where(long, stop - config.n, stop)
    valid_at = np.where(long, stop - 2 * config.n, stop)
    said = _ties(events, test_at[long])
    if config.ties == "same-side":
        test_at, valid_at = _same_side(events, config.n, long)
        long = valid_at < stop
    few = int(((stop > first) & ~long).sum())
    said |= {"train_only_actors": few, "train_only_share": few / max(int((stop > first).sum()), 1)}
    return by_cuts(Plan(dataset, config, said), events, valid_at, test_at, valid_at)


def by_time(dataset: Dataset, config: SplitConfig) -> Split:
    """Two moments cut everyone: train before the first, valid before the second, test after.

    An actor asks once a part; the history is everything before the cut.

    Raises:
        ValueError: the set has no clock, or one time only.
    """
    events = bare(dataset.events)
    if not events.clock:
        raise ValueError("a time split needs times; this set has order only: use leave-one-out")
    low, high = int(events.time.min()), int(events.time.max())
    if low == high:
        raise ValueError(
            f"constant time {low} of all {len(events):,} events: order unknown; a time split needs "
            "two moments; take leave-one-out with --ties shuffle, or a random split"
        )
    first_cut, second_cut = config.at or (_quantile(events, q) for q in config.quantiles)
    valid_at = events.start[1:-1] + _before(events, first_cut)
    test_at = events.start[1:-1] + _before(events, second_cut)
    train_stop = events.start[1:-1] + _before(events, first_cut - config.purge)
    said: dict[str, JSON] = {
        "cuts": [first_cut, second_cut],
        "purged_events": int((valid_at - train_stop).sum()),
    }
    return by_cuts(Plan(dataset, config, said), events, valid_at, test_at, train_stop)


def _quantile(events: Events, share: float) -> int:
    """The time of the event at this share of all events."""
    return int(np.quantile(events.time, share, method="inverted_cdf"))


def _before(events: Events, moment: int) -> I64:
    """[actors]: events of each actor before a moment."""
    early = events.actor[events.time < moment]
    return np.bincount(early, minlength=events.actors + 1)[1:]


def _ordered(events: Events, config: SplitConfig) -> Events:
    """The log with equal times of an actor in random order, if `ties` asks for that.

    Raises:
        ValueError: ties are to be treated, but the set has no clock.
    """
    if config.ties == "file":
        return events
    if not events.clock:
        raise ValueError(f"ties={config.ties!r} needs times; this set has order only: ties='file'")
    if config.ties == "same-side":
        return events
    drawn = words(derived_seed(config.seed, "ties"), np.arange(len(events)))
    order = np.lexsort((drawn, events.time, events.actor))
    extra = {name: column[order] for name, column in events.extra.items()}
    return replace(events, target=events.target[order], kind=events.kind[order], extra=extra)


def _ties(events: Events, cut: I64) -> dict[str, JSON]:
    """The share of actors whose events on both sides of the test cut have one time."""
    if not events.clock:
        return {"tied_at_cut": None}
    return {"tied_at_cut": float((events.time[cut] == events.time[cut - 1]).mean())}


def _same_side(events: Events, n: int, long: NDArray[np.bool_]) -> tuple[I64, I64]:
    """(test_at, valid_at): cuts moved back to where a new time begins."""
    first, stop = events.start[1:-1], events.start[2:]
    new = np.ones(len(events), bool)
    new[1:] = (np.diff(events.time) != 0) | (np.diff(events.actor) != 0)
    begin = np.maximum.accumulate(np.where(new, np.arange(len(events)), 0))
    test_at, valid_at = stop.copy(), stop.copy()
    cut = begin[stop[long] - n]
    earlier = np.maximum(cut - n, first[long])
    before = np.where(cut > first[long], begin[earlier], first[long])
    enough = before > first[long]
    actors = np.flatnonzero(long)[enough]
    test_at[actors], valid_at[actors] = cut[enough], before[enough]
    return test_at, valid_at
