"""From settings to what learns item vectors, and from a log to what it learns from."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import nn

from polyrec import models
from polyrec.data import Events, Facts
from polyrec.graph import DeepWalks, Graph, Interactions, MetapathWalks, Node2VecWalks
from polyrec.graph.builders import bipartite, cooccurrence, session
from polyrec.graph.change import flat
from polyrec.graph.walks import offsets
from polyrec.models.embedding import (
    EGES,
    Edges,
    ItemVectors,
    NodeVectors,
    Sides,
    Training,
    Word2Vec,
    cold_start,
    formed,
    sets,
    sides_of,
)
from polyrec.recipes import parts
from polyrec.recipes.embeddings.config import Config
from polyrec.types import Progress, Ragged

PATH = ("met", "rev_met")  # user, item, user
CLOSED = ("popular", "item_knn")
WALKED = ("deepwalk", "node2vec", "metapath2vec", "eges")


def model(config: Config, facts: Facts) -> nn.Module:
    """An unsolved model of the setting's kind."""
    if config.model == "popular":
        return models.MostPopular(facts.items)
    if config.model == "item_knn":
        return models.ItemKNN(facts.items, config.neighbours, config.shrink, config.memory_mb)
    found = learner(config, facts)
    dim = config.dim
    if isinstance(found, EGES):
        dim = found.output.shape[1]
    elif config.form == "concat":
        dim = 2 * config.dim
    return ItemVectors(facts.items, dim, found, config.length or None)


def learner(config: Config, facts: Facts) -> nn.Module:
    """What finds the vectors.

    Raises:
        ValueError: settings that do not go together.
    """
    if config.form != "input" and (config.output == "tree" or config.model == "eges"):
        raise ValueError(
            f"form={config.form}: needs output vectors of items, and {_lacks(config)}; "
            "leave form out"
        )
    walks = DeepWalks(config.walks, config.walk_length, config.weights, config.memory_mb)
    if config.model == "eges":
        return EGES(
            _sides(config, facts), config.dim, config.fusion, config.without_own,
            training(config), walks,
        )  # fmt: skip
    if config.model == "word2vec":
        return Word2Vec(facts.items, config.dim, training(config), config.memory_mb)
    words = Word2Vec(_nodes(config, facts), config.dim, training(config), config.memory_mb)
    if config.model == "node2vec":
        second = Node2VecWalks(config.p, config.q, config.walks, config.walk_length, config.weights)
        return NodeVectors(words, second)
    if config.model == "metapath2vec":
        typed = MetapathWalks(PATH, config.walks, config.walk_length, config.memory_mb)
        return NodeVectors(words, typed)
    if config.model == "line2":
        return NodeVectors(words, Edges(config.edge_samples, config.memory_mb))
    return NodeVectors(words, walks)


def solve(config: Config, model: ItemVectors, train: Events, progress: Progress) -> None:
    """Learns the vectors of all items of the log, and hands them to what answers."""
    items, found = len(model.warm) - 1, model.learner
    ids = torch.arange(items + 1)
    if isinstance(found, EGES):
        found.solve(graph(config, train, items), progress)
        model.fill(found.vectors(ids), ~found.cold)
        return
    if isinstance(found, Word2Vec):
        found.solve(corpus(config, train, items), progress)
        model.fill(formed(found, ids, config.form), ~found.cold)
        return
    nodes = cast(NodeVectors, found)
    nodes.solve(graph(config, train, items), progress)
    words = nodes.words
    at = ids + (len(words.seen) - 1 - items)  # items are the last of the nodes
    model.fill(formed(words, at, config.form), ~words.cold[at])


def place(config: Config, model: ItemVectors, facts: Facts) -> None:
    """Gives items without a vector one, as the setting `cold` says.

    Raises:
        ValueError: the strategy lacks what it needs.
    """
    if config.cold in ("none", "explore"):
        return
    known = parts.warm_of(model, facts)
    columns = tuple(name.strip() for name in config.cold_columns.split(",") if name.strip())
    if config.cold == "category_mean":
        columns = columns or (config.category,)
    made = parts.strategy(config.cold, parts.Ground(model, facts, known, columns, config.seed))
    cold = (~known.warm).nonzero()[1:, 0]  # id 0 is nothing
    if len(cold):
        model.place(cold, cold_start(made, known, cold).vectors)


def corpus(config: Config, train: Events, items: int) -> Ragged:
    """Each person's (or session's) items: in order, or as a set."""
    log = Interactions.of(train, items)
    whose = log.session_of(config.gap if config.rows == "session" else None)
    start = np.concatenate([[0], np.flatnonzero(np.diff(whose)) + 1, [len(log)]])
    rows = Ragged(torch.from_numpy(log.target + 1), torch.from_numpy(start))
    return sets(rows) if config.reading == "set" else rows


def graph(config: Config, train: Events, items: int) -> Graph:
    """What is walked; items are the last of its nodes."""
    log = Interactions.of(train, items)
    if config.model == "metapath2vec":
        made = bipartite(log)[0].with_reverses()
        assert offsets(made)["item"] == log.actors
        return made
    if config.graph == "bipartite" and config.model != "eges":
        one = flat(bipartite(log)[0]).relation
        return Graph({"node": one.sources}, (one,))
    if config.graph == "together" and config.model != "eges":
        return cooccurrence(log, config.max_set, seed=config.seed)[0]
    return session(log, config.gap)[0]


def training(config: Config) -> Training:
    """How vectors are learnt, whatever from."""
    reading = config.reading
    if config.model != "word2vec":
        reading = "pair" if config.model == "line2" else "shrinking"
    return Training(
        architecture=config.architecture,
        output=config.output,
        reading=reading,
        window=config.window,
        negatives=config.negatives,
        exponent=config.exponent,
        subsample=config.subsample,
        spread=config.spread,
        lr=config.lr,
        epochs=config.epochs,
        min_count=config.min_count,
        updates=config.updates,
        shards=config.shards,
    )


def _nodes(config: Config, facts: Facts) -> int:
    people = config.model == "metapath2vec" or config.graph == "bipartite"
    return facts.items + (facts.actors if people else 0)


def _sides(config: Config, facts: Facts) -> Sides:
    if config.sides == "none":
        return Sides.none(facts.items)
    table = facts.tables.get("target")
    if table is None:
        raise ValueError(
            f"sides={config.sides}: this log brings no table of items; use sides=none (BGE)"
        )
    names = [name.strip() for name in config.sides.split(",") if name.strip()]
    return sides_of(table, None if config.sides == "all" else names)


def _lacks(config: Config) -> str:
    return "EGES answers by H" if config.model == "eges" else "a tree has those of inner nodes"
