"""From settings to the model: what it reads, how, and how a query meets an item."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from polyrec import models
from polyrec.data import Facts
from polyrec.models import Reading
from polyrec.models.transformer import SequenceRetriever
from polyrec.nn.similarity import (
    SIMILARITIES,
    Cosine,
    Dot,
    GatedMultiHead,
    ItemGatedMultiHead,
    MaxMultiHead,
    MultiHead,
)
from polyrec.recipes.sequence import sides
from polyrec.recipes.sequence.config import Config

CLOSED = ("popular", "item_knn", "ease")
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
    return _retriever(config, facts)


def _retriever(config: Config, facts: Facts) -> nn.Module:
    reading = Reading(
        config.length, config.blocks, config.heads, config.dropout, config.norm, config.places
    )
    made = READERS[config.model](
        sides.sides(config, facts), config.dim, reading, config.init, similarity(config)
    )
    for name, part in (
        ("code_head", sides.head(config, facts)),
        ("quantizer", sides.quantizer(config, facts)),
    ):
        if part is not None:
            made.add_module(name, part)
    return made


def similarity(config: Config) -> nn.Module:
    """The score that training and the index share.

    Raises:
        ValueError: it has no vectors, so there are no lists to spread over categories.
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
