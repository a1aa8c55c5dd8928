"""Vectors for items that the log has never met: from what is known of them.

Each strategy says of every item that it answers where the vector came from; whoever is left gets
the mean of all warm items. A vector made so is a guess that has met nobody: measure it by hiding
items (`evaluate.cold`) before it is served.

Letters: n items, C items to be placed, D width, F features, L levels of categories.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from polyrec import index
from polyrec.models.embedding.asking import ItemVectors
from polyrec.models.embedding.eges import EGES, Sides

Distance = Literal["euclidean", "cosine", "haversine"]
EARTH = 6371.0088  # km, mean radius
OVERALL = "mean of all warm items"


@dataclass(frozen=True)
class Warm:
    """Items that have a vector."""

    vectors: Tensor  # [n + 1, D]
    warm: Tensor  # [n + 1], bool

    @classmethod
    def of(cls, model: ItemVectors) -> Warm:
        """Those that a model learnt; what was placed before is a guess and not built upon."""
        return cls(model.vectors, model.warm & ~model.placed)

    @property
    def ids(self) -> Tensor:
        """[warm items]."""
        return self.warm.nonzero()[:, 0]

    def mean(self) -> Tensor:
        """[D]."""
        return self.vectors[self.warm].mean(0)


@dataclass(frozen=True)
class Placed:
    """Vectors for items, and where each came from."""

    vectors: Tensor  # [C, D]
    why: Tensor  # [C]: 0 = nothing was known, j = sources[j - 1]
    sources: tuple[str, ...]

    def source(self, row: int) -> str:
        """Where the vector of that row came from."""
        return self.sources[int(self.why[row]) - 1]


class Strategy(Protocol):
    """A way to place items without a vector."""

    def __call__(self, known: Warm, ids: Tensor) -> Placed: ...


def cold_start(strategy: Strategy, known: Warm, ids: Tensor) -> Placed:
    """Vectors for the items `ids` [C]; whom the strategy cannot place gets the overall mean.

    Raises:
        ValueError: no item is warm, or an id is outside 1..n.
    """
    n = len(known.warm) - 1
    if not bool(known.warm.any()):
        raise ValueError("no item has a vector yet: fit the model first")
    if len(ids) and not 1 <= int(ids.min()) <= int(ids.max()) <= n:
        raise ValueError(f"ids {int(ids.min())} to {int(ids.max())}, allowed 1 to {n:,}")
    found = strategy(known, ids)
    left = found.why == 0
    vectors = torch.where(left[:, None], known.mean(), found.vectors)
    why = torch.where(left, len(found.sources) + 1, found.why)
    return Placed(vectors, why, (*found.sources, OVERALL))


def extended(known: Warm, placed: Placed, ids: Tensor) -> Tensor:
    """[n + 1, D]: the warm vectors, and those placed at `ids`."""
    vectors = known.vectors.clone()
    vectors[ids] = placed.vectors
    return vectors


@dataclass(frozen=True)
class CategoryMean:
    """The mean of the warm items of the same category, from the finest level up.

    `path` [n + 1, L]: categories from coarse to fine, 0 = missing. Folklore: the paper of
    item2vec, to which it is often ascribed, has no such remedy.
    """

    path: Tensor

    def __call__(self, known: Warm, ids: Tensor) -> Placed:
        """[C] placed by the finest level at which a warm item shares the category."""
        levels = self.path.shape[1]
        vectors = torch.zeros(len(ids), known.vectors.shape[1])
        why = torch.zeros(len(ids), dtype=torch.int64)
        for level in reversed(range(levels)):
            mean, met = means(self.path[:, level, None], known)
            category = self.path[ids, level]
            answers = (why == 0) & met[category]
            vectors[answers], why[answers] = mean[category[answers]], levels - level
        names = (
            "mean of its category",
            *(f"mean of the category {j} above" for j in range(1, levels)),
        )
        return Placed(vectors, why, names)


@dataclass(frozen=True)
class SideMean:
    """The mean of the vectors of what is known of an item: EGES's own answer.

    `rows` [n + 1, J]: places in `table` [S, D], 0 = missing; `learnt` [S], bool.
    """

    rows: Tensor
    table: Tensor
    learnt: Tensor

    @classmethod
    def of(cls, model: EGES) -> SideMean:
        """The side rows that the model learnt.

        Raises:
            ValueError: it has none, or sets them side by side.
        """
        if model.rows.shape[1] < 2 or model.fusion == "concat":
            raise ValueError(
                f"side_mean: needs side rows as wide as an item's vector; this model has "
                f"{model.rows.shape[1] - 1} columns and fusion={model.fusion}; train EGES with "
                "sides and fusion=weighted, or use category_mean"
            )
        return cls(model.rows[:, 1:], model.table, model.learnt)

    @classmethod
    def of_values(cls, sides: Sides, known: Warm) -> SideMean:
        """For a model without side rows: a value's vector is the mean of the warm items with it."""
        rows = torch.from_numpy(sides.rows)
        mean, met = means(rows, known, sides.size + 1)
        return cls(rows, mean, met)

    def __call__(self, known: Warm, ids: Tensor) -> Placed:
        """[C] placed where at least one value is known."""
        rows = self.rows[ids]
        there = self.learnt[rows] & (rows > 0)
        total = torch.zeros(len(ids), self.table.shape[1])
        for j in range(rows.shape[1]):
            total += self.table[rows[:, j]] * there[:, j, None]
        count = there.sum(1)
        return Placed(
            total / count.clamp(min=1)[:, None], (count > 0).long(), ("mean of its side vectors",)
        )


