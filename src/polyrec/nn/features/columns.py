"""Blocks of a tower: columns of a table, gathered whole, as vectors. Row 0 of each is inert.

A block keeps its constants (the columns themselves) as buffers that move with the module but are
not saved: they come from the facts kept with the run. What was measured on train rows (means,
lengths) is saved, so that newer facts are read with the scales that the weights were learnt on.

Letters: M ids, c columns, W width of one embedding, D width of the tower.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from polyrec.data.tables import Bag, Dense, Sparse
from polyrec.nn.embed import ItemTable

Combine = Literal["sum", "concat"]
Pooling = Literal["mean", "sum", "attention"]
Start = Literal["zero", "small"]
REACH = 0.05  # of the "small" start, as the item table's
Single = tuple[NDArray[np.float32], NDArray[np.bool_]]  # one number a row, and where there is one


class Categories(nn.Module):
    """Columns of one category a row, all in one table: one look-up for all columns.

    A missing category is the zero vector. [M] -> [M, D] (sum) or [M, c * W] (concat).
    """

    at: Tensor

    def __init__(
        self, columns: Sequence[Sparse], width: int, combine: Combine, start: Start
    ) -> None:
        super().__init__()
        sizes = [column.vocab.size for column in columns]
        before = np.cumsum([0, *sizes[:-1]])
        places = [
            np.where(column.values > 0, column.values + first, 0)
            for column, first in zip(columns, before, strict=True)
        ]
        self.register_buffer("at", _constant(np.stack(places, axis=1), np.int32), persistent=False)
        self.table = _table(sum(sizes), width, start)
        self.combine = combine
        self.wide = width if combine == "sum" else width * len(columns)

    def forward(self, ids: Tensor) -> Tensor:
        """[M] -> [M, wide]."""
        h_McW: Tensor = self.table(self.at[ids].long())
        return h_McW.sum(dim=1) if self.combine == "sum" else h_McW.flatten(1)


class BagOfCategories(nn.Module):
    """A row's several categories (genres, tags) as one vector: mean, sum, or learned attention.

    Attention weighs each entry by softmax over the row of <e, a> / sqrt(W), a learned and zero at
    the start, where it is the mean. An empty row is the zero vector. [M] -> [M, W].
    """

    values: Tensor
    first: Tensor

    def __init__(self, bag: Bag, width: int, pooling: Pooling, start: Start) -> None:
        super().__init__()
        assert bag.vocab is not None, "a bag of numbers is read as numbers"
        self.register_buffer("values", _constant(bag.values, np.int32), persistent=False)
        self.register_buffer("first", _constant(bag.start, np.int64), persistent=False)
        self.table = _table(bag.vocab.size, width, start)
        self.pooling, self.wide = pooling, width
        self.asks = nn.Parameter(torch.zeros(width)) if pooling == "attention" else None

    def forward(self, ids: Tensor) -> Tensor:
        """[M] -> [M, W]."""
        lengths = self.first[ids + 1] - self.first[ids]
        row = torch.repeat_interleave(torch.arange(len(ids), device=ids.device), lengths)
        ends = lengths.cumsum(0)
        at = torch.arange(len(row), device=ids.device) + (self.first[ids] - ends + lengths)[row]
        h_EW: Tensor = self.table(self.values[at].long())
        if self.asks is not None:
            h_EW = h_EW * self._shares(h_EW @ self.asks, row, len(ids))[:, None]
        pooled = h_EW.new_zeros(len(ids), self.wide).index_add(0, row, h_EW)
        return pooled / lengths.clamp(min=1)[:, None] if self.pooling == "mean" else pooled

    def _shares(self, score: Tensor, row: Tensor, rows: int) -> Tensor:
        """[E]: softmax inside each row."""
        score = score / self.wide**0.5
        most = score.new_zeros(rows).scatter_reduce(
            0, row, score.detach(), "amax", include_self=False
        )
        grown = (score - most[row]).exp()
        return grown / grown.new_zeros(rows).index_add(0, row, grown)[row]


class Numbers(nn.Module):
    """Columns of one number a row: (x - mean) / sd of the train rows, and whether it is missing.

    A missing number is 0, that is the mean, with its indicator at 1; a constant column has
    sd 1. [M] -> [M, D] (sum, through a linear layer) or [M, 2 c] (concat).
    """

    raw: Tensor
    present: Tensor
    mean: Tensor
    sd: Tensor

    def __init__(
        self, columns: Sequence[Single], seen: NDArray[np.bool_], dim: int | None, start: Start
    ) -> None:
        super().__init__()
        raw = np.stack([values for values, _ in columns], axis=1)
        present = np.stack([held for _, held in columns], axis=1)
        measured = [_moments(values[held & seen].astype(np.float64)) for values, held in columns]
        self.register_buffer("raw", _constant(raw, np.float32), persistent=False)
        self.register_buffer("present", _constant(present, np.bool_), persistent=False)
        self.register_buffer("mean", torch.tensor([m for m, _ in measured]))
        self.register_buffer("sd", torch.tensor([s for _, s in measured]))
        self.project = None if dim is None else _projection(2 * len(columns), dim, start)
        self.wide = 2 * len(columns) if dim is None else dim

    def forward(self, ids: Tensor) -> Tensor:
        """[M] -> [M, wide]."""
        held = self.present[ids]
        scaled = ((self.raw[ids] - self.mean) / self.sd).masked_fill(~held, 0)
        numbers = torch.cat([scaled, (~held).to(scaled.dtype)], dim=1)
        if self.project is not None:
            numbers = self.project(numbers)
        return numbers


class Content(nn.Module):
    """Vectors of any width made elsewhere (texts, pictures): frozen, then a linear layer.

    They are divided by the root mean square length of the train rows, so that their width does
    not decide how fast they are learnt. A missing row is a learned vector. [M] -> [M, D].
    """

    values: Tensor
    present: Tensor
    length: Tensor

    def __init__(self, column: Dense, seen: NDArray[np.bool_], dim: int, start: Start) -> None:
        super().__init__()
        present = present_of(column)
        rows = np.asarray(column.values[present & seen], np.float64)
        length = float(np.sqrt((rows**2).sum(axis=1).mean())) if len(rows) else 1.0
        self.register_buffer("values", _constant(column.values, np.float32), persistent=False)
        self.register_buffer("present", _constant(present, np.bool_), persistent=False)
        self.register_buffer("length", torch.tensor(length or 1.0))
        self.project = _projection(column.values.shape[1], dim, start)
        self.missing = nn.Parameter(torch.empty(dim).uniform_(-REACH, REACH))
        if start == "zero":
            nn.init.zeros_(self.missing)
        self.wide = dim

    def forward(self, ids: Tensor) -> Tensor:
        """[M] -> [M, D]."""
        vectors = self.project(self.values[ids] / self.length)
        return torch.where(self.present[ids][:, None], vectors, self.missing)


def present_of(column: Dense) -> NDArray[np.bool_]:
    """[n + 1]: the rows that hold something."""
    held = np.ones(len(column.values), bool) if column.present is None else column.present.copy()
    held[0] = False
    return held


def number_of(bag: Bag, pooling: Literal["mean", "sum"]) -> Single:
    """A bag of numbers as one number a row: their mean or sum; an empty row is missing."""
    lengths = np.diff(bag.start)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    total = np.bincount(owner, np.asarray(bag.values, np.float64), minlength=len(lengths))
    values = total / np.maximum(lengths, 1) if pooling == "mean" else total
    return values.astype(np.float32), lengths > 0


def _moments(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and standard deviation; 0 and 1 of nothing, sd 1 of a constant."""
    if not len(values):
        return 0.0, 1.0
    mean, sd = float(values.mean()), float(values.std())
    return mean, sd if sd > 1e-6 * max(1.0, abs(mean)) else 1.0


def _table(size: int, width: int, start: Start) -> ItemTable:
    table = ItemTable(max(size, 1), width)
    if start == "zero":
        nn.init.zeros_(table.weight)
    return table


def _projection(inputs: int, outputs: int, start: Start) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.uniform_(layer.weight, -REACH, REACH)
    if start == "zero":
        nn.init.zeros_(layer.weight)
    return layer


def _constant(values: NDArray[Any], kind: type) -> Tensor:
    """A copy of its own: a column may be a read-only map of a file."""
    return torch.from_numpy(np.array(values, kind))
