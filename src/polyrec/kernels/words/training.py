"""One pass over a corpus: steps of word vectors, one sentence after the other.

Each context predicts the word it stands beside. The contexts of one word share its negatives, and
meet them one after the other, as plain gradient descent would; only under the whole softmax do the
contexts of a word move together, once it is done. Sharing changes the variance of the gradient, not
its expectation.

Letters: V words, d width, S shards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from polyrec.kernels.graphs.rng import purpose, stream_key
from polyrec.kernels.words.contexts import PARTNERS, SKIPGRAM, SUM, beside, kept
from polyrec.kernels.words.targets import WHOLE, asked

Floats = NDArray[np.floating]
I32 = NDArray[np.int32]
Told = Callable[[int], None]
CENTERS = purpose("centers")
FINITE_OR_NOT = {"reassoc", "contract", "nsz", "arcp", "afn"}  # fastmath that knows NaN
FAR = 30.0  # beyond it the sigmoid of a float32 is 0 or 1
LOG2_E, LN2_HIGH, LN2_LOW = 1.4426950408889634, 0.693145751953125, 1.42860682030941723e-6
POWERS_FROM = 64  # POWERS[i] is 2 ** (i - 64)
POWERS = np.ldexp(np.float32(1), np.arange(-64, 65)).astype(np.float32)


class Tables(NamedTuple):
    """Input and output vectors, and how often each row moved since the shards last met."""

    u: Floats  # [V, d], or [S, V, d]
    v: Floats
    moves_u: I32  # [V], or [S, V]
    moves_v: I32


def nobody(done: int) -> None:
    """Hears how much is done, and says nothing."""


@njit(cache=True)
def _run(tables, corpus, targets, rules, first, stop):  # type: ignore[no-untyped-def]
    longest = 0
    for sentence in range(first, stop):
        longest = max(longest, corpus.start[sentence + 1] - corpus.start[sentence])
    tokens = np.empty(longest, np.int32)
    desk = _desk(tables, targets, rules)
    every = rules.epochs * corpus.start[-1]
    for sentence in range(first, stop):
        begin = corpus.start[sentence]
        done = (rules.epoch * corpus.start[-1] + begin) / every
        lr = rules.lr + (rules.last_lr - rules.lr) * done
        words = tokens[: kept(corpus, rules, sentence, tokens)]
        for place in range(len(words)):
            key = stream_key(rules.seed, CENTERS, rules.epoch, begin + place)
            near, weight = beside(words, place, rules, key, desk.near)
            if near > 0:
                count = asked(targets, words[place], key, desk.rows, desk.labels)
                _step(tables, desk, targets.negatives, rules, (near, count, lr * weight))


class Desk(NamedTuple):
    """Scratch of one shard."""

    near: NDArray[np.int32]
    rows: NDArray[np.int32]
    labels: NDArray[np.float32]
    gain: Floats
    x: Floats  # [contexts, d]: the inputs of this word
    move: Floats  # [contexts, d]: what they are to be moved by


@njit(cache=True)
def _desk(tables, targets, rules):  # type: ignore[no-untyped-def]
    most = max(2 * rules.window, 32, PARTNERS)
    longest = max(1 + targets.negatives, 1)  # rows that one word asks for
    for center in range(len(targets.path) - 1):
        longest = max(longest, targets.path[center + 1] - targets.path[center])
    return Desk(
        np.empty(most, np.int32),
        np.empty(longest, np.int32),
        np.empty(longest, np.float32),
        np.empty(longest, tables.u.dtype),
        np.empty((most, tables.u.shape[1]), tables.u.dtype),
        np.empty((most, tables.u.shape[1]), tables.u.dtype),
    )


@njit(cache=True)
def _step(tables, desk, negatives, rules, counts):  # type: ignore[no-untyped-def]
    """Moves one word's outputs and the inputs of its contexts."""
    near, count, lr = counts
    if rules.architecture == SKIPGRAM and negatives != WHOLE:
        _count(tables.moves_u, desk.near, near)
        _count(tables.moves_v, desk.rows, count)
        _skipgram(tables, desk, near, (count, lr, rules.table))
        return
    inputs = _gather(tables.u, desk, rules.architecture, near)
    if negatives == WHOLE:
        _softmax(tables.v, desk, inputs, desk.rows[0], lr)
        tables.moves_v[:] += np.int32(1)
    else:
        _count(tables.moves_v, desk.rows, count)
        _logistic(tables.v, desk, (count, lr, rules.table))
    share = 1.0
    if rules.architecture != SKIPGRAM and (rules.architecture == SUM) == (rules.table == 1):
        share = 1.0 / near  # the mean's true gradient; gensim divides the sum's instead
    _scatter(tables, desk, near, 0 if rules.architecture == SKIPGRAM else 1, share)


