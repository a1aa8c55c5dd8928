"""Who met what, as a graph of two node types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyrec.graph.account import BuildReport
from polyrec.graph.csr import F32, Graph, Key
from polyrec.graph.edges import Duplicates, Edges, relation_of
from polyrec.graph.interactions import Interactions

MET: Key = ("user", "met", "item")


@dataclass(frozen=True)
class Ones:
    """Every edge weighs 1, however often the two met: LightGCN's graph is 0/1."""


@dataclass(frozen=True)
class Count:
    """An edge weighs the number of its events."""


@dataclass(frozen=True)
class LastKind:
    """An edge weighs what its last event's kind weighs (a purchase more than a click)."""

    weight: Sequence[float]  # place in the data set's kinds -> weight


Weigh = Ones | Count | LastKind


def bipartite(
    log: Interactions, weigh: Weigh = Ones(), until: int | None = None, key: Key = MET
) -> tuple[Graph, BuildReport]:
    """Users and items, an edge where they met; time and kind of an edge are its last event's.

    Args:
        until: only events strictly before this time (milliseconds).

    Raises:
        ValueError: `until` without times, or a kind that has no weight.
    """
    kept, late = log.until(until)
    edges = Edges(kept.actor, kept.target, _weight(kept, weigh), kept.time, kept.kind)
    duplicates: Duplicates = "last" if isinstance(weigh, LastKind) else "sum"
    relation, report = relation_of(key, edges, (log.actors, log.targets), duplicates, "keep")
    graph = Graph({key[0]: log.actors, key[2]: log.targets}, (relation,))
    return graph, report.with_dropped(late)


def _weight(log: Interactions, weigh: Weigh) -> F32 | None:
    if isinstance(weigh, Ones):
        return None
    if isinstance(weigh, Count):
        return np.ones(len(log), np.float32)
    if log.kind is None:
        raise ValueError("weigh=LastKind, but the log has no kinds; use Ones or Count")
    if len(log.kind) and log.kind.max() >= len(weigh.weight):
        raise ValueError(
            f"weigh=LastKind has {len(weigh.weight)} weights, the log kind {log.kind.max()}; "
            "give one weight for each kind of the data set"
        )
    return np.asarray(weigh.weight, np.float32)[log.kind]
