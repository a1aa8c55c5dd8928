"""Splits that mark single events: at random, or as files or a column give them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyrec.data.events import JSON, Dataset, Events
from polyrec.data.splits.config import SplitConfig
from polyrec.data.splits.parts import PART, Plan, by_part
from polyrec.data.splits.questions import Split
from polyrec.kernels.repeats import again_in_run
from polyrec.kernels.shuffle import shuffled, words
from polyrec.kernels.sort import by_actor_then_time
from polyrec.types import derived_seed

Parts = NDArray[np.int8]


def at_random(dataset: Dataset, config: SplitConfig) -> Split:
    """Events go to train, valid and test at random, 8:1:1 inside each actor or over all.

    Valid and test get the floor of their share, but at least one event of an actor with three
    or more. On data with a clock this trains on the future of what is asked.
    """
    _, valid, test = config.ratios
    if config.per == "actor":
        part = _inside_actors(dataset.events, valid, test, config.seed)
    else:
        size = len(dataset.events)
        place = shuffled(np.arange(size), size, derived_seed(config.seed, "split"))
        part = _cut(place, int(size * valid), int(size * test))
    return by_part(Plan(dataset, config, {}), part)


def given(dataset: Dataset, config: SplitConfig) -> Split:
    """The parts that files or a column give: column "part" of the log, 0 train, 1 valid, 2 test.

    A set without a valid part gets one from train: `valid_from_train` (.1 if not set) of each
    actor's train events, at random under `seed`.

    Raises:
        ValueError: no column "part", events that stand in two parts, or actors of valid and test
            that train does not know.
    """
    events = dataset.events
    if PART not in events.extra:
        raise ValueError(
            f"split given needs the column {PART!r} (0 train, 1 valid, 2 test) beside the events; "
            f"there are {[*events.extra] or 'none'}: name the files, or take another split"
        )
    part = events.extra[PART].astype(np.int8)
    said: dict[str, JSON] = {"repeated_across_parts": _overlap(dataset, part, config)}
    _strangers(dataset, part)
    if not (part == 1).any():
        share = config.valid_from_train or 0.1
        part = part.copy()
        part[part == 0] = _inside_actors(events.subset(part == 0), share, 0.0, config.seed)
        said["valid_from_train"] = share
    return by_part(Plan(dataset, config, said), part)


def _inside_actors(events: Events, valid: float, test: float, seed: int) -> Parts:
    """[E]: parts at random, in these shares of each actor's events."""
    drawn = words(derived_seed(seed, "split"), np.arange(len(events)))
    place = np.empty(len(events), np.int64)
    order, _ = by_actor_then_time(events.actor, drawn.view(np.int64), events.actors)
    place[order] = np.arange(len(events))
    place -= events.start[events.actor]
    counts = [_floor(events.lengths, share)[events.actor] for share in (valid, test)]
    return _cut(place, *counts)


def _cut(
    place: NDArray[np.int64], valid: int | NDArray[np.int64], test: int | NDArray[np.int64]
) -> Parts:
    """The first `test` places are test, the next `valid` are valid, the rest is train."""
    part = np.zeros(len(place), np.int8)
    part[place < test + valid] = 1
    part[place < test] = 2
    return part


def _floor(lengths: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    # .1 · 30 is 3.0000000000000004 and .3 · 10 is 3 by rounding: a hair is added, not luck
    floor: NDArray[np.int64] = np.floor(lengths * share + 1e-9).astype(np.int64)
    floor[(lengths >= 3) & (share > 0) & (floor < 1)] = 1
    return floor


def _overlap(dataset: Dataset, part: Parts, config: SplitConfig) -> int:
    """Events of valid and test that stand in train as well: actor, target and time alike."""
    events = dataset.events
    moved = np.diff(events.actor, prepend=0) != 0
    if events.clock:
        moved |= np.diff(events.time, prepend=0) != 0
    run = np.cumsum(moved)
    again = np.flatnonzero(again_in_run(run, events.target, dataset.items + 1, part > 0))
    if len(again) and "L1" not in config.allow_leaks:
        shown = ", ".join(
            f"({dataset.vocabs['actor'].key(int(events.actor[at]))}, "
            f"{dataset.vocabs['target'].key(int(events.target[at]))})"
            for at in again[:3]
        )
        raise ValueError(
            f"{len(again):,} identical events in train and a later part, the first {shown}: "
            "correct the split, or --allow-leak L1 where repeats are real"
        )
    return len(again)


def _strangers(dataset: Dataset, part: Parts) -> None:
    events = dataset.events
    known = np.zeros(events.actors + 1, bool)
    known[events.actor[part == 0]] = True
    asked = np.unique(events.actor[part > 0])
    strange = asked[~known[asked]]
    # a few strangers are cold actors, counted elsewhere; a split by user knows none of them
    if len(asked) and len(strange) > 0.05 * len(asked):
        raise ValueError(
            f"{len(strange):,} of {len(asked):,} actors of valid and test are unknown to train "
            f"(D13), the first {dataset.vocabs['actor'].key(int(strange[0]))!r}: "
            "fine for splits by user, say so with --how by-user"
        )
