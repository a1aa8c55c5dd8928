"""Word2vec: vectors of words from who stands beside whom, filled by a Solve stage.

Ids are 1..n as everywhere, row 0 is nothing. Letters: n words, d width, R rows of the corpus.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from polyrec.kernels.words.contexts import Corpus
from polyrec.kernels.words.rounds import parts, train_exact, train_loose
from polyrec.kernels.words.training import Tables
from polyrec.models.embedding.training import Training, finite, keep_chance
from polyrec.types import Progress, Ragged

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
MB = 2**20


class Word2Vec(nn.Module):
    """Vectors of words that stand near each other point the same way.

    Its memory is three buffers: input vectors u and output vectors v (of a tree: of its inner
    nodes), and how often each word was read beside another. A word never read so is cold: it
    keeps the vector of the start, and `cold` tells it.

    Raises:
        ValueError: n or d below 1, or the tables and their copies exceed the budget.
    """

    input: Tensor
    output: Tensor
    seen: Tensor

    def __init__(
        self, words: int, dim: int = 128, how: Training = Training(), budget_mb: int = 8_000
    ) -> None:
        super().__init__()
        if words < 1 or dim < 1:
            raise ValueError(f"words={words}, dim={dim}: need at least 1 of each")
        copies = how.shards if how.reproducible and how.shards > 1 else 0
        need = 8 * (words + 1) * dim * (1 + copies)
        if need > budget_mb * MB:
            raise ValueError(
                f"two tables of {words:,} words x {dim}, and {copies} copies, take "
                f"{need / MB:,.0f} MB ({need:,} bytes), the budget is {budget_mb:,} MB; lower dim "
                "or shards (1 needs no copy), or give Word2Vec a larger budget_mb"
            )
        self.how = how
        self.register_buffer("input", torch.zeros(words + 1, dim))
        self.register_buffer("output", torch.zeros(words + 1, dim))
        self.register_buffer("seen", torch.zeros(words + 1, dtype=torch.int64))

    @property
    def cold(self) -> Tensor:
        """[n + 1], bool: words without a learnt vector."""
        return self.seen == 0

    def solve(self, corpus: Ragged, progress: Progress, sizes: I64 | None = None) -> None:
        """Learns from sequences or sets of ids; ids 0 are left out.

        `sizes`: words of each type, side by side in the order of ids; negatives then stay within
        the type of the word they stand against (metapath2vec++). u starts uniform in +-spread / d,
        v at 0. Leaves `reproducible` in the log.

        Raises:
            ValueError: an id above n, or no word is left.
        """
        values, start, seen = self._read(corpus)
        self.seen[1:] = torch.from_numpy(seen)
        started = torch.rand(self.input[1:].shape, generator=progress.generator("words"))
        self.input[1:] = (2 * started - 1) * self.how.spread / self.input.shape[1]
        self.output.zero_()
        how = self.how
        targets = how.targets(seen, sizes)
        tables = Tables(
            self.input[1:].numpy(),
            self.output[1:].numpy(),
            np.zeros(len(seen), np.int32),
            np.zeros(len(seen), np.int32),
        )
        bounds = parts(start, how.shards, how.round_words)
        keep = keep_chance(seen, how.subsample, how.dialect)
        train = train_exact if how.reproducible else train_loose
        for epoch in range(how.epochs):
            rules = how.rules(progress.seed_of("contexts"), epoch)
            told = how.told(progress, epoch, len(bounds))
            train(tables, Corpus(values, start, keep), targets, rules, bounds, told)
        finite(self.input[1:], how)
        progress.note("reproducible", float(how.reproducible))

    def _read(self, corpus: Ragged) -> tuple[I32, I64, I64]:
        """Ids from 0 of words frequent enough, where rows begin, and counts beside others."""
        words = len(self.seen) - 1
        ids, start = corpus.values.numpy(), corpus.start.numpy()
        low, high = (int(ids.min()), int(ids.max())) if len(ids) else (0, 0)
        if low < 0 or high > words:
            raise ValueError(f"corpus: ids {low} to {high}, allowed 0 to {words:,}")
        counts = np.bincount(ids, minlength=words + 1)
        counts[0] = 0
        kept = counts >= self.how.min_count
        if not kept.any():
            raise ValueError(
                f"no word occurs {self.how.min_count} times; the most frequent occurs "
                f"{int(counts.max())} times: lower min_count"
            )
        values = ids.astype(np.int32) - np.int32(1)
        if not kept[counts > 0].all() or low == 0:
            chosen = kept[ids]
            start = np.concatenate([[0], np.cumsum(chosen)])[start]
            values = values[chosen]
        lengths = np.diff(start)
        together = values[np.repeat(lengths > 1, lengths)]
        return values, start.astype(np.int64), np.bincount(together, minlength=words)