@njit(cache=True, fastmath=True, error_model="numpy")
def _gather(u, desk, architecture, near):  # type: ignore[no-untyped-def]
    """The inputs of a word: each context, or their mean or sum. Returns how many."""
    x, move, ids = desk.x, desk.move, desk.near
    if architecture == SKIPGRAM:  # under the whole softmax alone
        for context in range(near):
            row = ids[context]
            for d in range(u.shape[1]):
                x[context, d] = u[row, d]
                move[context, d] = 0
        return near
    share = u.dtype.type(1.0 if architecture == SUM else 1.0 / near)
    for d in range(u.shape[1]):
        x[0, d] = 0
        move[0, d] = 0
    for context in range(near):
        row = ids[context]
        for d in range(u.shape[1]):
            x[0, d] += share * u[row, d]
    return 1


@njit(cache=True, fastmath=True, error_model="numpy")
def _scatter(tables, desk, near, single, share):  # type: ignore[no-untyped-def]
    """Moves the contexts: each by its own gradient, or all by the `single` one."""
    u, moves, move, ids = tables.u, tables.moves_u, desk.move, desk.near
    part = u.dtype.type(share)
    for context in range(near):
        row, place = ids[context], 0 if single else context
        moves[row] += np.int32(1)
        for d in range(u.shape[1]):
            u[row, d] += part * move[place, d]


@njit(cache=True, fastmath=True, error_model="numpy")
def _skipgram(tables, desk, near, many):  # type: ignore[no-untyped-def]
    """Every context in turn against all rows asked for; it moves before the next is read.

    Three or two rows are met in one reading of the input, and no array is handed on to another
    function: together 1.2 to 1.3 times the words a second of one row at a time.
    """
    u, v, x, ids = tables.u, tables.v, desk.x, desk.near
    rows, gain, labels = desk.rows, desk.gain, desk.labels
    count, lr, table = many
    threes, zero = count // 3 * 3, v.dtype.type(0)
    for context in range(near):
        own = ids[context]
        for d in range(u.shape[1]):
            x[0, d] = u[own, d]
        for at in range(0, threes, 3):
            i, j, k = rows[at], rows[at + 1], rows[at + 2]
            a, b, c = zero, zero, zero
            for d in range(u.shape[1]):
                a += x[0, d] * v[i, d]
                b += x[0, d] * v[j, d]
                c += x[0, d] * v[k, d]
            gain[at], gain[at + 1], gain[at + 2] = a, b, c
        for at in range(threes, count):
            i, a = rows[at], zero
            for d in range(u.shape[1]):
                a += x[0, d] * v[i, d]
            gain[at] = a
        slopes(gain, labels, count, lr, table)
        for at in range(0, count - 1, 2):
            i, j, a, b = rows[at], rows[at + 1], gain[at], gain[at + 1]
            for d in range(u.shape[1]):
                p = v[i, d]
                v[i, d] = p + a * x[0, d]
                q = v[j, d]  # read after i moved: they may be one row
                v[j, d] = q + b * x[0, d]
                u[own, d] += a * p + b * q
        if count % 2:
            i, a = rows[count - 1], gain[count - 1]
            for d in range(u.shape[1]):
                u[own, d] += a * v[i, d]
                v[i, d] += a * x[0, d]


