"""From a strategy's name to what places new items: which columns it reads, which model it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from polyrec.data import Facts, Table
from polyrec.models.embedding import (
    EGES,
    CategoryMean,
    Clusters,
    Computed,
    Inductive,
    ItemVectors,
    KnnMean,
    SideMean,
    Strategy,
    Tree,
    Warm,
    side_features,
    sides_of,
)
from polyrec.recipes.config import chosen
from polyrec.recipes.parts.judge import categories
from polyrec.types import Retriever

NEEDED = "a table of items: import the log with one"


@dataclass(frozen=True)
class Ground:
    """What a strategy may stand on."""

    model: nn.Module
    facts: Facts
    known: Warm
    columns: tuple[str, ...] = ()  # of the items' table; empty: all
    seed: int = 0

    @property
    def table(self) -> Table:
        """The items' table.

        Raises:
            ValueError: the log brought none.
        """
        if "target" not in self.facts.tables:
            raise ValueError(f"this log brings no table of items; a strategy needs {NEEDED}")
        return self.facts.tables["target"]

    @property
    def named(self) -> Sequence[str] | None:
        return self.columns or None


def warm_of(model: nn.Module, facts: Facts) -> Warm:
    """Vectors of the items that a model learnt.

    Raises:
        ValueError: the model has no item vectors.
    """
    if isinstance(model, ItemVectors):
        return Warm.of(model)
    if not isinstance(model, Retriever):
        raise ValueError(
            f"{type(model).__name__} scores the catalogue and has no item vectors; take a run of "
            "`polyrec run embeddings` or of another recipe's retriever"
        )
    with torch.no_grad():
        vectors = model.items(torch.arange(facts.items + 1))
    return Warm(vectors, facts.counts > 0)


def strategy(name: str, ground: Ground) -> Strategy:
    """The strategy of that name, ready to place items.

    Raises:
        KeyError: no such strategy, or no such column.
        ValueError: it lacks what it needs.
    """
    _, make = chosen(STRATEGIES, name, "cold-start strategy")
    made: Strategy = make(ground)
    return made


def _category_mean(ground: Ground) -> Strategy:
    names = ground.columns or ("category",)
    levels = []
    for name in names:
        found = categories(ground.facts, name)
        if found is None:
            raise ValueError(
                f"category_mean: items have no column of categories {name!r}; name those there "
                f"are, coarse to fine: {', '.join(ground.table.columns)}"
            )
        levels.append(found)
    return CategoryMean(torch.stack(levels, 1))


def _side_mean(ground: Ground) -> Strategy:
    learner = getattr(ground.model, "learner", None)
    if isinstance(learner, EGES) and not ground.columns:
        return SideMean.of(learner)
    return SideMean.of_values(sides_of(ground.table, ground.named), ground.known)


def _features(ground: Ground) -> Strategy:
    learner = getattr(ground.model, "learner", None)
    if not isinstance(learner, EGES) or learner.without_own == 0:
        raise ValueError(
            "features: this model never learnt to do without ids; train "
            "`embeddings --variant eges_without_own`, or use side_mean"
        )
    return Computed(learner.vectors)


def _knn_mean(ground: Ground) -> Strategy:
    return KnnMean(side_features(ground.table, ground.named), distance="cosine")


def _inductive(ground: Ground) -> Strategy:
    return Inductive(side_features(ground.table, ground.named))


def _cluster(ground: Ground) -> Strategy:
    return Clusters(side_features(ground.table, ground.named), seed=ground.seed)


def _tree(ground: Ground) -> Strategy:
    return Tree(side_features(ground.table, ground.named), seed=ground.seed)


STRATEGIES: dict[str, tuple[str, Callable[[Ground], Strategy]]] = {
    "category_mean": ("mean of the warm items of its category, or of all", _category_mean),
    "side_mean": ("mean of the vectors of its side information", _side_mean),
    "knn_mean": ("mean of the 3 warm items with the nearest features", _knn_mean),
    "features": ("what the model computes from features alone", _features),
    "inductive": ("what a graph layer computes from features and neighbours", _inductive),
    "cluster": ("mean of the warm items of its k-means cluster", _cluster),
    "tree": ("mean of the warm items of its leaf in a regression tree", _tree),
}
