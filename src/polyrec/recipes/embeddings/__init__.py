"""Item vectors from who stands beside whom: item2vec, walks on graphs, EGES.

Sets or ordered windows of a log, walks on its graph of sessions or of people and items, side
information or none, all on one protocol: the mean of a history asks, the nearest items answer. One
page of choices; what they mean stands in docs/embeddings.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from polyrec.data import Facts, Split
from polyrec.graph import Graph
from polyrec.models.embedding import ItemVectors
from polyrec.recipes import parts
from polyrec.recipes.embeddings import build
from polyrec.recipes.embeddings.config import Config
from polyrec.recipes.embeddings.factors import ANCHORS, FACTORS
from polyrec.recipes.embeddings.idle import idle, passed_over
from polyrec.recipes.embeddings.log import given, hidden
from polyrec.recipes.embeddings.tables import CURVES, EXPECTED
from polyrec.recipes.plan import Plan
from polyrec.recommend import Explore, Exploring, Shown
from polyrec.train import Solve
from polyrec.types import Progress, Recommender

WALKS = {"window": 10, "subsample": 0.0, "epochs": 1, "lr": 0.025}
ORDERED = {"reading": "shrinking", "subsample": 0.0, "lr": 0.025}
DEEPWALK = {"model": "deepwalk", **WALKS, "walks": 80, "walk_length": 40}
NODE2VEC = {"model": "node2vec", **WALKS, "walks": 10, "walk_length": 80}
# of the paper's 1,000 walks of 100 nodes a hundredth, for logs of 10^5 events
METAPATH = {"model": "metapath2vec", **WALKS, "window": 7, "walks": 10, "walk_length": 100}
SIDES = {"model": "eges", **WALKS, "window": 5, "walks": 10, "walk_length": 10}
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "popular": {"model": "popular"},
    "item_knn": {"model": "item_knn"},
    "item2vec": {},
    "item2vec_add": {"form": "add"},
    "item2vec_concat": {"form": "concat"},
    # a benchmark's on LightGCN's splits; what its README leaves open is word2vec's or ours
    "item2vec_bars": {
        **ORDERED, "reading": "full", "window": 20, "negatives": 50, "epochs": 200, "dim": 64,
        "length": 0, "split": "given", "fit": "all",
    },
    "item2vec_sessions": {"rows": "session"},
    # The same log read in order: is it the set or the sequence that helps?
    "word2vec": ORDERED,
    "word2vec_sessions": {**ORDERED, "rows": "session"},
    "word2vec_cbow": {**ORDERED, "architecture": "cbow_mean"},
    "deepwalk": {**DEEPWALK, "output": "tree"},  # as published
    "deepwalk_negatives": DEEPWALK,
    "deepwalk_bipartite": {**DEEPWALK, "graph": "bipartite", "walks": 10},
    "node2vec": NODE2VEC,
    "node2vec_near": {**NODE2VEC, "q": 2.0},
    "node2vec_far": {**NODE2VEC, "q": 0.5},
    "node2vec_bipartite": {**NODE2VEC, "graph": "bipartite"},
    "metapath2vec": METAPATH,
    "line2": {"model": "line2", **WALKS},
    "bge": {**SIDES, "sides": "none"},
    "ges": {**SIDES, "fusion": "mean"},
    "eges": SIDES,
    "eges_without_own": {**SIDES, "without_own": 0.3},
}  # fmt: skip
DEFAULT = "item2vec"
RIVALS = ("popular",)
TRAINING = frozenset({"epochs", "lr", "log_every", "memory_mb"})
LENGTH = "epochs"
LISTS = (5, 10, 20, 50)
__all__ = [
    "ANCHORS", "CURVES", "DEFAULT", "EXPECTED", "FACTORS", "LENGTH", "RIVALS", "TRAINING",
    "VARIANTS", "Config", "ceiling", "data", "graph_of", "idle", "model",
    "passed_over", "plan", "serve",
]  # fmt: skip


def data(config: Config) -> Split:
    """The log, filtered and split as the settings say; or with some of its items hidden."""
    if config.hide:
        return hidden(config)
    return given(config) if config.split == "given" else parts.split(config)


def model(config: Config, facts: Facts) -> nn.Module:
    """An unsolved model of the setting's kind."""
    return build.model(config, facts)


def serve(config: Config, model: nn.Module, facts: Facts) -> Recommender:
    """The object that is measured and served."""
    found = parts.recommender(config, model, facts)
    if config.cold != "explore":
        return found
    # a log of choices holds no showings: its events stand for them, and nothing is known as liked
    shown = Shown(facts.counts, torch.zeros_like(facts.counts))
    return Exploring(found, Explore(config.explore, config.explore_below), shown, config.seed)


def plan(config: Config, split: Split, model: nn.Module) -> Plan:
    """One stage that solves: there is nothing to select on the way."""
    judge = parts.Judge(
        config, split, lambda solved: serve(config, solved, split.facts), "", lengths=LISTS,
        lists="by length" if config.cold == "explore" else "nested",
    )  # fmt: skip

    def solve(progress: Progress) -> None:
        if isinstance(model, ItemVectors):
            build.solve(config, model, split.train, progress)
            build.place(config, model, split.facts)
        elif isinstance(model, parts.ClosedForm):
            model.solve(split.train)

    return Plan((Solve("solve", solve),), judge.validate, judge.full)


def graph_of(config: Config, split: Split) -> Graph | None:
    """What a variant walks on, for audits; None where it reads the log itself."""
    if config.model in (*build.CLOSED, "word2vec"):
        return None
    return build.graph(config, split.train, split.facts.items)


def ceiling(config: Config, split: Split) -> Recommender | None:
    """The oracle of the simulated shop; a real log has none."""
    if config.data:
        return None
    next_only = config.split == "leave-one-out"
    return parts.oracle(config.world, split.facts, "next" if next_only else "rest")
