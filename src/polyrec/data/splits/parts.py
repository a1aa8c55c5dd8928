"""From cut places or marked events to a finished split: cold ids counted, empty parts refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from polyrec.data.batches import Stretch
from polyrec.data.events import JSON, Dataset, Events
from polyrec.data.facts import Facts
from polyrec.data.splits.config import SplitConfig
from polyrec.data.splits.questions import Questions, Split, ask
from polyrec.kernels.ranges import mark
from polyrec.types import Ragged

I64 = NDArray[np.int64]
PART = "part"  # the column of a given split: 0 train, 1 valid, 2 test


@dataclass(frozen=True)
class Plan:
    """A data set and how it is to be split: what every split function takes on its way."""

    dataset: Dataset
    config: SplitConfig
    said: Mapping[str, JSON]  # what the split itself has to report


def by_cuts(plan: Plan, events: Events, valid_at: I64, test_at: I64, train_stop: I64) -> Split:
    """A split in which every actor's events are train, then valid, then test.

    Args:
        valid_at: [actors], the place where each actor's valid part begins; likewise `test_at`.
        train_stop: [actors], where train stops: `valid_at`, or earlier after a purge.
    """
    first, stop = events.start[1:-1], events.start[2:]
    keep = np.zeros(len(events), bool)
    mark(keep, first, train_stop)
    actor = np.arange(1, events.actors + 1)
    valid = ask(events, actor, (first, valid_at), (valid_at, test_at))
    test = ask(events, actor, (first, test_at), (test_at, stop))
    return finish(plan, events.subset(keep), valid, test)


def by_part(plan: Plan, part: NDArray[np.integer]) -> Split:
    """A split in which every event is marked: 0 train, 1 valid, 2 test.

    Histories are the actor's train events; at test, those of train and valid.
    """
    events = bare(plan.dataset.events)
    train = events.subset(part == 0)
    known = events.subset(part < 2)
    valid = _marked(train, events.subset(part == 1))
    test = _marked(known, events.subset(part == 2))
    return finish(plan, train, valid, test)


def finish(plan: Plan, train: Events, valid: Questions, test: Questions) -> Split:
    """Counts what train never saw, refuses empty parts, and records how all was done.

    Raises:
        ValueError: a part is empty.
    """
    facts = Facts.of(plan.dataset, train)
    seen = facts.counts.numpy() > 0
    parts: dict[str, Questions] = {}
    cold: dict[str, JSON] = {}
    for name, questions in (("valid", valid), ("test", test)):
        parts[name], cold[name] = _cold(questions, seen, plan.config)
    for name, rows in {"train": len(train), **{n: len(q) for n, q in parts.items()}}.items():
        if not rows:
            raise ValueError(
                f"the {name} part of split {plan.config.how} is empty ({plan.dataset.sizes}): "
                "take other ratios or cuts, or --valid-from-train"
            )
    filters = [count.filter for count in plan.dataset.source.counts]
    how: dict[str, JSON] = {
        **_plain(asdict(plan.config)),
        **plan.said,
        "data": plan.dataset.hash,
        "cold_counts": {**cold},
        "filters_that_saw_the_future": [f for f in filters if f.startswith(("k_core", "min_"))],
        "train_events": len(train),
        "valid_questions": len(parts["valid"]),
        "test_questions": len(parts["test"]),
    }
    return Split(train, parts["valid"], parts["test"], how, facts, plan.dataset.source)


def bare(events: Events) -> Events:
    """The log without the column that marks parts."""
    extra = {name: column for name, column in events.extra.items() if name != PART}
    return replace(events, extra=extra)


def _marked(known: Events, wanted: Events) -> Questions:
    """Every actor with something wanted asks once; the history is all it has in `known`."""
    actor = np.flatnonzero(wanted.lengths)
    asked = wanted.time[wanted.start[actor]] if wanted.clock else None
    return Questions(
        events=known,
        key=torch.from_numpy(actor.copy()),
        at=Stretch(actor, known.start[actor], known.start[actor + 1], asked),
        truth=Ragged(
            torch.from_numpy(wanted.target.astype(np.int64)),
            torch.from_numpy(np.append(wanted.start[actor], len(wanted))),
        ),
    )


def _cold(
    questions: Questions, seen: NDArray[np.bool_], config: SplitConfig
) -> tuple[Questions, dict[str, JSON]]:
    """Wanted targets that train never saw, and actors without history: counted, or dropped."""
    known = seen[questions.truth.values.numpy()]
    empty = questions.at.first == questions.at.stop
    counts: dict[str, JSON] = {"targets": int((~known).sum()), "actors": int(empty.sum())}
    if config.cold == "keep" or (known.all() and not empty.any()):
        return questions, counts
    truth = questions.truth
    lengths = np.bincount(truth.row.numpy()[known], minlength=len(questions))
    start = torch.from_numpy(np.append(0, np.cumsum(lengths)))
    left = replace(questions, truth=Ragged(truth.values[torch.from_numpy(known)], start))
    stays = (lengths > 0) & ~empty
    dropped = {"cold targets": int((~known).sum()), "questions left empty": int((~stays).sum())}
    kept = left.select(torch.from_numpy(np.flatnonzero(stays)))
    return replace(kept, dropped={**questions.dropped, **dropped}), counts


def _plain(values: Mapping[str, object]) -> dict[str, JSON]:
    """Tuples become lists, as JSON has them."""
    return {
        name: list(value) if isinstance(value, tuple) else value  # type: ignore[misc]
        for name, value in values.items()
    }
