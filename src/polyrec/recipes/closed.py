"""What a closed form passes over: settings of training, which a solved model never reads.

One rule for all recipes. A setting made by hand that nothing reads is refused (`all_read`), but
for one kind: what only training reads passes under a closed form, since one file of settings may
go over several variants; the run then warns in a line that it changes nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

READ = frozenset({  # by closed forms too: the log, its split, the question, the answer
    "data", "world", "kinds", "positives", "dedup", "k_core", "min_users", "min_items", "split",
    "ties", "cut", "fit", "hide", "hide_seed", "seed", "model", "neighbours", "shrink", "l2",
    "select_by", "k", "exclude", "diversity", "category", "cold", "cold_columns", "explore",
    "explore_below", "memory_mb", "log_every",
})  # fmt: skip


def beyond(config: Any, closed: Iterable[str], own: Iterable[str] = ()) -> frozenset[str]:
    """Settings that only training reads, if the model is one of the closed ones; else none.

    `own`: what the closed forms of this recipe read beside the common settings.
    """
    if config.model not in closed:
        return frozenset()
    return frozenset(field.name for field in dataclasses.fields(config)) - READ - frozenset(own)


def note(config: Any, passed: Iterable[str], keys: Iterable[str]) -> str:
    """That these settings change nothing under a closed form; empty where none of them is passed.

    >>> from polyrec.recipes.graphs.config import Config
    >>> note(Config(model="ease"), {"dim", "loss"}, ["l2", "dim"])
    'dim changes nothing here: model=ease is solved, not trained'
    """
    held = set(passed)
    unread = [key for key in keys if key in held]
    if not unread:
        return ""
    verb = "changes" if len(unread) == 1 else "change"
    return f"{', '.join(unread)} {verb} nothing here: model={config.model} is solved, not trained"