@njit(cache=True)
def _count(moves, rows, count):  # type: ignore[no-untyped-def]
    """Notes that these rows moved, for when the shards meet."""
    for at in range(count):
        moves[rows[at]] += np.int32(1)


@njit(cache=True, fastmath=True, error_model="numpy")
def _logistic(v, desk, many):  # type: ignore[no-untyped-def]
    """One input against all rows asked for: log sigma of each label's side."""
    x, move, rows, gain = desk.x, desk.move, desk.rows, desk.gain
    count, lr, table = many
    for at in range(count):
        row, dot = rows[at], v.dtype.type(0)
        for d in range(x.shape[1]):
            dot += x[0, d] * v[row, d]
        gain[at] = dot
    slopes(gain, desk.labels, count, lr, table)
    for at in range(count):
        row, step = rows[at], gain[at]
        for d in range(x.shape[1]):
            old = v[row, d]
            move[0, d] += step * old
            v[row, d] = old + step * x[0, d]


@njit(cache=True, inline="always")
def slopes(gain, labels, count, lr, table):  # type: ignore[no-untyped-def]
    """lr x (label - sigmoid) in place of each dot; `table` 1: rounded as gensim has it."""
    if table == 1:
        _slopes_of_table(gain, labels, count, lr)
    else:
        _slopes(gain, labels, count, lr)


@njit(cache=True, fastmath=FINITE_OR_NOT, error_model="numpy")
def _slopes(gain, labels, count, lr):  # type: ignore[no-untyped-def]
    """Exact to the last bits of a float32.

    exp by whole powers of two and a polynomial between them, so that all are computed at once.
    """
    kind = gain.dtype.type
    one, far, rate = kind(1), kind(FAR), kind(lr)
    for at in range(count):
        x = -gain[at] if -gain[at] > -far else -far  # of NaN too: it must not become a place
        x = x if x < far else far
        whole = np.floor(x * kind(LOG2_E) + kind(0.5))
        r = x - whole * kind(LN2_HIGH) - whole * kind(LN2_LOW)
        p = kind(1 / 24) + r * (kind(1 / 120) + r * kind(1 / 720))
        p = one + r * (one + r * (kind(1 / 2) + r * (kind(1 / 6) + r * p)))
        power = p * kind(POWERS[np.int32(whole) + np.int32(POWERS_FROM)])
        gain[at] = rate * (kind(labels[at]) - one / (one + power))


@njit(cache=True, error_model="numpy")
def _slopes_of_table(gain, labels, count, lr):  # type: ignore[no-untyped-def]
    """A table of 1,000 places, and nothing beyond 6."""
    for at in range(count):
        x = gain[at]
        if x >= 6 or x <= -6:
            gain[at] = 0
        else:
            at_table = (np.floor((x + 6) * (1000 / 6 / 2)) / 1000 * 2 - 1) * 6
            gain[at] = lr * (labels[at] - 1 / (1 + np.exp(-at_table)))


@njit(cache=True, error_model="numpy")
def _softmax(v, desk, inputs, center, lr):  # type: ignore[no-untyped-def]
    """Every word against every input: the loss that the others approximate."""
    for context in range(inputs):
        x = desk.x[context]
        logits = np.zeros(len(v), v.dtype)
        for row in range(len(v)):
            for d in range(len(x)):
                logits[row] += v[row, d] * x[d]
        part = np.exp(logits - logits.max())
        part /= part.sum()
        for row in range(len(v)):
            gain = lr * ((row == center) - part[row])
            for d in range(len(x)):
                old = v[row, d]
                desk.move[context, d] += gain * old
                v[row, d] = old + gain * x[d]
