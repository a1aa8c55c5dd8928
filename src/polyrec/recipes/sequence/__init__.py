"""Sequence retrieval: the next item from the last ones, and which trick earns its place.

SASRec (Kang and McAuley 2018) and its successors on one stream, with every loss, sampler and
similarity of the house. One page of choices; what they mean stands in docs/sequence.md, what the
papers say in `tables`, and which settings are held against each other in `factors`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from torch import nn

from polyrec.balance import Equal
from polyrec.data import Facts, Sequences, Split
from polyrec.recipes import parts
from polyrec.recipes.plan import Plan
from polyrec.recipes.sequence import build, sides
from polyrec.recipes.sequence.against import against, loss
from polyrec.recipes.sequence.config import Config
from polyrec.recipes.sequence.factors import ANCHORS, FACTORS, LR_GRID
from polyrec.recipes.sequence.idle import idle, passed_over
from polyrec.recipes.sequence.tables import CURVES, EXPECTED
from polyrec.train import (
    PICKS,
    Adam,
    Constant,
    Epochs,
    LazyAdam,
    Patience,
    Rank,
    Scalable,
    Solve,
    Stage,
    Task,
    WarmUp,
)
from polyrec.train.objective.codes import WithCodes
from polyrec.types import Objective, Recommender, Sampler

LONG = {"epochs": 200, "patience": 50}
PUBLISHED = {"similarity": "dot", "negatives": "uniform", "draw_from": "all"}
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    # Short and sparse logs: width, dropout and temperature chosen on Beauty's validation part.
    "small": {"dim": 128, "blocks": 1, "dropout": 0.3, "temperature": 0.1},
    "popular": {"model": "popular"},
    "item_knn": {"model": "item_knn"},
    "ease": {"model": "ease"},
    # The loss alone makes the difference between these.
    "sasrec_original": {
        **PUBLISHED, "norm": "original", "loss": "bce", "count": 1, "share": "row",
        "reject_seen": True,
    },
    "sasrec_bce": {**PUBLISHED, "loss": "bce", "count": 1, "share": "row"},
    "sasrec_ce": {"similarity": "dot", "negatives": "all"},
    # On ML-1M as published with length=200; fewer items than 3,000 ask for a smaller count.
    "sasrec_ss3000": {**PUBLISHED, "count": 3_000, "share": "sequence", "reject_seen": True},
    "gsasrec": {**PUBLISHED, "loss": "gbce", "count": 256, "share": "sequence"},
    # As eSASRec's README has it for the small Amazon logs, with plain and with gated blocks; its
    # configs say dim=256, and 64 reaches the rows.
    "sasrec_small": {**PUBLISHED, "blocks": 1, "count": 256, "share": "row", **LONG},
    "esasrec": {**PUBLISHED, "model": "ligr", "blocks": 1, "count": 256, "share": "row", **LONG},
    # Readers of other papers under the recipe's own loss: what differs stands in `tables`.
    "hstu": {"model": "hstu"},
    "gru4rec": {"model": "gru", "blocks": 1},
    # A public advertising competition's baseline: features through one layer, BCE, 1 negative.
    "baseline": {
        "norm": "original", "dim": 32, "blocks": 1, "length": 101, "similarity": "dot",
        "loss": "bce", "negatives": "uniform", "draw_from": "all", "count": 1, "share": "row",
        "reject_seen": True, "features": "all", "user_features": "all", "combine": "concat",
        "activation": "relu", "bags": "sum",
    },
    "conservative": {**PUBLISHED, "loss": "bce", "count": 1, "share": "row"},
    "features": {"features": "all"},
    "features_only": {"features": "all", "ids": "without"},
    "codes": {"codes": "features"},
    "codes_task": {"codes": "auxiliary"},
    "codes_vae": {"codes": "features", "quantizer": "rq_vae"},
}  # fmt: skip

DEFAULT = "default"
RIVALS = ("popular",)
TRAINING = frozenset({
    "lr", "epochs", "eval_every", "patience", "negatives", "count", "clip", "log_every",
    "memory_mb", "loss", "margin", "gbce_t", "remi_beta", "popular_alpha", "share", "reject_seen",
    "dropout", "reject_known", "draw_from", "in_batch_most", "count_last", "hardest", "hard",
    "random", "phase", "hard_every", "hard_query", "hard_correction",
})  # fmt: skip
LENGTH = "epochs"
__all__ = [
    "ANCHORS", "CURVES", "DEFAULT", "EXPECTED", "FACTORS", "LENGTH", "LR_GRID", "RIVALS",
    "TRAINING", "VARIANTS", "Config", "ceiling", "data", "idle", "model",
    "passed_over", "plan", "serve",
]  # fmt: skip

LISTS = (5, 10, 20, 50)


def data(config: Config) -> Split:
    """The log, filtered and split as the settings say, with the columns that events are read by."""
    split = parts.split(config)
    columns = sides.columns(config, split.train.clock)
    valid, test = (dataclasses.replace(part, columns=columns) for part in (split.valid, split.test))
    return dataclasses.replace(split, valid=valid, test=test)


def model(config: Config, facts: Facts) -> nn.Module:
    """An untrained model of the setting's kind."""
    return build.model(config, facts)


def serve(config: Config, model: nn.Module, facts: Facts) -> Recommender:
    """The object that is measured and served."""
    return parts.recommender(config, model, facts)


def plan(config: Config, split: Split, model: nn.Module) -> Plan:
    """Codes first where there are some, then one stage over whole sequences; or a closed form."""
    judge = parts.Judge(
        config, split, lambda trained: serve(config, trained, split.facts), lengths=LISTS
    )
    if isinstance(model, parts.ClosedForm):
        closed = model
        solve = Solve("solve", lambda _: closed.solve(split.train))
        return Plan((solve,), dataclasses.replace(judge, selected_on="").validate, judge.full)
    columns = sides.columns(config, split.train.clock)
    weight = config.weight or None
    stream = Sequences(split.train, config.batch, config.length, columns, weight)
    held = against(config, split, stream, model)
    stage = Stage(
        name="train",
        tasks=(Task(stream, _objective(config, split, held.sampler)),),
        length=Epochs(config.epochs),
        lr=config.lr,
        judge=Epochs(config.eval_every),
        select=config.select_by,
        optim=LazyAdam() if config.optimiser == "lazy_adam" else Adam(),
        balance=Equal(),
        trains=sides.trained(model),
        clip=config.clip or None,
        stop=Patience(config.select_by, config.patience),
        hooks=held.hooks,
        keeps=held.keeps,
    )
    stages = (*sides.code_stages(config, split, model), stage)
    return Plan(stages, judge.validate, judge.full, stream)


def _objective(config: Config, split: Split, sampler: Sampler) -> Objective:
    """Ranking, and the codes of the next item beside it where they are a task."""
    items, pick = split.facts.items, PICKS["first"]
    rank: Objective
    if config.loss == "scalable":
        rank = Scalable(items, pick=pick, name="next")
    else:
        rank = Rank(loss(config, items), sampler, pick, "next", parts.Later(split.train))
    if config.codes not in sides.AS_TASK:
        return rank
    weight = WarmUp(config.code_warm_up, Constant(config.code_weight))
    return WithCodes(rank, weight, pick=PICKS["first"])


def ceiling(config: Config, split: Split) -> Recommender | None:
    """The oracle of the simulated shop; a real log has none."""
    if config.data:
        return None
    next_only = config.split == "leave-one-out"
    return parts.oracle(config.world, split.facts, "next" if next_only else "rest")
