"""What is left out before anything is learned, in a fixed order, each step counted."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from polyrec.data.batches import column
from polyrec.data.events import Count, Dataset, Events
from polyrec.data.keys import by_bytes
from polyrec.kernels.keys import Packed
from polyrec.kernels.repeats import first_in_run

Dedup = Literal["all", "first", "last", "consecutive", "exact"]
Cold = Literal["kept", "dropped"]
Flags = NDArray[np.bool_]
I64 = NDArray[np.int64]
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
RULE = re.compile(rf"\s*(.*[^<>=!\s])\s*(>=|<=|==|!=|>|<)\s*({NUMBER})\s*")
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True)
class Filters:
    """Which filters to apply; the order is fixed, and it is the order of the fields."""

    kinds: tuple[str, ...] = ()  # only these; empty = all
    positives: str = ""  # a comparison with a column, as "rating>=4"
    since: int | None = None  # milliseconds, included
    until: int | None = None  # milliseconds, excluded
    dedup: Dedup = "all"
    min_count: tuple[int, int] | None = None  # (users, items), one pass, items first
    k_core: int = 0  # both sides at least this, iterated; 0 = off
    max_events: int = 0  # an actor's last ones; 0 = all


def apply(dataset: Dataset, filters: Filters) -> Dataset:
    """Applies the filters in their order; `source.counts` holds what each one left.

    Raises:
        ValueError: nothing is left (with the counts of every filter), or both count filters.
    """
    if filters.min_count and filters.k_core:
        raise ValueError("min_count and k_core are two answers to one question: give one of them")
    start = len(dataset.source.counts)
    if filters.kinds:
        dataset = kinds(dataset, filters.kinds)
    if filters.positives:
        dataset = positives(dataset, filters.positives)
    if filters.since is not None or filters.until is not None:
        dataset = window(dataset, filters.since, filters.until)
    if filters.dedup != "all":
        dataset = dedup(dataset, filters.dedup)
    if filters.min_count:
        dataset = min_count(dataset, *filters.min_count)
    if filters.k_core:
        dataset = k_core(dataset, filters.k_core)
    if filters.max_events:
        dataset = cap(dataset, filters.max_events)
    if not len(dataset.events):
        raise ValueError(_nothing_left(dataset.source.counts[start:]))
    return dataset


def kinds(dataset: Dataset, names: tuple[str, ...]) -> Dataset:
    """Keeps events of these kinds.

    Raises:
        KeyError: a kind the data set does not have.
    """
    for name in names:
        if name not in dataset.kinds:
            near = get_close_matches(name, dataset.kinds, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            if len(dataset.kinds) == 1:
                hint = "; a column that tells kinds is named by `polyrec data import LOG OUT --kind"
                hint += " COLUMN`"
            raise KeyError(f"kind {name!r}: the log has {', '.join(dataset.kinds)}{hint}")
    wanted = [dataset.kinds.index(name) for name in names]
    return _keep(dataset, f"kinds={','.join(names)}", np.isin(dataset.events.kind, wanted))


def positives(dataset: Dataset, rule: str) -> Dataset:
    """Keeps events that pass a comparison with one of their columns, as "rating>=4".

    Raises:
        ValueError: the rule is no comparison of a column with a number.
        KeyError: there is no such column.
    """
    parts = RULE.fullmatch(rule)
    if parts is None:
        raise ValueError(f"positives {rule!r}: a comparison is COLUMN>=NUMBER (>= <= == != > <)")
    name, compare, number = parts.groups()
    values = column(dataset.events, name)
    return _keep(dataset, f"positives {rule}", COMPARE[compare](values, float(number)))


def window(dataset: Dataset, since: int | None, until: int | None) -> Dataset:
    """Keeps events with since <= time < until, in milliseconds.

    Raises:
        ValueError: the set has no clock.
    """
    if not dataset.events.clock:
        raise ValueError("a time window needs times; this set has order only: leave it out")
    time = dataset.events.time
    low = np.iinfo(np.int64).min if since is None else since
    high = np.iinfo(np.int64).max if until is None else until
    return _keep(dataset, f"window {since}..{until}", (time >= low) & (time < high))


def dedup(dataset: Dataset, keep: Dedup) -> Dataset:
    """Repeats: keep all, the first or last of (actor, target), one of a run of equal targets,
    or one of events equal in actor, target, time and kind.

    Raises:
        ValueError: an unknown policy.
    """
    events = dataset.events
    if keep not in get_args(Dedup):
        raise ValueError(f"dedup={keep!r}; one of {', '.join(get_args(Dedup))}")
    if keep == "all":
        return dataset
    if keep == "consecutive":
        again = (np.diff(events.actor) == 0) & (np.diff(events.target) == 0)
        kept = np.concatenate([[True], ~again])[: len(events)]
    elif keep == "exact":
        moved = (np.diff(events.actor) != 0) | (np.diff(events.time) != 0)
        run = np.concatenate([[0], np.cumsum(moved)])[: len(events)]
        width = len(dataset.kinds)
        code = events.target.astype(np.int64) * width + events.kind
        kept = first_in_run(run, code, (dataset.items + 1) * width)
    elif keep == "first":
        kept = first_in_run(events.actor, events.target, dataset.items + 1)
    else:
        backwards = first_in_run(events.actor[::-1], events.target[::-1], dataset.items + 1)
        kept = backwards[::-1]
    return _keep(dataset, f"dedup={keep}", kept)


def min_count(dataset: Dataset, users: int, items: int) -> Dataset:
    """One pass: items with `items` events, then users with `users` of the events that remain.

    This is no k-core: dropping users may leave items below the bound. Items are numbered by
    their counts before users are dropped. Source: ComiRec's published preprocessing.
    """
    name = f"min_count=(users={users},items={items})"
    often = dataset.events.counts(dataset.items) >= items
    often[0] = False
    popular = _kept(dataset, often[dataset.events.target], cold="dropped")
    active = popular.events.lengths >= users
    kept = popular.events.subset(active[popular.events.actor])
    ids = np.arange(1, popular.items + 1)
    done = _take(popular, kept, np.flatnonzero(kept.lengths), ids)
    return _counted(dataset, done, name)


def k_core(dataset: Dataset, k: int) -> Dataset:
    """Drops users and items with fewer than `k` events until none is left to drop.

    Raises:
        ValueError: nothing is left, with the events left after every round.
    """
    actor, target = np.asarray(dataset.events.actor), np.asarray(dataset.events.target)
    alive, rounds = np.arange(len(actor)), [len(actor)]
    while True:
        users = np.bincount(actor, minlength=1) >= k
        items = np.bincount(target, minlength=1) >= k
        kept = users[actor] & items[target]
        if kept.all():
            break
        actor, target, alive = actor[kept], target[kept], alive[kept]
        rounds.append(len(alive))
    if not len(alive):
        sizes = " → ".join(f"{size:,}" for size in rounds)
        raise ValueError(f"k_core={k} leaves nothing; events by round: {sizes}; take a smaller k")
    keep = np.zeros(len(dataset.events), bool)
    keep[alive] = True
    return _keep(dataset, f"k_core={k} ({len(rounds) - 1} rounds)", keep, cold="dropped")


def cap(dataset: Dataset, most: int) -> Dataset:
    """Keeps the last `most` events of every actor."""
    events = dataset.events
    left = events.start[events.actor + 1] - np.arange(len(events))
    return _keep(dataset, f"max_events={most}", left <= most)


def _keep(dataset: Dataset, name: str, keep: Flags, cold: Cold = "kept") -> Dataset:
    """The events where `keep`, and the count of what it left."""
    return _counted(dataset, _kept(dataset, keep, cold), name)


def _kept(dataset: Dataset, keep: Flags, cold: Cold) -> Dataset:
    """The events where `keep`; ids that lose their last event go.

    `cold`: whether ids that had no event before stay.
    """
    before = dataset.events
    events = before if keep.all() else before.subset(keep)
    actors = _alive(before.lengths, events.lengths, cold)
    counts = events.counts(dataset.items)
    targets = _alive(before.counts(dataset.items), counts, cold)
    vocab = dataset.vocabs["target"]
    if vocab.order == "frequency" and events is not before:
        bytes_rank = by_bytes(Packed(np.asarray(vocab.data), np.asarray(vocab.at)))
        targets = targets[np.lexsort((bytes_rank[targets - 1], -counts[targets]))]
    return _take(dataset, events, actors, targets)


def _alive(before: I64, after: I64, cold: Cold) -> I64:
    stays = after > 0 if cold == "dropped" else (after > 0) | (before == 0)
    return np.flatnonzero(stays[1:]) + 1


def _take(dataset: Dataset, events: Events, actors: I64, targets: I64) -> Dataset:
    """The data set with ids renumbered: new id i is old `actors[i - 1]`, `targets[i - 1]`.

    `actors` ascend, so the order of events stays; ids left out have no event.
    """
    vocabs, tables = dict(dataset.vocabs), dict(dataset.tables)
    for name, ids in (("actor", actors), ("target", targets)):
        if len(ids) == vocabs[name].size and (np.diff(ids) > 0).all():
            continue
        vocabs[name] = vocabs[name].take(ids)
        if name in tables:
            tables[name] = replace(tables[name].take(ids), keys=vocabs[name])
    actor, target = _new_ids(actors, events.actors), _new_ids(targets, dataset.items)
    renamed = replace(
        events,
        actor=actor[events.actor],
        target=target[events.target],
        start=np.concatenate([[0], events.start[actors], [len(events)]]),
    )
    return replace(dataset, events=renamed, vocabs=vocabs, tables=tables, stored_hash="")


def _new_ids(ids: I64, size: int) -> NDArray[np.int32]:
    new = np.zeros(size + 1, np.int32)
    new[ids] = np.arange(1, len(ids) + 1)
    return new


def _counted(before: Dataset, after: Dataset, name: str) -> Dataset:
    counts = (*before.source.counts, Count(name, before.sizes, after.sizes))
    return replace(after, source=replace(after.source, counts=counts))


def _nothing_left(counts: tuple[Count, ...]) -> str:
    steps = "; ".join(f"{c.filter}: {c.before.events:,} → {c.after.events:,}" for c in counts)
    worst = max(counts, key=lambda c: c.before.events - c.after.events, default=None)
    told = f"; loosen {worst.filter}" if worst else ""
    return f"all rows were filtered out: {steps}{told}"
