"""Train, valid and test: every way to split a log, and to split rows with labels."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from polyrec.data.events import Dataset
from polyrec.data.splits.config import How, SplitConfig, Ties
from polyrec.data.splits.marked import at_random, given
from polyrec.data.splits.people import by_user
from polyrec.data.splits.questions import Questions, Split
from polyrec.data.splits.sequence import by_time, last_n, leave_one_out

SPLITS: dict[str, Callable[[Dataset, SplitConfig], Split]] = {
    "leave-one-out": leave_one_out,
    "last-n": last_n,
    "time": by_time,
    "by-user": by_user,
    "random": at_random,
    "given": given,
}


def split(dataset: Dataset, config: SplitConfig) -> Split:
    """Splits a log as `config` says.

    Raises:
        KeyError: there is no such split.
        ValueError: the data do not allow it.
    """
    if config.how not in SPLITS:
        near = get_close_matches(config.how, SPLITS, 1, cutoff=0.3)
        hint = f"; nearest is {near[0]!r}" if near else ""
        raise KeyError(f"split {config.how!r}: one of {', '.join(SPLITS)}{hint}")
    return SPLITS[config.how](dataset, config)


__all__ = ["SPLITS", "How", "Questions", "Split", "SplitConfig", "Ties", "split"]
