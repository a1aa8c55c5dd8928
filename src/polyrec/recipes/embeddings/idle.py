"""Which settings of the embeddings recipe change nothing under the others, and what reads them."""

from __future__ import annotations

from collections.abc import Mapping

from polyrec.recipes.closed import beyond
from polyrec.recipes.embeddings.build import CLOSED, WALKED
from polyrec.recipes.embeddings.config import Config

Rules = Mapping[str, tuple[bool, str]]  # setting -> whether it is unread, and what would read it


def idle(config: Config) -> Mapping[str, str]:
    """Setting -> what would have to hold for it to be read.

    What only learning reads passes under a closed form (`polyrec.recipes.closed`).
    """
    rules = {**_log(config), **(_learning(config) if config.model not in CLOSED else {})}
    return {key: needs for key, (unread, needs) in rules.items() if unread}


def passed_over(config: Config) -> frozenset[str]:
    """Settings that only learning reads, under a closed form; else none."""
    return beyond(config, CLOSED)


def _log(config: Config) -> Rules:
    kept = config.split == "kept"
    return {
        "cut": (config.split != "by-user" and not config.hide, "split=by-user, or hide,"),
        "fit": (config.split != "given" or config.hide > 0, "split=given with hide=0"),
        "split": (config.hide > 0, "hide=0"),
        "hide_seed": (not config.hide, "hide"),
        "cold_columns": (
            config.cold in ("none", "explore") or config.model in CLOSED,
            "cold=STRATEGY",
        ),
        "explore": (config.cold != "explore", "cold=explore"),
        "explore_below": (config.cold != "explore", "cold=explore"),
        "min_users": (kept or config.k_core > 0, "another split, with k_core=0,"),
        "min_items": (kept or config.k_core > 0, "another split, with k_core=0,"),
        "k_core": (kept, "another split"),
        "kinds": (kept, "another split"),
        "positives": (kept, "another split"),
        "dedup": (kept, "another split"),
        "ties": (
            config.split != "leave-one-out" or config.hide > 0,
            "split=leave-one-out with hide=0",
        ),
        "neighbours": (config.model != "item_knn", "model=item_knn"),
        "shrink": (config.model != "item_knn", "model=item_knn"),
    }


def _learning(config: Config) -> Rules:
    words, eges = config.model == "word2vec", config.model == "eges"
    graphs = config.model in ("deepwalk", "node2vec", "line2")
    windowless = config.model == "line2" or (words and config.reading in ("set", "pair"))
    sessions = (graphs and config.graph == "session") or eges
    drawn = config.output == "negatives"
    return {
        "rows": (not words, "model=word2vec"),
        "reading": (not words, "model=word2vec"),
        "window": (windowless, "reading=shrinking or full, or a model of walks,"),
        "architecture": (windowless or eges, "reading=shrinking or full, or walks without sides,"),
        "graph": (not graphs, "model=deepwalk, node2vec or line2"),
        "gap": (
            not sessions and not (words and config.rows == "session"),
            "rows=session, or graph=session with a model of graphs,",
        ),
        "max_set": (not graphs or config.graph != "together", "graph=together"),
        "walks": (config.model not in WALKED, "a model of walks"),
        "walk_length": (config.model not in WALKED, "a model of walks"),
        "weights": (config.model not in ("deepwalk", "node2vec", "eges"), "a model of walks"),
        "p": (config.model != "node2vec", "model=node2vec"),
        "q": (config.model != "node2vec", "model=node2vec"),
        "edge_samples": (config.model != "line2", "model=line2"),
        "negatives": (not drawn, "output=negatives"),
        "exponent": (not drawn, "output=negatives"),
        "shards": (eges, "a model other than eges, which reads in order,"),
        "updates": (eges or config.shards == 1, "shards above 1, of a model other than eges,"),
        "sides": (not eges, "model=eges"),
        "fusion": (not eges or config.sides == "none", "model=eges with sides"),
        "without_own": (not eges or config.sides == "none", "model=eges with sides"),
    }
