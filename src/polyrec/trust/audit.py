"""Does a graph know what it will be asked? Edges of test, of validation, and of later times.

A graph that holds the edges it is judged on passes the answers along; its numbers mean nothing.
Letters: U people, n items.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from polyrec.data import Questions, Split
from polyrec.graph import Graph, Relation
from polyrec.trust.finding import Finding

I64 = NDArray[np.int64]
REBUILD = "build the graph from the train part alone (until= cuts by time)"


def graph_leaks(graph: Graph, split: Split, rebuilt: Graph | None = None) -> tuple[Finding, ...]:
    """Rule L4: edges between people and items that only a later part holds, and later edges.

    A pair that train holds too is no leak. Relations between people and items are found by their
    sizes: U x n, n x U, or one type with U + n nodes, items last. Of others (item to item, say)
    held-out pairs cannot be told; give `rebuilt`, the same graph made of `split.train`, and edges
    that it lacks or has lighter are found. Under a split by time an edge not before the cut is a
    fault whatever it joins.
    """
    found: list[Finding] = []
    for part, asked in (("test", split.test), ("validation", split.valid)):
        for relation in graph.relations:
            found += _held(relation, split, part, asked)
    for relation in graph.relations:
        found += _late(relation, split)
        if rebuilt is not None:
            found += _unsupported(relation, rebuilt)
    return tuple(found)


def _held(relation: Relation, split: Split, part: str, asked: Questions) -> list[Finding]:
    users, items = split.facts.actors, split.facts.items
    wanted = asked.truth.values.numpy()
    actor = asked.requests(torch.arange(len(asked))).actor.numpy()[asked.truth.row.numpy()]
    known = (wanted > 0) & (actor > 0)
    pairs = np.unique(actor[known].astype(np.int64) * (items + 1) + wanted[known])
    train = split.train.actor.astype(np.int64) * (items + 1) + split.train.target
    new = pairs[~np.isin(pairs, train)]
    who, what = new // (items + 1) - 1, new % (items + 1) - 1
    ends = {
        (users, items): (who, what),
        (items, users): (what, who),
        (users + items, users + items): (who, users + what),
    }.get((relation.sources, relation.targets))
    if ends is None or not len(new):
        return []
    there = int(np.isin(_codes(relation), ends[0] * np.int64(relation.targets) + ends[1]).sum())
    if not there:
        return []
    return [
        Finding(
            "L4",
            "fault" if part == "test" else "note",
            f"{there:,} of {len(new):,} {part} edges that train does not hold are in relation "
            f"{relation.key} ({there / len(new):.1%})",
            "the graph passes the answers along"
            if part == "test"
            else "figures on validation speak of known answers",
            REBUILD if part == "test" else "choose nothing on validation, or " + REBUILD,
        )
    ]


def _late(relation: Relation, split: Split) -> list[Finding]:
    if split.how.get("how") != "time" or relation.time is None or split.facts.until is None:
        return []
    late = int((relation.time > split.facts.until).sum())
    if not late:
        return []
    return [
        Finding(
            "L4",
            "fault",
            f"{late:,} of {relation.edges:,} edges of {relation.key} are later than the last train "
            f"event ({split.facts.until} ms)",
            "the graph knows the future",
            REBUILD,
        )
    ]


def _unsupported(relation: Relation, rebuilt: Graph) -> list[Finding]:
    """Edges that the train part does not give, or gives less weight."""
    named = {one.key: one for one in rebuilt.relations}
    if relation.key not in named:
        return []
    trusted = named[relation.key]
    own, given = _codes(relation), _codes(trusted)
    place = np.searchsorted(given, own).clip(max=max(len(given) - 1, 0))
    there = given[place] == own if len(given) else np.zeros(len(own), bool)
    heavier = np.zeros(len(own), bool)
    if relation.weight is not None and trusted.weight is not None and len(given):
        heavier = there & (relation.weight > trusted.weight[place] * (1 + 1e-5))
    wrong = int((~there).sum() + heavier.sum())
    if not wrong:
        return []
    return [
        Finding(
            "L4",
            "fault",
            f"{wrong:,} of {relation.edges:,} edges of {relation.key} do not come from the train "
            f"part ({int(heavier.sum()):,} only in part)",
            "the graph holds events that it will be asked about",
            REBUILD,
        )
    ]


def _codes(relation: Relation) -> I64:
    """[E], rising: one number an edge."""
    return relation.row.astype(np.int64) * relation.targets + relation.indices
