"""From settings to parts: the model, its loss, and what it is held against."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from polyrec import losses, models
from polyrec.data import Facts, Sequences, Split
from polyrec.models import Reading
from polyrec.models.transformer import SequenceRetriever
from polyrec.negatives import All, InBatch, LogUniform, Mixed, Popular, Uniform
from polyrec.nn.similarity import (
    SIMILARITIES,
    Cosine,
    Dot,
    GatedMultiHead,
    ItemGatedMultiHead,
    MaxMultiHead,
    MultiHead,
)
from polyrec.recipes.sequence.config import Config
from polyrec.types import RankingLoss, Sampler

EXACT = ("multi_head_max", "item_gated", "mlp")  # scores without an inner-product form
HEADED: dict[str, Callable[[int, int], nn.Module]] = {
    "multi_head": MultiHead,
    "gated": GatedMultiHead,
    "multi_head_max": MaxMultiHead,
    "item_gated": ItemGatedMultiHead,
}
READERS: dict[str, type[SequenceRetriever]] = {
    "sasrec": models.SASRec,
    "ligr": models.LiGR,
    "hstu": models.HSTU,
    "gru": models.GRUSequence,
}


def model(config: Config, facts: Facts) -> nn.Module:
    """An untrained model of the setting's kind."""
    items = facts.items
    if config.model == "popular":
        return models.MostPopular(items)
    if config.model == "item_knn":
        return models.ItemKNN(items, config.neighbours, config.shrink, config.memory_mb)
    if config.model == "ease":
        return models.EASE(items, config.l2, config.memory_mb)
    reading = Reading(
        config.length, config.blocks, config.heads, config.dropout, config.norm, config.places
    )
    return READERS[config.model](items, config.dim, reading, config.init, similarity(config))


def similarity(config: Config) -> nn.Module:
    """The score that training and the index share.

    Raises:
        ValueError: it has no vectors, so interests have no lists to spread.
    """
    if config.similarity in EXACT and config.diversity:
        raise ValueError(
            f"diversity={config.diversity}: similarity={config.similarity} is scored exactly, "
            "without lists to choose from; use dot, cosine or gated, or diversity=0"
        )
    match config.similarity:
        case "dot":
            return Dot(config.scale)
        case "cosine":
            return Cosine(config.temperature, config.tau)
        case "multi_head" | "gated" | "multi_head_max" | "item_gated":
            return HEADED[config.similarity](config.dim, config.score_heads)
        case _:
            return SIMILARITIES[config.similarity](config.dim)


def loss(config: Config, items: int) -> RankingLoss:
    """The loss, with its own settings."""
    if config.loss == "margin":
        return partial(losses.margin, width=config.margin)
    if config.loss == "gbce":
        return partial(losses.gbce, beta=losses.gbce_beta(items, config.count, config.gbce_t))
    return losses.LOSSES[config.loss]


def sampler(config: Config, split: Split, stream: Sequences) -> Sampler:
    """What the positives are held against."""
    items, counts, count = split.facts.items, split.facts.counts, config.count
    uniform = Uniform(items, count, share=config.share, mask_history=config.reject_seen)
    match config.negatives:
        case "uniform":
            return uniform
        case "log_uniform":
            return LogUniform(items, counts, count, share=config.share)
        case "popular":
            return Popular(items, counts, count, config.popular_alpha, config.share)
        case "all":
            return All(items, config.memory_mb)
        case "in_batch":
            return InBatch(stream.target_probability(items), config.reject_seen)
        case _:
            return Mixed((uniform, InBatch(stream.target_probability(items), config.reject_seen)))
