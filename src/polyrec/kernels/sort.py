"""Events in order of (actor, time, place in the file), in time proportional to their number."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
SHORT = 24  # up to here insertion beats a merge


def by_actor_then_time(actor: I32, time: I64 | None, actors: int) -> tuple[I32, I64]:
    """The stable order of events by (actor, time), and where each actor's events begin.

    A counting sort by actor keeps the file's order inside an actor; then each actor's events are
    sorted by time, stably, and only where they are not sorted already.

    Args:
        actor: ids in 1..actors.
        time: any comparable integers; None keeps the order of the file.

    Returns:
        order [E]: the old place of each event; start [actors + 2]: actor a holds
        `start[a]:start[a + 1]`, and 0 holds none.

    Raises:
        ValueError: more than 2^31 - 1 events.
    """
    if len(actor) > np.iinfo(np.int32).max:
        raise ValueError(
            f"{len(actor):,} events; one sort holds 2,147,483,647: import the log in parts"
        )
    start = np.zeros(actors + 2, np.int64)
    np.cumsum(np.bincount(actor, minlength=actors + 1), out=start[1:])
    order = np.empty(len(actor), np.int32)
    _by_actor(actor, start[:-1].copy(), order)
    if time is not None:
        _by_time(time, start, order)
    return order, start


@njit(cache=True)
def _by_actor(actor: I32, free: I64, order: I32) -> None:
    for event in range(len(actor)):
        order[free[actor[event]]] = event
        free[actor[event]] += 1


@njit(cache=True)
def _by_time(time: I64, start: I64, order: I32) -> None:
    for one in range(len(start) - 1):
        first, stop = start[one], start[one + 1]
        if _sorted(time, order, first, stop):
            continue
        if stop - first <= SHORT:
            _insert(time, order, first, stop)
        else:
            part = order[first:stop].copy()
            order[first:stop] = part[np.argsort(time[part], kind="mergesort")]


@njit(cache=True)
def _sorted(time: I64, order: I32, first: int, stop: int) -> bool:
    for at in range(first + 1, stop):  # noqa: SIM110
        if time[order[at]] < time[order[at - 1]]:
            return False
    return True


@njit(cache=True)
def _insert(time: I64, order: I32, first: int, stop: int) -> None:
    for at in range(first + 1, stop):
        event = order[at]
        place = at
        while place > first and time[order[place - 1]] > time[event]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = event
