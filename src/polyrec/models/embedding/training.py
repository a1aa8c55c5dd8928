"""How word vectors are learnt: every setting, its default and its bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyrec.kernels.words import contexts
from polyrec.kernels.words.targets import Targets, every_word, huffman, negatives
from polyrec.types import Progress

I64 = NDArray[np.int64]
F32 = NDArray[np.float32]
Architecture = Literal["skipgram", "cbow_mean", "cbow_sum"]
Output = Literal["negatives", "tree", "softmax"]
Reading = Literal["shrinking", "full", "set", "pair"]
Dialect = Literal["exact", "gensim", "paper"]
Updates = Literal["rounds", "loose"]
MOST_SHARDS = 1_024
ARCHITECTURES: dict[Architecture, int] = {
    "skipgram": contexts.SKIPGRAM,
    "cbow_mean": contexts.MEAN,
    "cbow_sum": contexts.SUM,
}
READINGS: dict[Reading, int] = {
    "shrinking": contexts.SHRINKING,
    "full": contexts.FULL,
    "set": contexts.SET,
    "pair": contexts.PAIR,
}
SOFTMAX_AT_MOST = 5_000  # words; the whole softmax is an oracle, not a way to train


@dataclass(frozen=True)
class Training:
    """Settings of the word2vec family; Mikolov et al. 2013 (arXiv 1301.3781 and NIPS) unless said.

    `reading`: who stands beside whom. "shrinking" = within 1..`window` places, the reach drawn
    anew for each word; "full" = within `window`; "set" = every other member, each pair weighing
    1 / size (item2vec; above 32 members through 20 drawn partners, equal on average, which the
    passport must say); "pair" = the first of two is the context of the second (LINE-2). Order
    within a window is ignored: only membership and distance matter.

    `output`: "negatives" = K + 1 logistic terms, negatives in proportion to count ** `exponent`;
    "tree" = a Huffman tree (DeepWalk's own); "softmax" = all words, for tests on small ones.

    `dialect`: "exact" = the exact sigmoid and the true gradient; "gensim" = no gradient at all
    beyond |x| >= 6, a table of 1,000 places within, and in CBOW the mean's gradient undivided and
    the sum's divided; "paper" = exact, words kept by the paper's 1 - sqrt(t / f).

    `updates`: "rounds" = bytes that depend on no thread count. One shard is plain descent on one
    thread, the least work and the best vectors. More `shards` read parts of the corpus side by
    side, each on a copy of the tables, and meet after `round_words` words each; a row moved more
    than `cap` times in a round moves by less than the sum, at least by the mean, which costs a
    tree's upper nodes most (BlogCatalog, two shards: -.005 Micro-F1). "loose" =
    shards write into the same tables without locks (Hogwild): not reproducible beyond 1 thread,
    without copies, and slower where many rows are everybody's, as a tree's upper nodes are.
    """

    architecture: Architecture = "skipgram"
    output: Output = "negatives"
    reading: Reading = "shrinking"
    window: int = 5  # text; 10 for walks
    negatives: int = 5  # 15-20 is often better for few items
    exponent: float = 0.75  # tuning it matters most for items (Caselles-Dupre et al. 2018)
    subsample: float = 0.0  # degree is signal in walks; 1e-3 for sets
    spread: float = 1.0  # input vectors start uniform in +- spread / d; word2vec.c .5, gensim 4 1
    lr: float = 0.025
    last_lr: float = 0.0001
    epochs: int = 5
    min_count: int = 5  # 1 for graphs
    dialect: Dialect = "exact"
    updates: Updates = "rounds"
    shards: int = 1  # more read side by side, on copies; see `updates`
    round_words: int = 2_000
    cap: float = 64.0

    def __post_init__(self) -> None:
        for name, low in (("window", 1), ("epochs", 1), ("min_count", 1), ("shards", 1)):
            if getattr(self, name) < low:
                raise ValueError(f"{name}={getattr(self, name)}: need at least {low}")
        if self.shards > MOST_SHARDS:
            raise ValueError(f"shards={self.shards:,}: allowed 1 to {MOST_SHARDS:,}")
        if self.output == "negatives" and self.negatives < 1:
            raise ValueError(
                f"negatives={self.negatives}: need at least 1; without any use output='tree'"
            )
        if not 0 < self.spread < float("inf"):
            raise ValueError(f"spread={self.spread}: need above 0; .5 and 1 are usual")
        if not -1 <= self.exponent <= 1:
            raise ValueError(f"exponent={self.exponent}: allowed -1 to 1")
        if self.subsample < 0 or not 0 < self.last_lr <= self.lr:
            raise ValueError(
                f"subsample={self.subsample}, lr={self.lr} to {self.last_lr}: need subsample >= 0 "
                "and 0 < last_lr <= lr"
            )
        if self.reading in ("set", "pair") and self.architecture != "skipgram":
            raise ValueError(f"reading={self.reading!r} is defined for skipgram alone")

    @property
    def reproducible(self) -> bool:
        """Whether the same seed gives the same bytes on any number of threads."""
        return self.updates == "rounds"

    def targets(self, counts: I64, sizes: I64 | None = None) -> Targets:
        """What each word is told from.

        Raises:
            ValueError: the whole softmax for many words, or types of words for a tree.
        """
        if self.output == "negatives":
            return negatives(counts, self.exponent, self.negatives, sizes)
        if sizes is not None:
            raise ValueError(f"output={self.output!r} knows no types; use output='negatives'")
        if self.output == "tree":
            return huffman(counts)
        if len(counts) > SOFTMAX_AT_MOST:
            raise ValueError(
                f"softmax over {len(counts):,} words: at most {SOFTMAX_AT_MOST:,}; use 'negatives'"
            )
        return every_word(len(counts))

    def rules(self, seed: int, epoch: int) -> contexts.Rules:
        """What the kernel reads."""
        return contexts.Rules(
            self.window,
            READINGS[self.reading],
            ARCHITECTURES[self.architecture],
            int(self.dialect == "gensim"),
            self.lr,
            self.last_lr,
            self.epochs,
            np.uint64(seed % 2**64),
            epoch,
            self.cap,
        )

    def told(self, progress: Progress, epoch: int, of: int) -> Callable[[int], None]:
        """Hears how many of an epoch's `of` pieces are read, and tells the part of all epochs."""
        return lambda read: progress.done((epoch + read / of) / self.epochs)


def finite(vectors: Tensor, how: Training) -> None:
    """Passes if learning did not run away.

    Raises:
        ValueError: a vector has NaN or inf.
    """
    wrong = int((~torch.isfinite(vectors).all(1)).sum())
    if wrong:
        raise ValueError(
            f"lr={how.lr}: {wrong:,} of {len(vectors):,} vectors ran away to NaN or infinity; "
            "lower lr (.025 is usual, .25 for sets)"
        )


def keep_chance(counts: I64, subsample: float, dialect: Dialect = "exact") -> F32:
    """[V]: the chance of each occurrence of a word to be read; empty = all are.

    With T = `subsample` x all occurrences, f = the word's: min(1, (sqrt(f / T) + 1) T / f), as
    word2vec.c and gensim have it; in the paper's dialect min(1, sqrt(T / f)).

    >>> [round(float(x), 3) for x in keep_chance(np.array([90, 10]), 0.01)]
    [0.117, 0.416]
    """
    if subsample == 0:
        return np.empty(0, np.float32)
    f = np.maximum(counts, 1).astype(np.float64)
    ratio = subsample * counts.sum() / f
    chance = np.sqrt(ratio) if dialect == "paper" else np.sqrt(ratio) + ratio
    return np.asarray(np.minimum(1, chance), np.float32)
