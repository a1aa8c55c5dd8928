"""What is known of things: one row an id, columns of three kinds. Row 0 is all zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyrec.data.keys import Keys
from polyrec.data.vocab import Vocab
from polyrec.types import Ragged

Keep = Literal["error", "first", "last"]
Rows = NDArray[np.integer]
Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True)
class Sparse:
    """One category a row: ids of the column's own vocabulary, 0 = missing."""

    values: NDArray[np.int32]  # [n + 1]
    vocab: Vocab

    @classmethod
    def of(cls, keys: Keys) -> Self:
        """Numbers the keys of rows 1..n by frequency."""
        vocab, ids = Vocab.build(keys, "frequency")
        return cls(_under_zero(ids), vocab)

    def take(self, rows: Rows) -> Self:
        """The named rows, in that order; row 0 is the empty one."""
        return replace(self, values=self.values[rows])

    def gather(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S], int64 categories."""
        return _tensor(self.values, ids).long()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is stored."""
        return {"values": self.values}


@dataclass(frozen=True)
class Dense:
    """Numbers: one, or a vector, a row. A missing row is zero and False in `present`."""

    values: NDArray[np.float32]  # [n + 1] or [n + 1, D]
    present: NDArray[np.bool_] | None = None  # [n + 1]; None = all but row 0

    @classmethod
    def of(cls, values: NDArray[np.floating | np.integer]) -> Self:
        """Rows 1..n; NaN marks a missing row and is stored as zero, with a mask.

        Raises:
            ValueError: a value is infinite.
        """
        values = np.asarray(values, np.float32)
        if np.isinf(values).any():
            row = int(np.argwhere(np.isinf(values))[0][0]) + 1
            raise ValueError(f"row {row} holds an infinite number: impute it or drop the column")
        missing = np.isnan(values)
        rows = missing if values.ndim == 1 else missing.any(axis=1)
        present = None if not rows.any() else _under_zero(~rows)
        return cls(_under_zero(np.where(missing, np.float32(0), values)), present)

    def take(self, rows: Rows) -> Self:
        """The named rows, in that order; row 0 is the empty one."""
        present = np.ones(len(self.values), bool) if self.present is None else self.present
        taken = present[rows]
        complete = taken[np.asarray(rows) > 0].all() and not (np.asarray(rows)[1:] == 0).any()
        taken = taken & (np.asarray(rows) > 0)
        return type(self)(self.values[rows], None if complete else taken)

    def gather(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S] or [*S, D], float32."""
        return _tensor(self.values, ids)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is stored."""
        return {"values": self.values} | ({} if self.present is None else {"present": self.present})


