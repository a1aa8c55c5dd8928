"""Collaborative filtering on the graph of people and items, from neighbours to LightGCN.

Closed forms, filters of the graph's spectrum, and trained vectors with and without propagation,
under one protocol: all items ranked, known ones left out. One page of choices; what they mean
stands in docs/graph_cf.md, and what sources say in `tables`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from polyrec.data import Facts, Split
from polyrec.recipes import parts
from polyrec.recipes.graphs import build, learn, log
from polyrec.recipes.graphs.config import Config
from polyrec.recipes.graphs.idle import idle, passed_over
from polyrec.recipes.graphs.tables import CURVES, EXPECTED
from polyrec.recipes.plan import Plan
from polyrec.train import Solve
from polyrec.types import Recommender

PUBLISHED = {"fit": "all"}
SPECTRAL_START = {
    "model": "ultragcn", "start": "spectral", "dim": 256, "batch": 2_048, "parts": 16,
    "negatives": 1_500, "lr": 0.004, "lr_end": 0.02, "epochs": 5, **PUBLISHED,
}  # fmt: skip
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "popular": {"model": "popular", **PUBLISHED},
    "item_knn": {"model": "item_knn", **PUBLISHED},
    # settings tuned on Gowalla in a replication of graph models (RecSys 2023)
    "rp3beta": {"model": "rp3beta", "neighbours": 777, **PUBLISHED},
    "slim": {"model": "slim", **PUBLISHED},
    "ease": {"model": "ease", "l2": 200.0, "memory_mb": 16_000, **PUBLISHED},
    "ials": {"model": "ials", "dim": 256, **PUBLISHED},
    # chosen on a validation part of Gowalla: width, and how little a thing not chosen weighs
    "ials_wide": {
        "model": "ials", "dim": 2_048, "alpha0": 0.03, "reg": 0.002, "sweeps": 4, **PUBLISHED,
    },
    "gf_cf": {"model": "gf_cf", **PUBLISHED},
    "gf_cf_randomised": {"model": "gf_cf", "svd": "randomised", **PUBLISHED},
    "turbo_cf": {"model": "turbo_cf", **PUBLISHED},
    "bspm": {"model": "bspm", "rank": 448, "low_pass": 0.2, **PUBLISHED},
    "bspm_late": {"model": "bspm", "rank": 448, "low_pass": 0.2, "merge": "late", **PUBLISHED},
    "mf": {"model": "mf", **PUBLISHED},
    "mf_ccl": {
        "model": "mf", "loss": "ccl", "batch": 1_024, "negatives": 1_000, "epochs": 60,
        **PUBLISHED,
    },
    "mf_softmax": {
        "model": "mf", "loss": "softmax", "negatives": 1_024, "epochs": 40, **PUBLISHED,
    },
    "lightgcn": {"model": "lightgcn", "examples": "people", **PUBLISHED},
    # chosen on Gowalla's validation part: half an hour of one processor there
    "lightgcn_softmax": {
        "model": "lightgcn", "loss": "softmax", "layers": 2, "dim": 192, "batch": 8_192,
        "negatives": 2_048, "lr": 0.006, "epochs": 16, **PUBLISHED,
    },
    "ultragcn": {
        "model": "ultragcn", "lr": 1e-4, "batch": 512, "negatives": 1_500, "parts": 16,
        "epochs": 100, **PUBLISHED,
    },
    # the same loss in minutes: it starts from the graph's spectrum; a larger batch and rate
    "ultragcn_fast": SPECTRAL_START,
    "ultragcn_committee": {**SPECTRAL_START, "members": 3},
    "simplex": {
        "model": "simplex", "batch": 1_024, "negatives": 1_000, "epochs": 60,
        "optimiser": "lazy_adam", **PUBLISHED,
    },
    # items by the company they keep, from their columns where there are any
    "pinsage": {
        "model": "pinsage", "neighbours": 50, "layers": 2, "negatives": 500, "margin": 0.1,
        "examples": "edges", "batch": 512, "epochs": 10, **PUBLISHED,
    },
    "sgl": {"model": "sgl", "epochs": 50, **PUBLISHED},
    # weights and widths of noise read for Yelp; Gowalla's are nobody's yet
    "simgcl": {"model": "simgcl", "contrast": 0.2, "epochs": 20, **PUBLISHED},
    "xsimgcl": {
        "model": "xsimgcl", "contrast": 0.2, "contrast_tau": 0.15, "noise": 0.2, "epochs": 20,
        **PUBLISHED,
    },
}  # fmt: skip

DEFAULT = "default"
RIVALS = ("popular",)
TRAINING = frozenset({
    "lr", "lr_end", "epochs", "eval_every", "patience", "decay", "log_every", "memory_mb",
    "contrast", "contrast_tau", "negative_weight", "item_weight", "margin", "temperature",
})  # fmt: skip
LENGTH = "epochs"
__all__ = [
    "CURVES", "DEFAULT", "EXPECTED", "LENGTH", "RIVALS", "TRAINING", "VARIANTS", "Config",
    "ceiling", "data", "idle", "model", "passed_over", "plan", "serve",
]  # fmt: skip

LISTS = (10, 20, 50)


def data(config: Config) -> Split:
    """The log as edges, split as the settings say; facts hold the graph of what is learnt from."""
    return log.split(config)


def model(config: Config, facts: Facts) -> nn.Module:
    """An untrained model of the setting's kind."""
    return build.model(config, facts)


def serve(config: Config, model: nn.Module, facts: Facts) -> Recommender:
    """The object that is measured and served."""
    return parts.recommender(config, model, facts)


def plan(config: Config, split: Split, model: nn.Module) -> Plan:
    """One closed form, or one stage over edges."""
    closed = model if isinstance(model, parts.ClosedForm) else None
    judge = parts.Judge(
        config,
        split,
        lambda trained: serve(config, trained, split.facts),
        "valid" if closed is None and config.fit == "train" else "",
        LISTS,
    )
    if closed is not None:
        solve = Solve("solve", lambda _: closed.solve(split.train))
        return Plan((solve,), judge.validate, judge.full)
    edges = learn.stream(config, split)
    stage = learn.stage(config, split, model, edges)
    return Plan((stage,), judge.validate, judge.full, edges)


def ceiling(config: Config, split: Split) -> Recommender | None:
    """The oracle of the simulated shop; a real log has none."""
    return None if config.data else parts.oracle(config.world, split.facts)
