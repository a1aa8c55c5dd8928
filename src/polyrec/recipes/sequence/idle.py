"""Which settings of the sequence recipe change nothing under the others, and what reads them."""

from __future__ import annotations

from collections.abc import Mapping

from polyrec.recipes.sequence.build import HEADED
from polyrec.recipes.sequence.config import Config

CLOSED = ("popular", "item_knn", "ease")


def idle(config: Config) -> Mapping[str, str]:
    """Setting -> what would have to hold for it to be read."""
    trained, kept = config.model not in CLOSED, config.split == "kept"
    drawn = config.negatives not in ("in_batch", "all")
    rules = {
        "cut": (config.split != "by-user", "split=by-user"),
        "min_users": (kept or config.k_core > 0, "another split, with k_core=0,"),
        "min_items": (kept or config.k_core > 0, "another split, with k_core=0,"),
        "k_core": (kept, "another split"),
        "kinds": (kept, "another split"),
        "positives": (kept, "another split"),
        "dedup": (kept, "another split"),
        "ties": (config.split != "leave-one-out", "split=leave-one-out"),
        "heads": (config.model == "gru" and config.heads != 1, "an attention model"),
        "norm": (trained and config.model != "sasrec", "model=sasrec"),
        "scale": (config.similarity != "dot", "similarity=dot"),
        "temperature": (config.similarity != "cosine", "similarity=cosine"),
        "tau": (config.similarity != "cosine", "similarity=cosine"),
        "score_heads": (config.similarity not in HEADED, "a similarity of several heads"),
        "count": (not drawn, "other negatives"),
        "share": (not drawn, "other negatives"),
        "reject_seen": (config.negatives == "all", "other negatives"),
        "popular_alpha": (config.negatives != "popular", "negatives=popular"),
        "margin": (config.loss != "margin", "loss=margin"),
        "gbce_t": (config.loss != "gbce", "loss=gbce"),
        "neighbours": (config.model != "item_knn", "model=item_knn"),
        "shrink": (config.model != "item_knn", "model=item_knn"),
        "l2": (config.model != "ease", "model=ease"),
    }
    return {key: needs for key, (unread, needs) in rules.items() if unread}