@dataclass(frozen=True)
class Bag:
    """Several values a row (genres, tags, an array of numbers): `values[start[i]:start[i + 1]]`."""

    values: NDArray[np.int32] | NDArray[np.float32]  # [sum]
    start: NDArray[np.int64]  # [n + 2]
    vocab: Vocab | None = None  # None = the values are numbers

    @classmethod
    def of(cls, keys: Keys, lengths: NDArray[np.integer]) -> Self:
        """Rows 1..n hold `lengths` keys each, side by side in `keys`."""
        vocab, ids = Vocab.build(keys, "frequency")
        return cls(ids, _starts(lengths), vocab)

    @classmethod
    def of_numbers(cls, values: NDArray[np.floating], lengths: NDArray[np.integer]) -> Self:
        """Rows 1..n hold `lengths` numbers each, side by side in `values`."""
        return cls(np.asarray(values, np.float32), _starts(lengths))

    def take(self, rows: Rows) -> Self:
        """The named rows, in that order; row 0 is the empty one."""
        lengths = (self.start[1:] - self.start[:-1])[rows]
        start = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=start[1:])
        at = np.arange(start[-1]) + np.repeat(self.start[:-1][rows] - start[:-1], lengths)
        return replace(self, values=self.values[at], start=start)

    def gather(self, ids: Tensor) -> Ragged:
        """[*S] -> a row for every id, flattened in order."""
        part = self.take(ids.reshape(-1).numpy())
        values = torch.from_numpy(part.values)
        return Ragged(values if self.vocab is None else values.long(), torch.from_numpy(part.start))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is stored."""
        return {"values": self.values, "start": self.start}


Column = Sparse | Dense | Bag


@dataclass(frozen=True)
class Table:
    """The columns of one kind of thing. Row i belongs to id i of `keys`; row 0 is all zero."""

    columns: Mapping[str, Column]
    keys: Vocab

    @property
    def size(self) -> int:
        """n: the number of real rows."""
        return self.keys.size

    def take(self, ids: Rows) -> Table:
        """The named real rows, renumbered 1.. in that order."""
        rows = np.concatenate([[0], np.asarray(ids, np.int64)])
        return self._rows(rows, self.keys.take(np.asarray(ids)))

    def aligned(self, keys: Vocab, ids: Rows) -> Table:
        """The table for another vocabulary: row r of this one becomes row `ids[r - 1]`.

        Ids that this table does not have get the empty row.
        """
        rows = np.zeros(keys.size + 1, np.int64)
        rows[np.asarray(ids)] = np.arange(1, self.size + 1)
        rows[0] = 0
        return self._rows(rows, keys)

    def gather(self, ids: Tensor) -> dict[str, Tensor | Ragged]:
        """Every column at every id, [*S]: one indexing a column, no loop over rows."""
        return {name: column.gather(ids) for name, column in self.columns.items()}

    def _rows(self, rows: NDArray[np.int64], keys: Vocab) -> Table:
        return Table({name: column.take(rows) for name, column in self.columns.items()}, keys)


@dataclass(frozen=True)
class Labelled:
    """Rows with labels: a table of features beside one column a task. Place 0 of each is unused.

    `weight` 0 = the row lies outside the task's space (a purchase where nobody clicked).
    """

    table: Table  # n rows
    labels: Mapping[str, NDArray[Any]]  # task -> [n + 1]
    weight: Mapping[str, NDArray[Any]] = field(default_factory=dict)  # task -> [n + 1]; absent = 1
    group: NDArray[np.int64] | None = None  # [n + 1]: the person; rows of one are kept together
    time: NDArray[np.int64] | None = None  # [n + 1], milliseconds

    def __post_init__(self) -> None:
        held = {**self.labels, **self.weight, "group": self.group, "time": self.time}
        for name, column in held.items():
            if column is not None and len(column) != self.table.size + 1:
                raise ValueError(f"{name} has {len(column) - 1} rows, the table {self.table.size}")

    def __len__(self) -> int:
        return self.table.size


def build(keys: Keys, columns: Mapping[str, Column], keep: Keep = "error") -> Table:
    """A table from rows as a file gives them: `keys[r]` names row r + 1 of every column.

    Args:
        keep: which row counts where a key occurs twice.

    Raises:
        ValueError: a key occurs twice under keep="error"; a column has another number of rows.
    """
    vocab, ids = Vocab.build(keys, "first")
    for name, column in columns.items():
        rows = len(column.start) - 2 if isinstance(column, Bag) else len(column.values) - 1
        if rows != len(ids):
            raise ValueError(f"column {name} has {rows} rows, the key column {len(ids)}")
    if vocab.size < len(ids) and keep == "error":
        raise ValueError(_twice(vocab, ids))
    pick = np.zeros(vocab.size + 1, np.int64)
    places = np.arange(1, len(ids) + 1)
    at, rows_in_order = (ids, places) if keep == "last" else (ids[::-1], places[::-1])
    pick[at] = rows_in_order
    return Table({name: column.take(pick) for name, column in columns.items()}, vocab)


def _twice(vocab: Vocab, ids: Rows) -> str:
    again = int(np.flatnonzero(np.bincount(ids, minlength=vocab.size + 1) > 1)[0])
    rows = np.flatnonzero(ids == again)[:2] + 1
    return (
        f"key {vocab.key(again)!r} in rows {rows[0]} and {rows[1]}, "
        f"{len(ids) - vocab.size} repeats in all; a table has one row a key: "
        "remove the repeats, or keep='first' or 'last'"
    )


def _under_zero(values: NDArray[Kind]) -> NDArray[Kind]:
    return np.concatenate([np.zeros((1, *values.shape[1:]), values.dtype), values])


def _starts(lengths: NDArray[np.integer]) -> NDArray[np.int64]:
    start = np.zeros(len(lengths) + 2, np.int64)
    np.cumsum(lengths, out=start[2:])
    return start


def _tensor(values: NDArray[Any], ids: Tensor) -> Tensor:
    return torch.from_numpy(np.asarray(values[ids.numpy()]))
