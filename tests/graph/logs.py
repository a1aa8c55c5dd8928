"""Small random logs, and what the builders' definitions say of them, written out plainly."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

import numpy as np

from polyrec.graph import Interactions, Relation

Pairs = dict[tuple[int, int], float]
HOUR = 3_600_000


def random_log(seed: int, actors: int = 8, targets: int = 10, events: int = 60) -> Interactions:
    """A log with repeats, equal times, long pauses, and people and items without events."""
    rng = np.random.default_rng(seed)
    time = rng.integers(0, 40, events) * rng.choice([60_000, HOUR // 2], events)
    return Interactions.arrange(
        rng.integers(0, actors, events),
        rng.zipf(1.6, events) % targets,
        (actors + 1, targets + 1),
        time,
        rng.integers(0, 3, events),
    )


def pairs(relation: Relation) -> Pairs:
    """The relation as a dictionary; also checks that rows ascend."""
    assert (np.diff(relation.indices)[np.diff(relation.row) == 0] > 0).all()
    ends = zip(relation.row.tolist(), relation.indices.tolist(), strict=True)
    return dict(zip(ends, relation.weights.tolist(), strict=True))


def same(found: Pairs, expected: Pairs) -> None:
    assert found.keys() == expected.keys()
    for edge, weight in expected.items():
        assert abs(found[edge] - weight) < 1e-6 * max(1, abs(weight)), edge


def rows(log: Interactions) -> list[tuple[int, int, int, int]]:
    """(actor, target, time, kind) in order."""
    assert log.time is not None
    assert log.kind is not None
    columns = (log.actor, log.target, log.time, log.kind)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def plain_sessions(log: Interactions, gap: float) -> list[list[int]]:
    """Targets of each session, in order."""
    found: list[list[int]] = []
    before: tuple[int, int] | None = None
    for actor, target, time, _ in rows(log):
        if before is None or before[0] != actor or time - before[1] > gap * 1000:
            found.append([])
        found[-1].append(target)
        before = (actor, time)
    return found


def plain_sets(log: Interactions) -> list[set[int]]:
    """Distinct targets of each actor."""
    held = defaultdict(set)
    for actor, target, _, _ in rows(log):
        held[actor].add(target)
    return [held[actor] for actor in range(log.actors)]


def plain_together(sets: list[set[int]], one: bool) -> Pairs:
    found: Pairs = defaultdict(float)
    for members in sets:
        for i, j in combinations(sorted(members), 2):
            worth = 1 / (len(members) - 1) if one else 1.0
            found[i, j] += worth
            found[j, i] += worth
    return dict(found)


def plain_swing(sets: list[set[int]], alpha: float) -> Pairs:
    found: Pairs = defaultdict(float)
    for u, v in combinations(range(len(sets)), 2):
        common = sets[u] & sets[v]
        for i in common:
            for j in common - {i}:
                weight = 1 / np.sqrt(len(sets[u]) * len(sets[v]))
                found[i, j] += weight / (alpha + len(common))
    return dict(found)


def heaviest(found: Pairs, k: int) -> Pairs:
    """The k heaviest of each row, lower ids first among equals (in float32)."""
    by_row = defaultdict(list)
    for (i, j), weight in found.items():
        by_row[i].append((-np.float32(weight), j, weight))
    return {(i, j): w for i, held in by_row.items() for _, j, w in sorted(held)[:k]}
