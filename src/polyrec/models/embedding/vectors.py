"""Vectors at work: a history's mean asks, the nearest items answer."""

from __future__ import annotations

from typing import Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.models.embedding.asking import mean_of
from polyrec.models.embedding.training import Training
from polyrec.models.embedding.words import Word2Vec
from polyrec.nn import Cosine, known
from polyrec.types import Encoded, Progress, Ragged, Requests

Form = Literal["input", "add", "concat"]
# item sets: window and order mean nothing, frequent items are thinned
ITEM2VEC = Training(reading="set", subsample=1e-3)


class Item2Vec(nn.Module):
    """Items chosen together lie together; time and order are discarded on purpose.

    Right for baskets, wrong for sequences: there give `how` a window. `form` names the
    item's vector: u, u + v ("add") or [u; v] ("concat"). Asked by the mean of the history's
    vectors, answered by cosine; a cold item has no direction and scores 0.

    Source: Barkan and Koenigstein 2016.
    """

    similarity: Cosine

    def __init__(
        self,
        items: int,
        dim: int = 128,
        how: Training = ITEM2VEC,
        form: Form = "input",
        length: int | None = None,
    ) -> None:
        """`length`: the last events of a history that ask; None = all."""
        super().__init__()
        if form != "input" and how.output == "tree":
            raise ValueError(f"form={form!r}: a tree has vectors of inner nodes, not of items")
        if length is not None and length < 1:
            raise ValueError(f"length={length}: need at least 1, or None for whole histories")
        self.words = Word2Vec(items, dim, how)
        self.form, self.length = form, length
        self.similarity = Cosine()

    def solve(self, rows: Ragged, progress: Progress) -> None:
        """Learns from sets (or sequences) of item ids."""
        self.words.solve(rows, progress)

    def prepare(self) -> Self:
        """Nothing to do once."""
        return self

    def items(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D]; D = 2 d for "concat". Nothing and cold items are zero."""
        found = formed(self.words, ids, self.form)
        return found.masked_fill(self.words.cold[ids][..., None], 0)

    def queries(self, requests: Requests) -> Tensor:
        """[R, 1, D]: the mean over the warm items of each history."""
        history = known(requests)
        if self.length is not None:
            history = history.last(self.length)
        return mean_of(history, ~self.words.cold, self.items)[:, None]

    def forward(self, requests: Requests, ids: Tensor) -> Encoded:
        """Both sides at once."""
        queries, items = self.queries(requests), self.items(ids)
        return Encoded(queries=queries, items=items, meet=(queries, items))


def formed(words: Word2Vec, ids: Tensor, form: Form = "input") -> Tensor:
    """[*S] -> [*S, d or 2 d]: the vectors of ids in one of their forms, cold ones as they start."""
    if form == "input":
        return words.input[ids]
    if form == "add":
        return words.input[ids] + words.output[ids]
    return torch.cat([words.input[ids], words.output[ids]], -1)


def sets(rows: Ragged) -> Ragged:
    """Each row's distinct ids, ascending: a basket as a set."""
    width = int(rows.values.max()) + 1 if rows.values.numel() else 1
    keys = torch.unique(rows.row * width + rows.values)
    lengths = torch.bincount(keys // width, minlength=len(rows))
    return Ragged(keys % width, F.pad(lengths.cumsum(0), (1, 0)))
