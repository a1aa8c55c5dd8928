"""Steps of fused word vectors: the gradient of the stated loss, for rows, logits and outputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from polyrec.kernels.graphs.rng import stream_key
from polyrec.kernels.words import contexts, fused
from polyrec.kernels.words.contexts import Corpus, Rules
from polyrec.kernels.words.targets import asked, negatives
from polyrec.kernels.words.training import CENTERS

WORDS, SIDES, DIM, LR = 12, 5, 6, 1e-8
TARGETS = negatives(np.arange(1, WORDS + 1), 0.75, 5)
FUSIONS = {"weighted": fused.WEIGHTED, "mean": fused.MEAN, "sum": fused.SUM, "concat": fused.CONCAT}


def corpus() -> Corpus:
    rng = np.random.default_rng(5)
    start = np.concatenate([[0], np.cumsum(rng.integers(2, 9, 10))]).astype(np.int64)
    values = rng.integers(0, WORDS, start[-1]).astype(np.int32)
    return Corpus(values, start, np.empty(0, np.float32))


def tables(how: int) -> fused.Fused:
    """Own rows are 1..WORDS; two side places, some of them missing."""
    rng = np.random.default_rng(2)
    side = rng.integers(0, SIDES + 1, (WORDS, 2))
    rows = np.concatenate(
        [np.arange(1, WORDS + 1)[:, None], np.where(side > 0, side + WORDS, 0)], 1
    )
    wide = DIM * (3 if how == fused.CONCAT else 1)
    w = rng.normal(size=(1 + WORDS + SIDES, DIM))
    return fused.Fused(
        w, rng.normal(size=(WORDS, 3)), rng.normal(size=(WORDS, wide)), rows.astype(np.int32)
    )


def inputs(w: torch.Tensor, a: torch.Tensor, rows: torch.Tensor, how: int) -> torch.Tensor:
    """[V, D], by definition."""
    there = (rows > 0)[..., None]
    parts = w[rows] * there
    if how == fused.CONCAT:
        return parts.flatten(1)
    if how == fused.WEIGHTED:
        return (a.masked_fill(rows == 0, -torch.inf).softmax(1)[..., None] * parts).sum(1)
    return parts.sum(1) / (there.sum(1) if how == fused.MEAN else 1)


def loss(h: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    words, total = corpus(), torch.zeros((), dtype=torch.float64)
    rows, labels = np.empty(9, np.int32), np.empty(9, np.float32)
    for first, stop in zip(words.start[:-1], words.start[1:], strict=True):
        sentence = words.values[first:stop]
        for place, center in enumerate(sentence):
            near = [sentence[i] for i in range(len(sentence)) if 0 < abs(i - place) <= 3]
            key = np.uint64(stream_key(9, CENTERS, 0, first + place))
            count = asked(TARGETS, center, key, rows, labels)
            sign = torch.from_numpy(2.0 * labels[:count] - 1)
            total = total - F.logsigmoid(sign * (h[near] @ v[rows[:count]].T)).sum()
    return total


@pytest.mark.parametrize("name", FUSIONS)
def test_a_pass_moves_against_the_gradient_of_the_loss(name: str) -> None:
    how = FUSIONS[name]
    before, after = tables(how), tables(how)
    rules = Rules(3, contexts.FULL, contexts.SKIPGRAM, 0, LR, LR, 1, np.uint64(9), 0, 64.0)
    fused.train_fused(after, corpus(), TARGETS, rules, fused.Fusion(how, 0.0))
    w, a, v = (torch.from_numpy(x).requires_grad_() for x in before[:3])
    total = loss(inputs(w, a, torch.from_numpy(before.rows).long(), how), v)
    grads = torch.autograd.grad(total, (w, a, v), allow_unused=True)
    for now, then, grad in zip(after[:3], before[:3], grads, strict=True):
        wanted = np.zeros(then.shape) if grad is None else grad.numpy()
        assert (now - then) / -LR == pytest.approx(wanted, rel=1e-4, abs=1e-3)
    assert (grads[1] is not None) == (how == fused.WEIGHTED)


def test_without_its_own_row_a_word_moves_its_sides_alone() -> None:
    before, after = tables(fused.MEAN), tables(fused.MEAN)
    rules = Rules(3, contexts.FULL, contexts.SKIPGRAM, 0, LR, LR, 1, np.uint64(9), 0, 64.0)
    fused.train_fused(after, corpus(), TARGETS, rules, fused.Fusion(fused.MEAN, 1.0))
    alone = (before.rows[:, 1:] == 0).all(1)  # nothing else is known of these: they keep theirs
    moved = (after.w != before.w).any(1)
    assert not moved[1 : WORDS + 1][~alone].any()
    assert moved[WORDS + 1 :].any()
