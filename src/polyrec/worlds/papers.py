"""A world of papers whose classes are told by some links and blurred by others.

Authors mostly write in one field, citations go nearly anywhere, words say little: whoever knows
which link is which has an advantage, and how large it is depends on figures that stand here.

Letters: n papers, A authors, W words, E links.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]


@dataclass(frozen=True)
class Papers:
    """How large the world is, and how much each kind of link tells of a paper's class.

    A share is the chance that a link is drawn among those of the paper's own class; else it goes
    to anybody. So 0 says nothing, 1 says all.
    """

    papers: int = 1_000
    authors: int = 200
    words: int = 200
    classes: int = 5
    authors_each: int = 3
    cites_each: int = 4
    words_each: int = 10
    by_authors: float = 0.8
    by_cites: float = 0.1
    by_words: float = 0.15
    train_each: int = 20  # of a class
    valid: int = 300
    seed: int = 1


@dataclass(frozen=True)
class Written:
    """The world's papers: links as pairs (paper, other), each once, and who is used for what."""

    label: I64  # [n]
    links: Mapping[str, I64]  # "by", "cites", "uses" -> [E, 2]
    sizes: Mapping[str, int]  # nodes at the other end
    parts: Mapping[str, I64]  # "train", "valid", "test" -> paper ids


PAPERS = Papers()
FEW = Papers(papers=160, authors=60, words=40, classes=3, train_each=10, valid=50)
EVEN = Papers(by_authors=0.45, by_cites=0.45)
NETWORKS: dict[str, Papers] = {
    "papers": PAPERS,  # authors tell the class, citations hardly do
    "papers_even": EVEN,  # authors and citations tell it alike: types are worth little
    "papers_tiny": FEW,  # for tests
}


def written(world: Papers) -> Written:
    """The world itself; the same for the same figures."""
    draw = np.random.default_rng(world.seed)
    label = draw.integers(0, world.classes, world.papers)
    ends = {
        "by": (world.authors, world.authors_each, world.by_authors),
        "cites": (world.papers, world.cites_each, world.by_cites),
        "uses": (world.words, world.words_each, world.by_words),
    }
    links, sizes = {}, {}
    for name, (size, each, share) in ends.items():
        of = label if name == "cites" else np.arange(size) % world.classes
        links[name] = _linked(draw, label, of, (each, share))
        sizes[name] = size
    return Written(label, links, sizes, _parts(draw, label, world))


def _linked(
    draw: np.random.Generator, label: I64, of: I64, how: tuple[int, float]
) -> NDArray[np.int64]:
    """[E, 2]: `each` draws a paper, within its class with chance `share`; repeats and self away."""
    each, share = how
    row = np.repeat(np.arange(len(label)), each)
    other = draw.integers(0, len(of), len(row))
    order = np.argsort(of, kind="stable")
    start = np.searchsorted(of[order], np.arange(label.max() + 2))
    size = np.diff(start)[label[row]]
    inside = order[start[label[row]] + (draw.random(len(row)) * size).astype(np.int64)]
    pairs = np.stack([row, np.where(draw.random(len(row)) < share, inside, other)], 1)
    if of is label:
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return np.unique(pairs, axis=0)


def _parts(draw: np.random.Generator, label: I64, world: Papers) -> dict[str, I64]:
    order = draw.permutation(len(label))
    train = np.concatenate([order[label[order] == c][: world.train_each]
                            for c in range(world.classes)])  # fmt: skip
    rest = order[~np.isin(order, train)]
    return {"train": train, "valid": rest[: world.valid], "test": rest[world.valid :]}
