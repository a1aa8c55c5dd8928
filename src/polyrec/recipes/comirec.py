"""Multi-interest retrieval: K vectors a person, each item scored by the nearest of them.

ComiRec-DR and ComiRec-SA (Cen et al., KDD 2020) beside MIND, YouTube DNN, GRU4Rec, REMI and the
baselines that every number is held against. One page of choices; what they mean stands in
docs/comirec.md, and what the papers say in `comirec_tables`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from torch import nn

from polyrec import losses, models
from polyrec.balance import Equal
from polyrec.data import Facts, Split
from polyrec.negatives import All, InBatch, LogUniform, Popular, Uniform
from polyrec.nn import Interests
from polyrec.recipes import parts
from polyrec.recipes.comirec_ablation import ANCHORS, FACTORS
from polyrec.recipes.comirec_idle import idle, passed_over
from polyrec.recipes.comirec_tables import CURVES, EXPECTED
from polyrec.recipes.config import setting
from polyrec.recipes.plan import Plan
from polyrec.train import PICKS, Adam, LazyAdam, Patience, Rank, Solve, Stage, Steps, Task
from polyrec.types import RankingLoss, Recommender, Sampler

Model = Literal["popular", "item_knn", "ease", "youtube_dnn", "gru4rec", "mind", "dr", "sa"]


@dataclass(frozen=True)
class Config:
    """Settings of one run. `books` and `tf1_parity` hold upstream's own; these fit any log."""

    data: str = setting("", "path or catalogue name; empty: the simulated shop")
    world: Literal[
        "retail", "retail_null", "retail_demo", "retail_demo_null", "retail_readout", "retail_tiny"
    ] = setting("retail_demo", "simulated shop when there is no data; null: one interest a person")
    kinds: str = setting("", "events that count, comma-separated; empty: all kinds there are")
    positives: str = setting("", "a rule such as rating>=4; empty: all events, as published")
    dedup: Literal["all", "first", "last", "consecutive", "exact"] = setting(
        "all", "repeats are kept, as published"
    )
    k_core: int = setting(
        0, "both sides at least this, iterated, in place of the one pass; 0: off", least=0
    )
    split: Literal["by-user", "leave-one-out", "time", "given", "kept"] = setting(
        "by-user", "test people are never trained on (Cen et al., 4.1); kept: of an imported folder"
    )
    cut: float = setting(
        0.8, "by-user: first 80% of a person's events asks, the rest answers", above=0, below=1
    )
    min_users: int = setting(
        5, "people with fewer events are dropped, one pass, as published", least=0
    )
    min_items: int = setting(
        5, "items with fewer events are dropped, one pass, as published", least=0
    )
    seed: int = setting(
        1,
        "of model, draws and order; the split has its own, 1230 as published",
        least=0,
        below=2**62,
    )
    model: Model = setting("dr", "which interests")
    dim: int = setting(64, "paper and the authors' code", least=1, below=65_536)
    hidden: int = setting(
        64,
        "paper and the authors' code; sa: its attention has 4 x hidden units",
        least=1,
        below=65_536,
    )
    interests: int = setting(4, "paper; it sweeps 2, 4, 6, 8", least=1, below=65_536)
    length: int = setting(
        20, "last events read; the authors' 20 for Books, 50 for Taobao", least=1, below=65_536
    )
    init: Literal["small", "tf1"] = setting(
        "small", "better at equal steps than the authors' TensorFlow 1 defaults (docs/comirec.md)"
    )
    adapt: Literal["fixed", "log2"] = setting(
        "fixed", "log2: that of the history's length many interests (MIND's paper); off upstream"
    )
    similarity: Literal["dot", "cosine"] = setting("dot", "paper")
    temperature: float = setting(
        0.05, "cosine only: a bounded score cannot fit a large softmax", least=0.005
    )
    scale: Literal["one", "learned"] = setting("one", "learned: DR's |v| < 1 no longer caps logits")
    examples: Literal["random_cut", "all_cuts"] = setting(
        "random_cut", "people uniformly, one cut each, as the authors' code"
    )
    min_history: int = setting(
        4, "a target has at least this many events before it (the code's 4)", least=1
    )
    batch: int = setting(128, "upstream, Books; it also sets the number of negatives", least=1)
    negatives: Literal["log_uniform", "log_uniform_tf", "uniform", "popular", "in_batch", "all"] = (
        setting("log_uniform", "the authors' sampler, without its class 0 (padding)")
    )
    negatives_per_positive: int = setting(10, "upstream: 10 x batch, shared by the batch", least=1)
    popular_alpha: float = setting(
        0.75, "popular: counts to this power (Mikolov et al. 2013)", least=0
    )
    loss: Literal[
        "sampled_softmax", "sampled_softmax_uncorrected", "interest_aware", "bce", "bpr", "margin"
    ] = setting("sampled_softmax", "paper, eq. 9, with log Q correction; interest_aware: REMI")
    margin: float = setting(0.5, "margin only: width of the gap", above=0)
    remi_beta: float = setting(10.0, "REMI: sharpness of the hard-negative weights, Books", least=0)
    rr_weight: float = setting(
        0.0, "REMI: routing penalty, mean over the batch; Books 12,800", least=0
    )
    pick: Literal["nearest", "faulty_to_padding"] = setting(
        "nearest", "the interest nearest to the target learns; the other repeats a published fault"
    )
    lr: float = setting(0.005, "authors' README for DR; every other variant sets .001", above=0)
    optimiser: Literal["lazy_adam", "adam"] = setting(
        "lazy_adam", "moves only touched rows; adam is upstream's mathematics, many times slower"
    )
    clip: float = setting(0.0, "largest gradient norm; 0: none, as published", least=0)
    max_steps: int = setting(1_000_000, "upstream (--max_iter 1000, in thousands)", least=1)
    eval_every: int = setting(500, "steps; upstream 1,000 (Books) and 500 (Taobao)", least=1)
    patience: int = setting(
        20,
        "evaluations without a new best; upstream 50 x 1,000 steps, 13 passes over Books",
        least=1,
    )
    select_by: str = setting("recall@50", "upstream; read on validation only")
    k: int = setting(50, "paper reports 20 and 50; one pass gives both", least=1)
    exclude: Literal["none", "history"] = setting("none", "seen items stay, as published")
    diversity: float = setting(
        0.0, "weight of category spread in the served list; 0: top k", least=0
    )
    category: str = setting("category", "column of the items' table that diversity spreads over")
    neighbours: int = setting(100, "item_knn: kept per item", least=1)
    shrink: float = setting(10.0, "item_knn: damps similarities that rest on few people", least=0)
    l2: float = setting(300.0, "ease: Steck 2019 tunes 200 to 1,000", above=0)
    memory_mb: int = setting(
        4_000, "what scoring and closed forms may take; refused beyond", least=1
    )
    log_every: int = setting(100, "steps between lines of metrics.jsonl", least=1)