@dataclass(frozen=True)
class KnnMean:
    """The mean of the k nearest warm items among those that pass the filter.

    Nearest by `features` [n + 1, F]: "euclidean", "cosine" (farness = 1 - cosine), or "haversine"
    (latitude and longitude in degrees, farness in km). `same` [n + 1, G]: labels that must all be
    equal; `within`: the farthest that counts. Source: Grbovic and Cheng 2018 (3 nearest listings
    of the same type and price, within 10 miles).
    """

    features: Tensor
    k: int = 3
    distance: Distance = "euclidean"
    same: Tensor | None = None
    within: float | None = None
    budget_mb: int = 1_000

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"knn_mean: k={self.k}; need at least 1; 3 is usual")
        if self.within is not None and self.within <= 0:
            raise ValueError(f"knn_mean: within={self.within}; need more than 0, or None")
        if self.distance == "haversine" and self.features.shape[1] != 2:
            raise ValueError(
                f"haversine: features of width {self.features.shape[1]}; need latitude, longitude"
            )

    def __call__(self, known: Warm, ids: Tensor) -> Placed:
        """[C] placed where at least one warm item passes."""

        def nearness(rows: slice) -> Tensor:
            asked = ids[rows]
            far = FARNESS[self.distance](self.features[asked], self.features)
            if self.same is not None:
                equal = (self.same[asked][:, None] == self.same[None]).all(-1)
                far = far.masked_fill(~equal, torch.inf)
            if self.within is not None:
                far = far.masked_fill(far > self.within, torch.inf)
            return -far

        k = min(self.k, len(known.ids))
        found, _ = index.top_scores(
            nearness, len(ids), k, among=known.ids, budget_mb=self.budget_mb
        )
        there = (found > 0).float()
        total = (known.vectors[found] * there[..., None]).sum(1)
        count = there.sum(1)
        name = f"mean of its {k} nearest warm items"
        return Placed(total / count.clamp(min=1)[:, None], (count > 0).long(), (name,))


@dataclass(frozen=True)
class Computed:
    """Vectors that a model computes from features or edges, without the item's id.

    `forward`: ids [C] -> [C, D]. Inductive graph networks (edges and features), and models whose
    ids were left out now and then in training, so that features learnt to answer alone.
    """

    forward: Callable[[Tensor], Tensor]
    name: str = "computed from its features"

    def __call__(self, known: Warm, ids: Tensor) -> Placed:
        """[C], all placed but those whose vector is zero.

        Raises:
            ValueError: the vectors are of another width, or not finite.
        """
        vectors = self.forward(ids)
        wanted = (len(ids), known.vectors.shape[1])
        if vectors.shape != wanted or not bool(torch.isfinite(vectors).all()):
            raise ValueError(
                f"forward gave {tuple(vectors.shape)}, need finite numbers {wanted}: the vectors "
                "must lie in the space of the warm ones"
            )
        return Placed(vectors, vectors.any(1).long(), (self.name,))


def means(groups: Tensor, known: Warm, size: int | None = None) -> tuple[Tensor, Tensor]:
    """[groups, D] mean vectors of the warm members, and whether there are any.

    `groups` [n + 1, J]: those of each item, 0 = none.
    """
    size = int(groups.max()) + 1 if size is None else size
    total, count = torch.zeros(size, known.vectors.shape[1]), torch.zeros(size)
    for column in groups.T:
        inside = known.warm & (column > 0)
        total.index_add_(0, column[inside], known.vectors[inside])
        count += torch.bincount(column[inside], minlength=size)
    return total / count.clamp(min=1)[:, None], count > 0


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    unit_a, unit_b = (torch.nn.functional.normalize(x, dim=1) for x in (a, b))
    return 1 - unit_a @ unit_b.T


def _haversine(a: Tensor, b: Tensor) -> Tensor:
    one, other = a.double().deg2rad()[:, None], b.double().deg2rad()[None]
    half = ((one - other) / 2).sin() ** 2
    across = one[..., 0].cos() * other[..., 0].cos() * half[..., 1]
    return (2 * EARTH * (half[..., 0] + across).clamp(max=1).sqrt().asin()).float()


FARNESS: dict[Distance, Callable[[Tensor, Tensor], Tensor]] = {
    "euclidean": torch.cdist,
    "cosine": _cosine,
    "haversine": _haversine,
}
