"""Who stands beside whom: windows along a sequence, whole sets, or the first of a pair."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from polyrec.kernels.graphs.rng import below, purpose, stream_key, unit_float

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
SHRINKING, FULL, SET, PAIR = 0, 1, 2, 3  # readings
SKIPGRAM, MEAN, SUM = 0, 1, 2  # architectures
EXACT_UP_TO, PARTNERS = 32, 20  # larger sets are met through that many partners a word
SKIPS, PLACES = purpose("subsample"), purpose("contexts")


class Corpus(NamedTuple):
    """Sequences or sets of words, side by side, ids from 0."""

    values: I32  # [sum]
    start: I64  # [R + 1]
    keep: F32  # [V], the chance of a word to be kept; empty = all are


class Rules(NamedTuple):
    """What a word meets and how far it moves."""

    window: int
    reading: int  # SHRINKING, FULL, SET or PAIR
    architecture: int  # SKIPGRAM, MEAN or SUM
    table: int  # 1 = gensim's sigmoid and its division of gradients
    lr: float
    last_lr: float
    epochs: int
    seed: np.uint64
    epoch: int
    cap: float  # moves of a row in a round that are added up whole


@njit(cache=True)
def kept(corpus, rules, sentence, tokens):  # type: ignore[no-untyped-def]
    """Fills the words of a sentence that stay, each by its own draw; returns how many."""
    first, stop = corpus.start[sentence], corpus.start[sentence + 1]
    if len(corpus.keep) == 0:
        tokens[: stop - first] = corpus.values[first:stop]
        return stop - first
    count = 0
    for at in range(first, stop):
        chance = corpus.keep[corpus.values[at]]
        if chance < 1 and unit_float(stream_key(rules.seed, SKIPS, rules.epoch, at), 0) >= chance:
            continue
        tokens[count] = corpus.values[at]
        count += 1
    return count


@njit(cache=True)
def beside(tokens, place, rules, key, near):  # type: ignore[no-untyped-def]
    """Fills the words that meet the one at `place`; returns how many and the weight of each."""
    size = len(tokens)
    if rules.reading == SET:
        return _in_set(tokens, place, key, near)
    if rules.reading == PAIR:
        near[0] = tokens[0]
        return (1, 1.0) if place == 1 else (0, 1.0)
    reach = rules.window
    if rules.reading == SHRINKING:
        reach = 1 + below(key, 0, rules.window)
    count = 0
    for at in range(max(0, place - reach), min(size, place + reach + 1)):
        if at != place:
            near[count] = tokens[at]
            count += 1
    return count, 1.0


@njit(cache=True)
def _in_set(tokens: I32, place: int, key: np.uint64, near: I32) -> tuple[int, float]:
    """The other members, each pair weighing 1 / size; of a large set a sample, equal on average."""
    size = len(tokens)
    if size <= EXACT_UP_TO:
        count = 0
        for at in range(size):
            if at != place:
                near[count] = tokens[at]
                count += 1
        return count, 1.0 / size
    own = key ^ PLACES  # the stream itself draws negatives
    for partner in range(PARTNERS):
        other = below(own, partner, size - 1)
        near[partner] = tokens[other + (other >= place)]
    return PARTNERS, (size - 1) / (size * PARTNERS)
