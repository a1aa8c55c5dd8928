"""Which settings of the nodes recipe change nothing under the others, and what reads them."""

from __future__ import annotations

from collections.abc import Mapping

from polyrec.models.graphs.hetero import HETERO_MODELS
from polyrec.recipes.closed import beyond
from polyrec.recipes.nodes.config import Config

HEADED = ("gat", "gatv2", *HETERO_MODELS)
ONE_LAYER = ("han", "sehgnn")  # depth is that of their metapaths


def idle(config: Config) -> Mapping[str, str]:
    """Setting -> what would have to hold for it to be read."""
    walks, drawn = config.learn == "walks", bool(config.fanouts)
    rules = {
        "world": (bool(config.data), "no data"),
        "heads": (config.model not in HEADED, "an attention model"),
        "terms": (config.model != "chebnet", "model=chebnet"),
        "batch": (not (walks or drawn), "fanouts or learn=walks"),
        "walk": (not walks, "learn=walks"),
        "negatives": (not walks, "learn=walks"),
        "hold": (not walks, "learn=walks"),
        "operators": (not walks or not config.hold, "learn=walks with hold"),
        "patience": (walks, "learn=classes"),
        "select_by": (walks, "learn=classes"),
        "depth": (config.model in ONE_LAYER, "a model of several layers"),
    }
    passed = passed_over(config)
    return {key: needs for key, (unread, needs) in rules.items() if unread and key not in passed}


def passed_over(config: Config) -> frozenset[str]:
    """Settings that only training reads, where the commonest class answers; else none."""
    return beyond(config, ("majority",))
