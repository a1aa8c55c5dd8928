"""What vectors of nodes know of the nodes' labels, by the protocol of the published tables.

Letters: N nodes, D width, C labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from polyrec.evaluate.logistic import one_vs_rest

Flags = NDArray[np.bool_]
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Spread:
    """A mean over shuffles and its 95% interval (Student).

    The shuffles share their nodes: the interval tells how much the choice of training nodes moves
    the mean, not how another graph or another walk would.
    """

    mean: float
    low: float
    high: float
    each: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """From one value a shuffle; without a second one there is no interval."""
        mean, count = float(np.mean(values)), len(values)
        if count < 2:
            return cls(mean, np.nan, np.nan, tuple(values))
        half = float(t.ppf(0.975, count - 1) * np.std(values, ddof=1) / np.sqrt(count))
        return cls(mean, mean - half, mean + half, tuple(values))


@dataclass(frozen=True)
class NodeScore:
    """F1 at one share of training nodes."""

    share: float
    micro: Spread
    macro: Spread
    nodes: int  # that have a label
    left_out: int  # that have none


def drawable(shares: Sequence[float], shuffles: int) -> None:
    """Passes if nodes can be split so: ask before long work.

    Raises:
        ValueError: a share outside (0, 1), or fewer than one shuffle.
    """
    wrong = [share for share in shares if not 0 < share < 1]
    if wrong or not shares:
        raise ValueError(f"shares {wrong}: need at least one, each above 0 and below 1, such as .5")
    if shuffles < 1:
        raise ValueError(f"shuffles {shuffles}: need at least 1; 10 is usual")


def classify(
    vectors: NDArray[Any],
    truth: Flags,
    shares: Sequence[float] = SHARES,
    shuffles: int = 10,
    seed: int = 0,
) -> tuple[NodeScore, ...]:
    """Micro- and Macro-F1 of labels told from vectors, for each share of training nodes.

    One-vs-rest logistic regression (L2, C = 1, vectors as they are, the intercept pulled to 0 too,
    as in liblinear); how many labels a node has is given, and that many with the best scores are
    predicted: DeepWalk's protocol (Perozzi et al. 2014, section 6). So the figures are above
    those of a free threshold. Nodes without a label are left out and counted.

    Args:
        vectors: [N, D].
        truth: [N, C].

    Raises:
        ValueError: shapes, a share outside (0, 1), fewer than one shuffle, or too few nodes.
    """
    if len(vectors) != len(truth):
        raise ValueError(f"vectors of {len(vectors):,} nodes, labels of {len(truth):,}")
    drawable(shares, shuffles)
    known = np.flatnonzero(truth.any(1))
    if int(min(shares) * len(known)) < 1:
        raise ValueError(f"{len(known)} nodes with a label: too few for a share of {min(shares)}")
    found: dict[float, list[tuple[float, float]]] = {share: [] for share in shares}
    for shuffle in range(shuffles):
        order = known[np.random.default_rng([seed, shuffle]).permutation(len(known))]
        for share in shares:
            cut = int(share * len(order))
            found[share].append(_told(vectors, truth, order[:cut], order[cut:]))
    return tuple(_scores(found, len(known), len(truth) - len(known)))


def predicted(scores: NDArray[Any], counts: NDArray[Any]) -> Flags:
    """[N, C]: as many labels as each node has, the best scores first, ties by the lower label."""
    order = np.argsort(-scores, axis=1, kind="stable")
    chosen = np.zeros(scores.shape, bool)
    np.put_along_axis(chosen, order, np.arange(scores.shape[1]) < counts[:, None], axis=1)
    return chosen


def f1(truth: Flags, guess: Flags) -> tuple[float, float]:
    """Micro: over all decisions; Macro: mean over labels, 0 where a label neither is nor is told.

    >>> f1(np.array([[1, 0], [1, 1]], bool), np.array([[1, 0], [0, 1]], bool))
    (0.8, 0.8333333333333333)
    """
    hits = (truth & guess).sum(0)
    both = truth.sum(0) + guess.sum(0)
    each = 2 * hits / np.maximum(both, 1)
    return float(2 * hits.sum() / max(both.sum(), 1)), float(each.mean())


def _told(
    vectors: NDArray[Any], truth: Flags, train: NDArray[Any], test: NDArray[Any]
) -> tuple[float, float]:
    lines = one_vs_rest(vectors[train], truth[train], intercept="pulled")
    guess = predicted(lines.scores(vectors[test]), truth[test].sum(1))
    return f1(truth[test], guess)


def _scores(
    found: dict[float, list[tuple[float, float]]], nodes: int, left_out: int
) -> Iterator[NodeScore]:
    for share, pairs in found.items():
        micro, macro = zip(*pairs, strict=True)
        yield NodeScore(share, Spread.of(micro), Spread.of(macro), nodes, left_out)
