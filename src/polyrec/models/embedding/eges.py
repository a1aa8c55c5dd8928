"""Vectors of items made of their own and of what is known of them: BGE, GES, EGES.

Letters: n items, J rows an item at most (its own first), S rows of all, d width of a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from polyrec.data import Bag, Sparse, Table
from polyrec.graph.csr import Graph
from polyrec.graph.walks import DeepWalks
from polyrec.kernels.words import fused
from polyrec.kernels.words.contexts import Corpus
from polyrec.models.embedding.training import Training, finite
from polyrec.types import Progress, Ragged

I64 = NDArray[np.int64]
Fuse = Literal["weighted", "mean", "sum", "concat"]
FUSIONS: dict[Fuse, int] = {
    "weighted": fused.WEIGHTED,
    "mean": fused.MEAN,
    "sum": fused.SUM,
    "concat": fused.CONCAT,
}
# the paper names the graph, not the walks: the settings of a common re-implementation
EGES_WALKS = DeepWalks(count=10, length=10)
EGES_TRAINING = Training(window=5, epochs=1, min_count=1)
MOST = 6  # values of one column that an item can bring
MB = 2**20


@dataclass(frozen=True)
class Sides:
    """What is known of items: for each, rows of one table that all items share; 0 = missing."""

    rows: I64  # [n + 1, J - 1], 0..size
    names: tuple[str, ...] = ()  # [J - 1], the column of each place
    size: int = 0  # rows of the table
    cut: int = 0  # values left out, of items with more than `most` in a column

    @classmethod
    def none(cls, items: int) -> Sides:
        """Nothing is known but the item itself."""
        return cls(np.zeros((items + 1, 0), np.int64))


def sides_of(table: Table, columns: Sequence[str] | None = None, most: int = MOST) -> Sides:
    """The categories of a table, each column with rows of its own; None = all such columns.

    A column of several values (genres) takes as many places as its fullest item has, `most` at
    the most, and all of them share the rows of the column.

    Raises:
        ValueError: a column holds numbers, or there is none to take.
        KeyError: no such column.
    """
    able = [n for n, c in table.columns.items() if isinstance(c, Sparse | Bag) and c.vocab]
    for name in columns or ():
        if name not in table.columns:
            raise KeyError(f"no column {name!r}; with categories there are: {', '.join(able)}")
        if name not in able:
            raise ValueError(f"column {name!r} holds numbers; side information is categories: bin")
    made, names, size, cut = list[I64](), list[str](), 0, 0
    for name in able if columns is None else columns:
        places, vocabulary, left = _places(table.columns[name], most)
        made.append(np.where(places > 0, places + size, 0))
        names += [name] * places.shape[1]
        size, cut = size + vocabulary, cut + left
    if not made:
        raise ValueError("the items' table has no categories; EGES without them is BGE")
    return Sides(np.concatenate(made, 1), tuple(names), size, cut)


def _places(column: object, most: int) -> tuple[I64, int, int]:
    if isinstance(column, Sparse):
        return column.values[:, None].astype(np.int64), column.vocab.size, 0
    assert isinstance(column, Bag)
    assert column.vocab is not None
    lengths = column.start[1:] - column.start[:-1]
    width = int(min(most, lengths.max(initial=0)))
    at = column.start[:-1, None] + np.arange(width)
    there = np.arange(width) < lengths[:, None]
    values = np.append(column.values, 0)[np.where(there, at, len(column.values))]
    return values.astype(np.int64), column.vocab.size, int((lengths - width).clip(min=0).sum())


class EGES(nn.Module):
    """Items that follow each other, or share a brand, lie together; rare items lean on the brand.

    H = sum_j softmax(a)_j W_j over the item's own row and those of its side information. Rows of
    side information are shared by all items; the logits a are each item's own. Learnt by walks on
    the directed graph of sessions: log sigma(H . Z) of what stands beside, Z the output vectors,
    against drawn negatives. The vector is H, since H is what the loss scores.

    `fusion`: "weighted" = EGES; "mean" = GES (a stays 0); "sum"; "concat" (rows side by side).
    Without side information all are BGE, which is DeepWalk with negatives. A missing value is left
    out of the softmax. A cold item has no trained row and no trained a: its vector is the mean of
    its side rows. `without_own`: the chance that an item in training does without its own row, so
    that side rows learn to answer alone.

    Source: Wang et al. 2018 (KDD), eq. 6 to 10. The paper gives no length of walks.

    Raises:
        ValueError: settings that do not go together, or a table above the budget.
    """

    table: Tensor  # [1 + n + S, d]: nothing, items, side information
    attention: Tensor  # [n + 1, J]
    output: Tensor  # [n + 1, d], or J d wide for "concat"
    rows: Tensor  # [n + 1, J], 0 = missing
    learnt: Tensor  # [1 + n + S], bool: rows that were read

    def __init__(
        self,
        sides: Sides,
        dim: int = 128,
        fusion: Fuse = "weighted",
        without_own: float = 0.0,
        how: Training = EGES_TRAINING,
        walks: DeepWalks = EGES_WALKS,
    ) -> None:
        super().__init__()
        items, places = len(sides.rows) - 1, sides.rows.shape[1] + 1
        _check(items, dim, without_own, how)
        size, wide = 1 + items + sides.size, dim * (places if fusion == "concat" else 1)
        _affordable(4 * (size * dim + (items + 1) * (wide + places)), walks.budget_mb)
        self.how, self.walks, self.fusion, self.without_own = how, walks, fusion, without_own
        own = np.arange(items + 1)[:, None]
        rows = np.concatenate([own, np.where(sides.rows > 0, sides.rows + items, 0)], 1)
        self.names, self.cut = sides.names, sides.cut
        self.register_buffer("table", torch.zeros(size, dim))
        self.register_buffer("attention", torch.zeros(items + 1, places))
        self.register_buffer("output", torch.zeros(items + 1, wide))
        self.register_buffer("rows", torch.from_numpy(rows))
        self.register_buffer("learnt", torch.zeros(size, dtype=torch.bool))

    @property
    def cold(self) -> Tensor:
        """[n + 1], bool: items that no walk has met beside another."""
        return ~self.learnt[: len(self.rows)]

    def solve(self, graph: Graph, progress: Progress) -> None:
        """Walks the graph of items, then learns from the walks.

        Raises:
            ValueError: the graph has another number of nodes, or cannot be walked.
        """
        nodes = sum(graph.sizes.values())
        if nodes != len(self.rows) - 1:
            raise ValueError(
                f"the graph has {nodes:,} nodes, the model {len(self.rows) - 1:,}: build the "
                "graph with the items of the model"
            )
        self.learn(self.walks(graph, progress.seed_of("walks")), progress)

    def learn(self, walked: Ragged, progress: Progress) -> None:
        """Learns from walks over nodes, ids from 0. Rows start uniform in +-spread / d, Z at 0."""
        values, start = walked.values.numpy().astype(np.int32), walked.start.numpy()
        items = len(self.rows) - 1
        together = values[np.repeat(np.diff(start) > 1, np.diff(start))]
        seen = np.bincount(together, minlength=items)
        started = torch.rand(self.table[1:].shape, generator=progress.generator("words"))
        self.table[1:] = (2 * started - 1) * self.how.spread / self.table.shape[1]
        self.output.zero_()
        self.attention.zero_()
        tables = fused.Fused(
            self.table.numpy(),
            self.attention[1:].numpy(),
            self.output[1:].numpy(),
            self.rows[1:].numpy().astype(np.int32),
        )
        fusion = fused.Fusion(FUSIONS[self.fusion], self.without_own)
        targets = self.how.targets(seen)
        corpus = Corpus(values, start.astype(np.int64), np.empty(0, np.float32))
        for epoch in range(self.how.epochs):
            rules = self.how.rules(progress.seed_of("contexts"), epoch)
            told = self.how.told(progress, epoch, len(start) - 1)
            fused.train_fused(tables, corpus, targets, rules, fusion, told)
        finite(self.table[1:], self.how)
        self.learnt.zero_()
        self.learnt[self.rows[1:][torch.from_numpy(seen > 0)].flatten()] = True
        self.learnt[0] = False
        progress.note("side values left out", float(self.cut))

    def weights(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, J]: what each row of an item counts for; rows never read count nothing."""
        there = self.learnt[self.rows[ids]]
        if self.fusion in ("sum", "concat"):
            return there.float()
        logits = self.attention[ids] if self.fusion == "weighted" else torch.zeros(there.shape)
        # all rows may be missing: softmax over nothing is nothing, not NaN
        return logits.masked_fill(~there, -torch.inf).softmax(-1).nan_to_num(0.0)

    def vectors(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D]: H, of cold items the mean of their side rows, or zero without any."""
        weight, rows = self.weights(ids), self.rows[ids]
        parts = (weight[..., j, None] * self.table[rows[..., j]] for j in range(rows.shape[-1]))
        if self.fusion == "concat":
            return torch.cat(list(parts), -1)
        total = torch.zeros(*ids.shape, self.table.shape[1])
        for part in parts:
            total = total + part
        return total


def ges(sides: Sides, dim: int = 128, how: Training = EGES_TRAINING) -> EGES:
    """GES: the plain mean of an item's rows."""
    return EGES(sides, dim, "mean", how=how)


def bge(items: int, dim: int = 128, how: Training = EGES_TRAINING) -> EGES:
    """BGE: items alone, which is DeepWalk with negatives on the graph of sessions."""
    return EGES(Sides.none(items), dim, how=how)


def _check(items: int, dim: int, without_own: float, how: Training) -> None:
    if items < 1 or dim < 1:
        raise ValueError(f"items={items}, dim={dim}: need at least 1 of each")
    if not 0 <= without_own < 1:
        raise ValueError(f"without_own={without_own}: a chance, 0 to below 1; 0.1 to 0.5 is usual")
    whole = how.min_count == 1 and how.subsample == 0
    if how.output != "negatives" or how.architecture != "skipgram" or not whole:
        raise ValueError(
            f"EGES is skip-gram with negatives over all items; got {how.architecture}, "
            f"{how.output}, min_count={how.min_count}, subsample={how.subsample}"
        )


def _affordable(need: int, budget_mb: int) -> None:
    if need > budget_mb * MB:
        raise ValueError(
            f"EGES takes {need / MB:,.0f} MB ({need:,} bytes), the budget is {budget_mb:,} MB; "
            "lower dim, or take fewer columns"
        )
