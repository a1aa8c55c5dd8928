"""Steps of word vectors: trees, draws, gradients, and bytes that no thread changes."""

from __future__ import annotations

import heapq
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from polyrec.kernels.graphs.rng import stream_key
from polyrec.kernels.words import contexts
from polyrec.kernels.words.contexts import Corpus, Rules
from polyrec.kernels.words.rounds import parts, train_exact
from polyrec.kernels.words.targets import asked, every_word, huffman, negatives
from polyrec.kernels.words.training import CENTERS, Tables

WORDS, DIM, LR = 20, 6, 1e-8
ALL = np.empty(0, np.float32)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=40))
def test_a_huffman_tree_is_as_short_as_can_be(counts: list[int]) -> None:
    tree = huffman(np.array(counts))
    heap, best = list(counts), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        both = heapq.heappop(heap) + heapq.heappop(heap)
        best += both
        heapq.heappush(heap, both)
    assert (np.diff(tree.path) * counts).sum() == best
    assert tree.node.max() == len(counts) - 2


def test_paths_of_a_tree_are_prefix_free_and_ties_go_by_id() -> None:
    tree = huffman(np.array([5, 1, 1, 2]))
    codes = [tuple(tree.label[a:b]) for a, b in zip(tree.path[:-1], tree.path[1:], strict=True)]
    assert [len(code) for code in codes] == [1, 3, 3, 2]
    assert codes[1][:2] == codes[2][:2]
    assert (codes[1][2], codes[2][2]) == (1, 0)
    assert all(tree.node[tree.path[:-1]] == 2)


def draws(targets, center: int, times: int) -> np.ndarray:
    """How often each word is drawn against `center`."""
    rows, labels = np.empty(99, np.int32), np.empty(99, np.float32)
    found = np.zeros(len(targets.kind), np.int64)
    for unit in range(times):
        count = asked(targets, center, np.uint64(stream_key(1, CENTERS, 0, unit)), rows, labels)
        assert rows[0] == center
        assert labels[:count].tolist() == [1] + [0] * (count - 1)
        found += np.bincount(rows[1:count], minlength=len(found))
    return found


@pytest.mark.parametrize("exponent", [-0.5, 0.0, 0.75, 1.0])
def test_negatives_follow_the_power_of_the_count(exponent: float) -> None:
    counts = np.array([3, 0, 8, 40])
    found = draws(negatives(counts, exponent, 5), 1, 8_000)
    wanted = np.where(counts > 0, np.maximum(counts, 1) ** exponent, 0)
    wanted = wanted / wanted.sum() * 40_000
    assert found[1] == 0
    assert ((found - wanted)[wanted > 0] ** 2 / wanted[wanted > 0]).sum() < 20


def test_a_negative_equal_to_the_word_is_left_out() -> None:
    found = draws(negatives(np.array([1, 1]), 1.0, 4), 0, 2_000)
    assert found[0] == 0
    assert abs(found[1] - 4_000) < 200


def test_negatives_stay_within_the_type() -> None:
    targets = negatives(np.array([5, 1, 2, 9, 4]), 0.75, 5, np.array([2, 3]))
    assert draws(targets, 0, 300)[2:].sum() == 0
    assert draws(targets, 3, 300)[:2].sum() == 0


def corpus() -> Corpus:
    rng = np.random.default_rng(5)
    lengths = rng.integers(2, 9, 12)
    start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Corpus(rng.integers(0, WORDS, start[-1]).astype(np.int32), start, ALL)


def rules(architecture: int, reading: int = contexts.FULL, lr: float = LR, **change) -> Rules:
    made = Rules(3, reading, architecture, 0, lr, lr, 1, np.uint64(9), 0, 64.0)
    return made._replace(**change)


def tables(dtype=np.float64, seed: int = 2) -> Tables:
    rng = np.random.default_rng(seed)
    u, v = (rng.normal(size=(WORDS, DIM)).astype(dtype) for _ in range(2))
    return Tables(u, v, np.zeros(WORDS, np.int32), np.zeros(WORDS, np.int32))


def loss(u: torch.Tensor, v: torch.Tensor, architecture: int, targets) -> torch.Tensor:
    """The loss by its definition, one word after the other, with the draws of the kernel."""
    words, total = corpus(), torch.zeros((), dtype=torch.float64)
    rows, labels = np.empty(99, np.int32), np.empty(99, np.float32)
    for first, stop in zip(words.start[:-1], words.start[1:], strict=True):
        sentence = words.values[first:stop]
        for place, center in enumerate(sentence):
            near = [sentence[i] for i in range(len(sentence)) if 0 < abs(i - place) <= 3]
            x = u[near]
            if architecture != contexts.SKIPGRAM:
                x = x.sum(0, True) if architecture == contexts.SUM else x.mean(0, True)
            if targets.negatives < 0:
                total = total + F.cross_entropy(
                    x @ v.T, torch.full((len(x),), int(center)), reduction="sum"
                )
                continue
            key = np.uint64(stream_key(9, CENTERS, 0, first + place))
            count = asked(targets, center, key, rows, labels)
            sign = torch.from_numpy(2.0 * labels[:count] - 1)
            total = total - F.logsigmoid(sign * (x @ v[rows[:count]].T)).sum()
    return total


