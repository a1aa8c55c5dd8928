"""What follows what: the directed graph of steps inside sessions."""

from __future__ import annotations

import numpy as np

from polyrec.graph.account import BuildReport
from polyrec.graph.csr import I64, Graph
from polyrec.graph.edges import Edges, Loops, relation_of
from polyrec.graph.interactions import Interactions

HOUR = 3600.0


def session(
    log: Interactions,
    gap: float | None = HOUR,
    window: int = 1,
    until: int | None = None,
    loops: Loops = "drop",
) -> tuple[Graph, BuildReport]:
    """A directed edge i -> j for each time j follows i within `window` steps of one session.

    The weight is the number of times; `normalised(relation, "row")` makes of it the transition
    P(j given i). Source of the defaults: EGES (Wang et al. 2018), gap one hour, window 1.

    Args:
        gap: seconds that end a session when passed; None, or a log without times: one session
            an actor.
        until: only events strictly before this time (milliseconds).
        loops: what to do when an item follows itself.

    Raises:
        ValueError: window < 1, gap <= 0, or `until` without times.
    """
    check_steps(gap, window)
    kept, late = log.until(until)
    source, target = follows(kept, gap, window)
    edges = Edges(kept.target[source], kept.target[target], np.ones(len(source), np.float32))
    relation, report = relation_of(
        ("item", "then", "item"), edges, (log.targets, log.targets), "sum", loops
    )
    return Graph({"item": log.targets}, (relation,)), report.with_dropped(late)


def follows(log: Interactions, gap: float | None, window: int) -> tuple[I64, I64]:
    """Pairs of rows (earlier, later) at most `window` steps apart in one session."""
    session_of = log.session_of(gap)
    first, second = [], []
    for step in range(1, min(window, max(len(log) - 1, 0)) + 1):
        same = np.flatnonzero(session_of[:-step] == session_of[step:])
        first.append(same)
        second.append(same + step)
    none = np.empty(0, np.int64)
    return np.concatenate([none, *first]), np.concatenate([none, *second])


def check_steps(gap: float | None, window: int) -> None:
    """Refuses what makes no session.

    Raises:
        ValueError: window < 1 or gap <= 0.
    """
    if window < 1:
        raise ValueError(f"window={window}; at least 1 step; for example 1")
    if gap is not None and not gap > 0:
        raise ValueError(f"gap={gap}; more than 0 seconds, or None for one session an actor")