BOOKS = {"eval_every": 1_000, "patience": 50}
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "popular": {"model": "popular"},
    "item_knn": {"model": "item_knn"},
    "ease": {"model": "ease"},
    "youtube_dnn": {"model": "youtube_dnn", "interests": 1, "lr": 0.001},
    "gru4rec": {"model": "gru4rec", "interests": 1, "lr": 0.001},
    "mind": {"model": "mind", "lr": 0.001},
    "dr": {"model": "dr", "lr": 0.005},
    "sa": {"model": "sa", "lr": 0.001},
    "sa_b1024": {"model": "sa", "lr": 0.001, "batch": 1_024},
    "sa_k1": {"model": "sa", "lr": 0.001, "interests": 1},
    "remi": {
        "model": "sa", "lr": 0.001, "loss": "interest_aware", "negatives": "uniform",
        "rr_weight": 12_800.0,
    },
    "tf1_parity": {
        "model": "dr", "init": "tf1", "negatives": "log_uniform_tf", "optimiser": "adam", **BOOKS,
    },
    "books_dr": {"model": "dr", **BOOKS},
    "books_sa": {"model": "sa", "lr": 0.001, **BOOKS},
    "taobao_dr": {"model": "dr", "length": 50, "batch": 256, "eval_every": 500, "patience": 50},
    "taobao_sa": {
        "model": "sa", "lr": 0.001, "length": 50, "batch": 256, "eval_every": 500, "patience": 50,
    },
    # A published low-recall run of ComiRec-DR, and two of the remedies its author proposed.
    "c_run": {"model": "dr", "lr": 0.001, **BOOKS},
    "c_plan1": {"model": "dr", "lr": 0.005, "eval_every": 1_000, "patience": 100},
    "c_plan4": {
        "model": "dr", "lr": 0.005, "negatives_per_positive": 20,
        "eval_every": 1_000, "patience": 100,
    },
    "dummy_readout": {"model": "dr", "pick": "faulty_to_padding"},
}  # fmt: skip