TARGETS = {
    "negatives": negatives(np.arange(1, WORDS + 1), 0.75, 5),
    "tree": huffman(np.arange(1, WORDS + 1)),
    "softmax": every_word(WORDS),
}


@pytest.mark.parametrize("output", TARGETS)
@pytest.mark.parametrize(
    "architecture", [contexts.SKIPGRAM, contexts.MEAN, contexts.SUM], ids=["sg", "mean", "sum"]
)
def test_a_pass_moves_against_the_gradient_of_the_loss(architecture: int, output: str) -> None:
    before, after = tables(), tables()
    train_exact(after, corpus(), TARGETS[output], rules(architecture), np.array([[0, 12]]))
    u, v = (torch.from_numpy(x).requires_grad_() for x in (before.u, before.v))
    grads = torch.autograd.grad(loss(u, v, architecture, TARGETS[output]), (u, v))
    for now, then, grad in ((after.u, before.u, grads[0]), (after.v, before.v, grads[1])):
        assert (now - then) / -LR == pytest.approx(grad.numpy(), rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("output", ["tree", *range(1, 6)], ids=str)
def test_contexts_move_one_after_the_other(output: str | int) -> None:
    """At a real rate, where rows repeat; 1 to 6 rows and paths, so that every remainder occurs."""
    counts = np.arange(1, WORDS + 1)
    counts[4:] = 0 if output != "tree" else counts[4:]  # four negatives: the same again and again
    targets = huffman(counts) if output == "tree" else negatives(counts, 0.75, int(output))
    found, plain = tables(), tables()
    how = rules(contexts.SKIPGRAM)._replace(lr=0.05, last_lr=0.05)
    train_exact(found, corpus(), targets, how, np.array([[0, 12]]))
    words, (rows, labels) = corpus(), (np.empty(99, np.int32), np.empty(99, np.float32))
    for first, stop in zip(words.start[:-1], words.start[1:], strict=True):
        sentence = words.values[first:stop]
        for place, center in enumerate(sentence):
            key = np.uint64(stream_key(9, CENTERS, 0, first + place))
            count = asked(targets, center, key, rows, labels)
            for i in range(len(sentence)):
                if 0 < abs(i - place) <= 3:
                    x, move = plain.u[sentence[i]].copy(), np.zeros(DIM)
                    scores = plain.v[rows[:count]] @ x
                    for row, label, score in zip(rows[:count], labels, scores, strict=False):
                        gain = 0.05 * (label - 1 / (1 + np.exp(-score)))
                        move += gain * plain.v[row]
                        plain.v[row] += gain * x
                    plain.u[sentence[i]] += move
    assert found.u == pytest.approx(plain.u, abs=1e-5)
    assert found.v == pytest.approx(plain.v, abs=1e-5)


def test_gensims_dialect_gives_no_gradient_beyond_six_and_a_table_within() -> None:
    pair = Corpus(np.array([0, 1], np.int32), np.array([0, 2]), ALL)
    targets = negatives(np.array([1, 1]), 1.0, 1)._replace(negatives=0, kind=np.empty(0, np.int32))
    tree = targets._replace(path=np.array([0, 1, 2]), node=np.zeros(2, np.int32),
                            label=np.ones(2, np.float32))  # fmt: skip
    for dot, moves in ((-6.5, False), (6.5, False), (-5.9, True)):
        found = Tables(np.array([[dot], [0.0]]), np.ones((1, 1)), *(np.zeros(2, np.int32),) * 2)
        how = rules(contexts.SKIPGRAM, contexts.PAIR, 0.1, table=1)
        train_exact(found, pair, tree, how, np.array([[0, 1]]))
        assert (found.v[0, 0] != 1) == moves
    place = int((-5.9 + 6) * (1000 / 6 / 2))
    sigmoid = 1 / (1 + np.exp(-(place / 1000 * 2 - 1) * 6))
    assert found.v[0, 0] == pytest.approx(1 + 0.1 * (1 - sigmoid) * -5.9, rel=1e-9)


@pytest.mark.parametrize(("architecture", "factor"), [(contexts.MEAN, 2.0), (contexts.SUM, 0.5)])
def test_gensims_cbow_divides_the_gradient_the_other_way_round(
    architecture: int, factor: float
) -> None:
    line = Corpus(np.array([1, 0, 2], np.int32), np.array([0, 3]), ALL)
    moved = []
    for table in (0, 1):
        found = tables()
        found.u[:] = 0  # a dot of 0 lies on the table
        how = rules(architecture, contexts.FULL, 1e-6, window=1, table=table)
        train_exact(found, line, TARGETS["negatives"], how, np.array([[0, 1]]))
        moved.append(found.u[1].copy())
    # word 1 also stands at the edge, with one context alone, where both agree
    edge = tables()
    edge.u[:] = 0
    assert np.abs(moved[1]).sum() != np.abs(moved[0]).sum()
    assert np.sign(np.abs(moved[1]).sum() - np.abs(moved[0]).sum()) == np.sign(factor - 1)


def test_partners_of_a_large_set_weigh_what_the_whole_set_weighs() -> None:
    size = 60
    tokens, near = np.arange(size, dtype=np.int32), np.empty(64, np.int32)
    how = rules(contexts.SKIPGRAM, contexts.SET)
    total = np.zeros(size)
    times = 3_000
    for unit in range(times):
        count, weight = contexts.beside(
            tokens, 7, how, np.uint64(stream_key(3, CENTERS, 0, unit)), near
        )
        assert count == contexts.PARTNERS
        total += np.bincount(near[:count], minlength=size) * weight
    assert total[7] == 0
    others = np.delete(total / times, 7)
    assert others == pytest.approx(np.full(size - 1, 1 / size), rel=0.25)
    assert others.sum() == pytest.approx((size - 1) / size)


def test_a_small_set_meets_each_member_once() -> None:
    near = np.empty(64, np.int32)
    how = rules(contexts.SKIPGRAM, contexts.SET)
    found = contexts.beside(np.array([4, 9, 2], np.int32), 1, how, np.uint64(1), near)
    assert found == (2, 1 / 3)
    assert near[:2].tolist() == [4, 2]


@given(st.integers(1, 5), st.integers(1, 40), st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_parts_hold_every_sentence_once(shards: int, tokens: int, lengths: list[int]) -> None:
    start = np.concatenate([[0], np.cumsum(lengths)])
    bounds = parts(start, shards, tokens)
    assert (np.diff(bounds, axis=1) >= 0).all()
    assert bounds[0, 0] == 0
    assert bounds[-1, -1] == len(lengths)
    assert (bounds[1:, 0] == bounds[:-1, -1]).all()


def test_shards_that_never_meet_a_row_twice_are_plain_descent() -> None:
    values = np.array([0, 1, 2, 3], np.int32)
    apart = Corpus(values, np.array([0, 2, 4]), ALL)
    how = rules(contexts.SKIPGRAM, lr=0.1)
    counts = np.array([1, 1, 1, 1])
    targets = negatives(counts, 1.0, 3, np.array([2, 2]))
    one, two = (tables(np.float32) for _ in range(2))
    train_exact(one, apart, targets, how, np.array([[0, 1], [1, 2]])[:, [0, 1]])
    train_exact(two, apart, targets, how, np.array([[0, 1, 2]]))
    assert one.u == pytest.approx(two.u, abs=1e-6)
    assert one.v == pytest.approx(two.v, abs=1e-6)


THREADS = """
import hashlib, numba, numpy as np
from polyrec.kernels.graphs.walking.steps import Bias
from polyrec.kernels.graphs.walking.tables import SECOND, rows_of
from polyrec.kernels.graphs.walks import walk
from polyrec.kernels.words.contexts import Corpus, Rules
from polyrec.kernels.words.targets import huffman, negatives
from polyrec.kernels.words.rounds import parts, train_exact
from polyrec.kernels.words.training import Tables
rng = np.random.default_rng(0)
indices = rng.integers(0, 50, (50, 6)); indices.sort(1)
graph = rows_of(np.arange(51) * 6, indices.ravel().astype(np.int32), rng.random(300, np.float32))
for threads in (1, 2, 4):
    numba.set_num_threads(threads)
    values, start = walk(graph, np.arange(400, dtype=np.int32) % 50, 15, Bias(.5, 2., SECOND), 3)
    digest = hashlib.sha256(values.tobytes() + start.tobytes())
    counts = np.bincount(values, minlength=50)
    for targets in (negatives(counts, .75, 5), huffman(counts)):
        u = np.random.default_rng(1).random((50, 8), np.float32)
        moves = np.zeros((2, 50), np.int32)
        tables = Tables(u, np.zeros((50, 8), np.float32), moves[0], moves[1])
        keep = np.full(50, .9, np.float32)
        how = Rules(4, 0, 0, 0, .05, .01, 1, np.uint64(7), 0, 64.)
        train_exact(tables, Corpus(values, start, keep), targets, how, parts(start, 4, 200))
        assert np.isfinite(tables.u).all()
        digest.update(tables.u.tobytes() + tables.v.tobytes())
    print(digest.hexdigest())
"""


def test_walks_and_training_give_the_same_bytes_on_1_2_and_4_threads() -> None:
    done = subprocess.run(
        [sys.executable, "-c", THREADS], capture_output=True, text=True, check=False,
        env={**os.environ, "NUMBA_NUM_THREADS": "4", "OMP_NUM_THREADS": "4"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(set(done.stdout.split())) == 1
    assert len(done.stdout.split()) == 3
