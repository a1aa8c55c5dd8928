"""Cold start by what is fitted to the warm items: clusters, trees, a layer over neighbours.

Letters: n items, F features, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec import index
from polyrec.data import Bag, Dense, Sparse, Table
from polyrec.models.embedding.cold import Placed, Warm, means
from polyrec.types import Ragged

MB = 2**20


@dataclass(frozen=True)
class Clusters:
    """The mean of the warm items in the same cluster of features [n + 1, F].

    Clusters by k-means on the warm items. Needs scikit-learn.
    """

    features: Tensor
    count: int = 32
    seed: int = 0

    def __call__(self, known: Warm, ids: Tensor) -> Placed:
        """[C], all placed."""
        cluster = _sklearn("cluster")
        count = min(self.count, len(known.ids))
        fitted = cluster.KMeans(count, n_init=4, random_state=self.seed % 2**32)
        x = self.features.numpy()
        fitted.fit(x[known.ids.numpy()])
        label = torch.from_numpy(fitted.predict(x).astype(np.int64)) + 1
        mean, met = means(label[:, None], known, count + 1)
        return Placed(mean[label[ids]], met[label[ids]].long(), ("mean of its cluster",))


@dataclass(frozen=True)
class Tree:
    """The mean of the warm items in the same leaf of a tree that splits on features [n + 1, F].

    The tree is grown to make vectors alike within its leaves. Needs scikit-learn.
    """

    features: Tensor
    leaf: int = 5  # warm items in a leaf, at least
    seed: int = 0

    def __call__(self, known: Warm, ids: Tensor) -> Placed:
        """[C], all placed."""
        tree = _sklearn("tree")
        grown = tree.DecisionTreeRegressor(
            min_samples_leaf=self.leaf, random_state=self.seed % 2**32
        )
        x, warm = self.features.numpy(), known.ids.numpy()
        grown.fit(x[warm], known.vectors[known.ids].numpy())
        found = np.asarray(grown.predict(x[ids.numpy()]), np.float32).reshape(len(ids), -1)
        why = torch.ones(len(ids), dtype=torch.int64)
        return Placed(torch.from_numpy(found), why, ("mean of its leaf",))


@dataclass(frozen=True)
class Inductive:
    """What one layer of a graph network computes from an item's features and its neighbours.

    GraphSAGE's mean layer without its nonlinearity, W[x_v ; 1 ; mean_{u in N(v)} z_u], so that W
    is solved by ridge regression on the warm items instead of trained. An item that nobody has met
    has no edges but those of features [n + 1, F]: N(v) are the k warm items with the largest
    cosine, itself left out. Source: Hamilton et al. 2017, algorithm 1 with one layer.

    Raises:
        ValueError: k below 1, or the squares of the features exceed the budget.
    """

    features: Tensor
    k: int = 10
    ridge: float = 1.0
    budget_mb: int = 1_000

    def __post_init__(self) -> None:
        if self.k < 1 or self.ridge <= 0:
            raise ValueError(f"inductive: k={self.k}, ridge={self.ridge}; need k >= 1, ridge > 0")

    def __call__(self, known: Warm, ids: Tensor) -> Placed:
        """[C], all placed."""
        warm = known.ids
        width = self.features.shape[1] + 1 + known.vectors.shape[1]
        need = 8 * width * (width + 2 * len(warm))
        if need > self.budget_mb * MB:
            raise ValueError(
                f"inductive: {width:,} inputs of {len(warm):,} items take {need / MB:,.0f} MB, the "
                f"budget is {self.budget_mb:,} MB; name fewer columns"
            )
        x = self._inputs(known, warm)
        square = x.T @ x + self.ridge * torch.eye(width, dtype=torch.float64)
        w = torch.linalg.solve(square, x.T @ known.vectors[warm].double())
        found = (self._inputs(known, ids) @ w).float()
        why = torch.ones(len(ids), dtype=torch.int64)
        return Placed(found, why, ("computed from its features and neighbours",))

    def _inputs(self, known: Warm, ids: Tensor) -> Tensor:
        """[C, F + 1 + D], float64."""
        unit = F.normalize(self.features, dim=1)
        found, _ = index.top_scores(
            lambda rows: unit[ids[rows]] @ unit.T,
            len(ids),
            min(self.k, max(len(known.ids) - 1, 1)),
            Ragged(ids, torch.arange(len(ids) + 1)),
            known.ids,
            self.budget_mb,
        )
        there = (found > 0).float()
        count = there.sum(1).clamp(min=1)[:, None]
        beside = (known.vectors[found] * there[..., None]).sum(1) / count
        one = torch.ones(len(ids), 1)
        return torch.cat([self.features[ids], one, beside], 1).double()


def side_features(
    table: Table, columns: Sequence[str] | None = None, budget_mb: int = 1_000
) -> Tensor:
    """[n + 1, F]: categories as 0/1, of several values each 1 / their root; numbers standardised.

    Raises:
        KeyError: no such column.
        ValueError: nothing to take, or the matrix exceeds the budget.
    """
    for name in columns or ():
        if name not in table.columns:
            raise KeyError(f"no column {name!r}; there are: {', '.join(table.columns)}")
    names = table.columns if columns is None else columns
    widths = [_width(table.columns[name]) for name in names]
    need = 4 * (table.size + 1) * sum(widths)
    if not sum(widths):
        raise ValueError("the items' table has no column to make features of")
    if need > budget_mb * MB:
        raise ValueError(
            f"{sum(widths):,} features of {table.size:,} items take {need / MB:,.0f} MB, the "
            f"budget is {budget_mb:,} MB; name fewer columns"
        )
    ids = torch.arange(table.size + 1)
    return torch.cat([_numbers(table.columns[name], ids) for name in names], 1)


def _width(column: object) -> int:
    if isinstance(column, Sparse):
        return column.vocab.size
    if isinstance(column, Bag):
        return 0 if column.vocab is None else column.vocab.size
    assert isinstance(column, Dense)
    return 1 if column.values.ndim == 1 else column.values.shape[1]


def _numbers(column: object, ids: Tensor) -> Tensor:
    out = torch.zeros(len(ids), _width(column) + 1)
    if isinstance(column, Sparse):
        out[ids, column.gather(ids)] = 1
        return out[:, 1:]
    if isinstance(column, Bag):
        if column.vocab is None:
            return out[:, 1:]
        packed = column.gather(ids)
        out[packed.row, packed.values] = 1
        return F.normalize(out[:, 1:], dim=1)
    assert isinstance(column, Dense)
    x = column.gather(ids).reshape(len(ids), -1)
    return torch.cat([x[:1] * 0, (x[1:] - x[1:].mean(0)) / x[1:].std(0).clamp(min=1e-6)])


def _sklearn(part: Literal["cluster", "tree"]) -> ModuleType:
    try:
        return import_module(f"sklearn.{part}")
    except ImportError:
        raise ValueError(
            f"cold start by {part} needs scikit-learn: pip install 'polyrec[sklearn]', or use "
            "category_mean"
        ) from None
