"""Which settings of the ComiRec recipe change nothing under the others, and what would read them.

What is set by hand must be read by something. Two kinds pass: what only training reads under a
closed form (`polyrec.recipes.closed`), and `world` beside `data`, which overrules it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from polyrec.recipes.closed import beyond

MANY = ("mind", "dr", "sa")  # models of several interests
CLOSED = ("popular", "item_knn", "ease")


class Choices(Protocol):
    """The settings that decide which others are read."""

    @property
    def split(self) -> str: ...
    @property
    def k_core(self) -> int: ...
    @property
    def model(self) -> str: ...
    @property
    def dim(self) -> int: ...
    @property
    def hidden(self) -> int: ...
    @property
    def interests(self) -> int: ...
    @property
    def similarity(self) -> str: ...
    @property
    def negatives(self) -> str: ...
    @property
    def loss(self) -> str: ...


def idle(config: Choices) -> Mapping[str, str]:
    """Setting -> what would have to hold for it to be read."""
    kept = config.split == "kept"
    single = config.model not in MANY
    rules = {
        "cut": (config.split != "by-user", "split=by-user"),
        "min_users": (kept or config.k_core > 0, "another split, with k_core=0,"),
        "min_items": (kept or config.k_core > 0, "another split, with k_core=0,"),
        "k_core": (kept, "another split"),
        "kinds": (kept, "another split"),
        "positives": (kept, "another split"),
        "dedup": (kept, "another split"),
        "hidden": (config.model != "sa" and config.hidden != config.dim, "model=sa"),
        "interests": (single and config.interests != 1, "model=mind, dr or sa"),
        "adapt": (single, "model=mind, dr or sa"),
        "rr_weight": (single, "model=mind, dr or sa"),
        "scale": (config.similarity != "dot", "similarity=dot"),
        "temperature": (config.similarity != "cosine", "similarity=cosine"),
        "negatives_per_positive": (config.negatives in ("in_batch", "all"), "other negatives"),
        "popular_alpha": (config.negatives != "popular", "negatives=popular"),
        "margin": (config.loss != "margin", "loss=margin"),
        "remi_beta": (config.loss != "interest_aware", "loss=interest_aware"),
        "neighbours": (config.model != "item_knn", "model=item_knn"),
        "shrink": (config.model != "item_knn", "model=item_knn"),
        "l2": (config.model != "ease", "model=ease"),
    }
    passed = passed_over(config)
    return {k: needs for k, (unread, needs) in rules.items() if unread and k not in passed}


def passed_over(config: Choices) -> frozenset[str]:
    """Settings that only training reads, under a closed form; else none."""
    return beyond(config, CLOSED)