DEFAULT = "dr"
RIVALS = ("popular",)  # judged beside every run, on the same requests
# What a resumed run may change: all else sets shapes, the split, the question, or which events a
# step uses (batch: used.npy would no longer say what was trained on).
TRAINING = frozenset({
    "lr", "max_steps", "eval_every", "patience", "negatives", "negatives_per_positive", "clip",
    "log_every", "memory_mb", "loss", "margin", "remi_beta", "popular_alpha",
})  # fmt: skip
LENGTH = "max_steps"
__all__ = [
    "ANCHORS", "CURVES", "DEFAULT", "EXPECTED", "FACTORS", "LENGTH", "RIVALS", "TRAINING",
    "VARIANTS", "Config", "ceiling", "data", "idle", "model", "passed_over", "plan",
    "serve",
]  # fmt: skip


def data(config: Config) -> Split:
    """The log, its small counts dropped as published, split as the setting says."""
    return parts.split(config)


def model(config: Config, facts: Facts) -> nn.Module:
    """An untrained model of the setting's kind."""
    if config.model == "popular":
        return models.MostPopular(facts.items)
    if config.model == "item_knn":
        return models.ItemKNN(facts.items, config.neighbours, config.shrink, config.memory_mb)
    if config.model == "ease":
        return models.EASE(facts.items, config.l2, config.memory_mb)
    return _retriever(config, facts.items)


def serve(config: Config, model: nn.Module, facts: Facts) -> Recommender:
    """The object that is measured and served."""
    return parts.recommender(config, model, facts)


def plan(config: Config, split: Split, model: nn.Module) -> Plan:
    """One stage of sampled softmax, or one closed form."""
    judge = parts.Judge(config, split, lambda trained: serve(config, trained, split.facts))
    if isinstance(model, parts.ClosedForm):
        closed = model
        solve = Solve("solve", lambda _: closed.solve(split.train))
        judge = dataclasses.replace(judge, selected_on="")
        return Plan((solve,), judge.validate, judge.full)
    stream = parts.stream(config, split)
    negatives, later = _sampler(config, split, stream), parts.Later(split.train)
    rank = Rank(_loss(config), negatives, PICKS[config.pick], "next", later)
    stage = Stage(
        name="train",
        tasks=(Task(stream, rank),),
        length=Steps(config.max_steps),
        lr=config.lr,
        judge=Steps(config.eval_every),
        select=config.select_by,
        optim=LazyAdam() if config.optimiser == "lazy_adam" else Adam(),
        balance=Equal(),
        clip=config.clip or None,
        stop=Patience(config.select_by, config.patience),
    )
    return Plan((stage,), judge.validate, judge.full, stream)


def ceiling(config: Config, split: Split) -> Recommender | None:
    """The oracle of the simulated shop; a real log has none."""
    return None if config.data else parts.oracle(config.world, split.facts)


def _retriever(config: Config, items: int) -> nn.Module:
    similarity = parts.similarity(config)
    many = Interests(
        count=config.interests,
        length=config.length,
        adapt=config.adapt,
        rr_weight=config.rr_weight,
        hidden=config.hidden if config.model == "sa" else None,
    )
    if config.model == "youtube_dnn":
        return models.YouTubeDNN(items, config.dim, config.length, config.init, similarity)
    if config.model == "gru4rec":
        return models.GRU4Rec(items, config.dim, config.length, config.init, similarity)
    if config.model == "mind":
        return models.MIND(items, config.dim, many, config.init, similarity)
    if config.model == "sa":
        return models.ComiRecSA(items, config.dim, many, config.init, similarity)
    return models.ComiRecDR(items, config.dim, many, config.init, similarity)


def _loss(config: Config) -> RankingLoss:
    if config.loss == "margin":
        return partial(losses.margin, width=config.margin)
    if config.loss == "interest_aware":
        return partial(losses.interest_aware, beta=config.remi_beta)
    return losses.LOSSES[config.loss]


def _sampler(config: Config, split: Split, stream: parts.Cuts) -> Sampler:
    items, counts = split.facts.items, split.facts.counts
    count = config.negatives_per_positive * config.batch
    match config.negatives:
        case "log_uniform":
            return LogUniform(items, counts, count)
        case "log_uniform_tf":
            return LogUniform(items, counts, count, draws="tf")
        case "uniform":
            return Uniform(items, count)
        case "popular":
            return Popular(items, counts, count, config.popular_alpha)
        case "all":
            return All(items, config.memory_mb)
        case "in_batch":
            return InBatch(stream.target_probability(items))
