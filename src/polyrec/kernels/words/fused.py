"""Word vectors made of several rows: an item's own and those of what is known of it.

As one shard of `training`, but the input of a context is fused from its rows: softmax weights of
its own (EGES), their mean (GES), their sum, or side by side. With one row a word all are plain
word2vec, but for rounding. One thread reads the corpus in order: bytes depend on nothing else.

Letters: V words, J rows a word at most, S rows of the table, d their width, D that of an input.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from polyrec.kernels.graphs.rng import purpose, stream_key, unit_float
from polyrec.kernels.words.contexts import Corpus, Rules, beside, kept
from polyrec.kernels.words.targets import Targets, asked
from polyrec.kernels.words.training import CENTERS, Tables, Told, _desk, nobody, slopes

Floats = NDArray[np.floating]
I32 = NDArray[np.int32]
WEIGHTED, MEAN, SUM, CONCAT = 0, 1, 2, 3  # fusions
OWN_ROWS = purpose("own rows")
PIECE = 5_000  # sentences between two words to whoever waits


class Fused(NamedTuple):
    """Rows that inputs are fused from, the logits of their weights, and the outputs."""

    w: Floats  # [S, d]
    a: Floats  # [V, J]
    v: Floats  # [V, D]
    rows: I32  # [V, J], rows of w; 0 = there is none, so row 0 is never read


class Fusion(NamedTuple):
    """How rows become an input."""

    how: int  # WEIGHTED, MEAN, SUM or CONCAT
    without_own: float  # the chance of a context to do without its first row, if it has others


def train_fused(
    tables: Fused,
    corpus: Corpus,
    targets: Targets,
    rules: Rules,
    fusion: Fusion,
    told: Told = nobody,
) -> None:
    """One epoch, in place; `told` hears now and then how many sentences are read."""
    none = np.zeros(1, np.int32)
    sizes, sentences = Tables(tables.v, tables.v, none, none), len(corpus.start) - 1
    for first in range(0, sentences, PIECE):
        stop = min(first + PIECE, sentences)
        _run((tables, sizes), corpus, targets, rules, fusion, (first, stop))
        told(stop)


@njit(cache=True)
def _run(both, corpus, targets, rules, fusion, part):  # type: ignore[no-untyped-def]
    tables, sizes = both
    longest = 0
    for sentence in range(part[0], part[1]):
        longest = max(longest, corpus.start[sentence + 1] - corpus.start[sentence])
    tokens = np.empty(longest, np.int32)
    desk = _desk(sizes, targets, rules)
    shares = np.empty(tables.rows.shape[1], tables.w.dtype)
    every = rules.epochs * corpus.start[-1]
    for sentence in range(part[0], part[1]):
        begin = corpus.start[sentence]
        done = (rules.epoch * corpus.start[-1] + begin) / every
        lr = rules.lr + (rules.last_lr - rules.lr) * done
        words = tokens[: kept(corpus, rules, sentence, tokens)]
        for place in range(len(words)):
            key = stream_key(rules.seed, CENTERS, rules.epoch, begin + place)
            near, weight = beside(words, place, rules, key, desk.near)
            if near > 0:
                count = asked(targets, words[place], key, desk.rows, desk.labels)
                many = count, lr * weight, rules.table
                _contexts(tables, desk, shares, (near, key ^ OWN_ROWS, fusion), many)


@njit(cache=True, fastmath=True, error_model="numpy")
def _contexts(tables, desk, shares, how, many):  # type: ignore[no-untyped-def]
    """Every context in turn: fused, held against all rows asked for, and taken apart again."""
    w, a, v, rows, x, move = tables.w, tables.a, tables.v, tables.rows, desk.x, desk.move
    asked_rows, gain, labels, ids = desk.rows, desk.gain, desk.labels, desk.near
    (near, key, fusion), (count, lr, table) = how, many
    apart = w.shape[1] if fusion.how == CONCAT else 0  # of two rows' places in the input
    for context in range(near):
        word = ids[context]
        _share(a, rows, word, shares, (fusion.how, _alone(fusion, key, context)))
        x[0, :] = 0
        move[0, :] = 0
        for j in range(len(shares)):
            share, row, at = shares[j], rows[word, j], j * apart
            if share > 0:
                for d in range(w.shape[1]):
                    x[0, at + d] += share * w[row, d]
        # as `training._logistic`, written out: handing arrays to a function for each context costs
        # as much again
        for at in range(count):
            row, dot = asked_rows[at], v.dtype.type(0)
            for d in range(v.shape[1]):
                dot += x[0, d] * v[row, d]
            gain[at] = dot
        slopes(gain, labels, count, lr, table)
        for at in range(count):
            row, step = asked_rows[at], gain[at]
            for d in range(v.shape[1]):
                old = v[row, d]
                move[0, d] += step * old
                v[row, d] = old + step * x[0, d]
        if fusion.how == WEIGHTED:
            _reweigh(w, a, rows, word, (shares, x, move))
        for j in range(len(shares)):
            share, row, at = shares[j], rows[word, j], j * apart
            if share > 0:
                for d in range(w.shape[1]):
                    w[row, d] += share * move[0, at + d]


@njit(cache=True)
def _alone(fusion, key, context):  # type: ignore[no-untyped-def]
    """Whether a context does without its own row this time."""
    return fusion.without_own > 0 and unit_float(key, context) < fusion.without_own


@njit(cache=True)
def _share(a, rows, word, share, fusion):  # type: ignore[no-untyped-def]
    """What each row counts for; one that is not there counts for nothing, and so does its logit."""
    kind, (how, alone) = share.dtype.type, fusion
    first = 0
    if alone:
        for j in range(1, len(share)):
            if rows[word, j] > 0:
                first = 1
    highest, total = kind(-np.inf), kind(0)
    for j in range(first, len(share)):
        if rows[word, j] > 0:
            highest = max(highest, a[word, j])
    for j in range(len(share)):
        share[j] = 0
        if j >= first and rows[word, j] > 0:
            share[j] = np.exp(a[word, j] - highest) if how == WEIGHTED else kind(1)
            total += share[j]
    if how < SUM:  # shares of one
        for j in range(len(share)):
            share[j] /= max(total, kind(1e-30))


@njit(cache=True, inline="always")
def _reweigh(w, a, rows, word, desk):  # type: ignore[no-untyped-def]
    """Moves the logits by share x (row - input) . gradient, with rows as they were read."""
    shares, x, move = desk
    whole = w.dtype.type(0)
    for d in range(w.shape[1]):
        whole += x[0, d] * move[0, d]
    for j in range(len(shares)):
        share, row, dot = shares[j], rows[word, j], w.dtype.type(0)
        if 0 < share < 1:  # a single row has nothing to be weighed against
            for d in range(w.shape[1]):
                dot += w[row, d] * move[0, d]
            a[word, j] += share * (dot - whole)
