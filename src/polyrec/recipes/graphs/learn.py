"""How a graph model is trained: on single edges, against items that the person did not choose."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from torch import nn

from polyrec import losses
from polyrec.balance import Equal
from polyrec.data import AllCuts, RandomCut, Split, known_targets
from polyrec.graph import Graph
from polyrec.models.graphs.collaborative import SGL
from polyrec.models.graphs.harder import RANKS, HarderEachEpoch, hard_window
from polyrec.negatives import MaskKnown, Uniform, Unseen
from polyrec.recipes import parts
from polyrec.recipes.graphs import build
from polyrec.recipes.graphs.config import Config
from polyrec.train import (
    PICKS,
    Adam,
    DegreeWeighted,
    Hook,
    LazyAdam,
    Linear,
    OfMember,
    Optim,
    Patience,
    Rank,
    Stage,
    Steps,
    Task,
    Weights,
    WithContrast,
    WithDecay,
)
from polyrec.types import Objective, RankingLoss, Sampler, Schedule

CONTRASTED = ("sgl", "simgcl", "xsimgcl")
LATEST = 50  # items of a history that PinSAGE's mean is taken over in training
SMALL = 20_000  # catalogues that lack most of the published ranks
SHARED = ("bce", "ccl", "softmax")  # losses whose batch meets one set of many negatives


def stream(config: Config, split: Split) -> parts.Cuts:
    """Edges, or people and one of their edges; of histories only PinSAGE needs anything."""
    make = AllCuts if config.examples == "edges" else RandomCut
    if config.model == "pinsage":  # a query is made of what is known before
        known = 1 if config.ask == "last" else LATEST
        return make(split.train, config.batch, history=known, minimum=1)
    return make(split.train, config.batch, history=1, minimum=0)


def stage(config: Config, split: Split, model: nn.Module, edges: parts.Cuts) -> Stage:
    """One stage over edges: chosen on validation, or for fixed epochs where it is learnt too.

    An epoch has as many steps as edges need, whoever is drawn; PinSAGE's curriculum alone goes by
    passes of its own stream.
    """
    epoch = -(-len(split.train) // config.batch)
    chosen: Mapping[str, Any] = {}
    if config.fit == "train":
        chosen = {
            "judge": Steps(epoch * config.eval_every),
            "select": config.select_by,
            "stop": Patience(config.select_by, config.patience),
        }
    by_people = config.examples == "people" and config.model != "pinsage"
    hooks = [Hook(Steps(epoch), model.redraw, "edges")] if isinstance(model, SGL) else []
    return Stage(
        name="train",
        tasks=_tasks(config, split, edges),
        length=Steps(epoch * config.epochs),
        lr=_rate(config, epoch * config.epochs),
        optim=_optim(config),
        balance=Equal(),
        hooks=hooks,
        epoch_steps=epoch if by_people else None,
        **chosen,
    )


def _tasks(config: Config, split: Split, edges: parts.Cuts) -> tuple[Task, ...]:
    """One task, or one for each member of a committee, over batches of its own."""
    whole = objective(config, split)
    if config.members == 1 or not isinstance(whole, DegreeWeighted):
        return (Task(edges, whole),)
    each = range(config.members)
    return tuple(Task(edges, OfMember(whole, k, f"{whole.name} {k + 1}")) for k in each)


def _rate(config: Config, steps: int) -> Schedule[float] | float:
    """One rate, or one that falls evenly to its last."""
    if config.lr_end >= 1:
        return config.lr
    return Linear(config.lr, config.lr * config.lr_end, steps, "step")


def _optim(config: Config) -> Optim:
    """Adam as the authors have it: where their loss is a sum over the batch, ours is its mean.

    Adam takes no notice of a loss's scale but in its eps and in what is added to the gradient, so
    UltraGCN's eps and L2 are divided by the batch; with 1e-8 it hardly moves from its tiny start.
    """
    if config.model != "ultragcn":
        return LazyAdam() if config.optimiser == "lazy_adam" else Adam()
    eps = 1e-8 / config.batch
    if config.optimiser == "lazy_adam":
        return LazyAdam(eps=eps)
    return Adam(eps=eps, table_decay=config.decay / config.batch)


def objective(config: Config, split: Split) -> Objective:
    """The model's own loss, and what stands beside it."""
    rank = Rank(_loss(config), _sampler(config, split), PICKS["first"], "edge")
    if build.loss(config) in ("ccl", "softmax", "margin"):  # of a cosine lengths say nothing
        plain: Objective = rank
        contrasted = config.model in CONTRASTED
        return WithContrast(plain, config.contrast, config.contrast_tau) if contrasted else plain
    if config.model == "ultragcn":
        weights = Weights(negatives=config.negative_weight, items=config.item_weight)
        lengths = known_targets(split.train).lengths
        return DegreeWeighted(rank, lengths, split.facts.counts, weights)
    decayed = WithDecay(rank, config.decay)
    if config.model in CONTRASTED:
        return WithContrast(decayed, config.contrast, config.contrast_tau)
    return decayed


def _loss(config: Config) -> RankingLoss:
    own = build.loss(config)
    if own == "ccl":
        return partial(losses.ccl, margin=config.margin, weight=config.negative_weight)
    if own == "margin":
        return partial(losses.margin, width=config.margin)
    return {"bce": losses.bce, "softmax": losses.sampled_softmax}.get(own, losses.bpr)


def _sampler(config: Config, split: Split) -> Sampler:
    items, known = split.facts.items, known_targets(split.train)
    if config.model == "pinsage":
        return _curriculum(config, cast(Graph, split.facts.graph), items)
    if build.loss(config) in SHARED:  # one product for the batch; what a row knows is masked
        return MaskKnown(Uniform(items, config.negatives, parts=config.parts), known)
    return Unseen(items, known, config.negatives)


def _curriculum(config: Config, held: Graph, items: int) -> Sampler:
    """Shared negatives, and in epoch e, e - 1 hard ones a row: from ranks of its PageRank.

    Raises:
        ValueError: ranks that are no pair of numbers, or that the catalogue has not.
    """
    if config.hard == "none":
        return Uniform(items, config.negatives, share="batch")
    ranks = RANKS if items >= SMALL else (max(items // 20, 1), max(items // 8, 1))
    if config.hard != "auto":
        first, dash, last = config.hard.partition("-")
        if not (dash and first.isdigit() and last.isdigit()):
            raise ValueError(f"hard={config.hard!r}: auto, none, or two ranks such as 2000-5000")
        ranks = int(first), int(last)
    window = hard_window(held.only, ranks, seed=config.seed)
    return HarderEachEpoch(items, window, shared=config.negatives)
