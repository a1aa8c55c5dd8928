"""Nodes with common neighbours side by side, and a relation between nodes in another order."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polyrec.graph import Relation, renumbered
from polyrec.graph.ops import side_by_side

KEY = ("person", "chose", "item")


def relation(dense):
    start = np.concatenate([[0], np.cumsum(dense.sum(1))]).astype(np.int64)
    return Relation(KEY, start, np.nonzero(dense)[1].astype(np.int32), dense.shape[1])


def dense_of(relation):
    return relation.matrix().toarray()


def test_two_camps_that_stand_mixed_are_parted():
    draw = np.random.default_rng(0)
    camps = draw.permutation(60) % 2, draw.permutation(40) % 2
    same = camps[0][:, None] == camps[1]
    dense = draw.random(same.shape) < np.where(same, 0.5, 0.02)
    for camp, order in zip(camps, side_by_side(relation(dense)), strict=True):
        assert np.abs(np.diff(camp[order])).sum() == 1


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 12))
def test_it_is_an_order_of_all_nodes_whatever_the_graph(seed, people, items):
    dense = np.random.default_rng(seed).random((people, items)) < 0.3
    for size, order in zip((people, items), side_by_side(relation(dense)), strict=True):
        assert sorted(order) == list(range(size))


def test_it_does_not_depend_on_the_threads_of_a_sum():
    script = (
        "import hashlib, numpy as np\n"
        "from polyrec.graph import Edges, relation_of\n"
        "from polyrec.graph.ops import side_by_side\n"
        "ends = np.random.default_rng(0).integers(0, 30_000, (2, 60_000))\n"
        "one = relation_of(('a', 'b', 'c'), Edges(*ends), (30_000, 30_000))[0]\n"
        "print(hashlib.sha256(np.concatenate(side_by_side(one)).tobytes()).hexdigest())"
    )
    told = set()
    for threads in ("1", "2"):
        env = os.environ | {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
        )
        told.add(done.stdout)
    assert len(told) == 1


@given(st.integers(0, 10_000))
def test_a_renumbered_relation_has_the_same_edges_with_all_they_carry(seed):
    draw = np.random.default_rng(seed)
    whole = relation(draw.random((6, 5)) < 0.5)
    weight = draw.random(whole.edges).astype(np.float32)
    whole = replace(whole, weight=weight, time=draw.integers(0, 9, whole.edges))
    people, items = draw.permutation(6), draw.permutation(5)
    found = renumbered(whole, people, items)
    assert np.array_equal(dense_of(found), dense_of(whole)[people][:, items])
    late = replace(whole, weight=whole.time.astype(np.float32) + 1)
    again = replace(found, weight=found.time.astype(np.float32) + 1)
    assert np.array_equal(dense_of(again), dense_of(late)[people][:, items])
