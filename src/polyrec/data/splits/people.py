"""Splits by actor: those who are asked were never trained on."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

from polyrec.data.events import JSON, Dataset, Events
from polyrec.data.splits.config import SplitConfig
from polyrec.data.splits.parts import PART, Plan, bare, finish
from polyrec.data.splits.questions import Questions, Split, ask

I64 = NDArray[np.int64]


def by_user(dataset: Dataset, config: SplitConfig) -> Split:
    """Actors are shuffled and cut 80/10/10; who is asked shows 80% of a sequence, the rest is
    wanted, repeats included.

    Where the files give the parts of actors (column "part"), those are kept. Otherwise actors
    in order of first appearance go through Python's shuffle under `seed`, cut at int(.8 n) and
    int(.9 n). Source: ComiRec's published preprocessing and evaluation (seed 1230).

    Raises:
        ValueError: a part is empty, or an actor is in two given parts.
    """
    events = dataset.events
    given = PART in events.extra
    train, valid, test = _given(dataset) if given else _shuffled(dataset, config)
    said: dict[str, JSON] = {"parts": "given" if given else "shuffled"}
    if not len(valid) and (config.valid_from_train or given):
        share = config.valid_from_train or 0.1
        order = _python_shuffle(train, config.seed)
        kept = len(order) - int(len(order) * share)
        train, valid = np.sort(order[:kept]), order[kept:]
        said["valid_from_train"] = share
    log = bare(events)
    chosen = np.zeros(log.actors + 1, bool)
    chosen[train] = True
    plan = Plan(dataset, config, said | {"actors": [len(train), len(valid), len(test)]})
    asked = [_asked(log, np.sort(part), config.cut) for part in (valid, test)]
    return finish(plan, log.subset(chosen[log.actor]), *asked)


def _shuffled(dataset: Dataset, config: SplitConfig) -> tuple[I64, I64, I64]:
    order = _python_shuffle(np.flatnonzero(dataset.events.lengths), config.seed)
    size = len(order)
    shares = config.ratios[0], round(config.ratios[0] + config.ratios[1], 12)
    first, second = (int(size * share) for share in shares)
    empty = config.ratios[1] == 0 and bool(config.valid_from_train)
    if first == second and not empty:
        raise ValueError(
            f"the valid part has 0 of {size} users: int({shares[0]}·{size}) = "
            f"int({shares[1]}·{size}) = {first}: take other ratios, or ratios without valid and "
            "--valid-from-train"
        )
    return order[:first], order[first:second], order[second:]


def _python_shuffle(actors: I64, seed: int) -> I64:
    """The order that `random.seed(seed); random.shuffle(list)` gives: published splits use it."""
    order = actors.tolist()
    random.Random(seed).shuffle(order)
    return np.array(order, np.int64)


def _given(dataset: Dataset) -> tuple[I64, I64, I64]:
    events = dataset.events
    marks = events.extra[PART]
    parts = [np.unique(events.actor[marks == part]).astype(np.int64) for part in range(3)]
    both = np.flatnonzero(np.bincount(np.concatenate(parts)) > 1)
    if len(both):
        first = dataset.vocabs["actor"].key(int(both[0]))
        raise ValueError(
            f"{len(both):,} actors are in two parts, the first {first!r}: "
            "a split by user keeps actors apart; use --how given"
        )
    return parts[0], parts[1], parts[2]


def _asked(events: Events, actor: I64, cut: float) -> Questions:
    """Each actor shows the first int(cut · length) events; the rest is wanted."""
    first, stop = events.start[actor], events.start[actor + 1]
    at = first + (cut * (stop - first)).astype(np.int64)
    return ask(events, actor, (first, at), (at, stop))
