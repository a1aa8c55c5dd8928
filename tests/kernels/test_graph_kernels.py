"""Graph kernels give the same with and without compilation, and keep to their own rows."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyrec.kernels.graphs.cooccur import heaviest, sampled
from polyrec.kernels.graphs.swaps import exchanged

DIGEST = """
import hashlib, warnings
import numpy as np
warnings.simplefilter("ignore")  # plain numpy warns where words wrap around
from polyrec.graph import Edges, Interactions, relation_of, symmetric
from polyrec.graph.builders import cooccurrence, swing
from polyrec.graph.ops import clustering, core_number, ppr, receptive_field, rewire
rng = np.random.default_rng(0)
log = Interactions.arrange(rng.integers(0, 20, 200), rng.integers(0, 25, 200), (20, 25))
graph = cooccurrence(log, 6)[0].only
ends = rng.integers(0, 30, (2, 60))
one = symmetric(relation_of(("a", "b", "a"), Edges(*ends), (30, 30))[0])
parts = [graph, swing(log, max_users=4)[0].only, ppr(one, np.arange(30), 5), rewire(one, 3)]
told = hashlib.sha256()
for part in parts:
    told.update(part.indptr.tobytes() + part.indices.tobytes() + part.weights.tobytes())
told.update(clustering(one).tobytes() + core_number(one).tobytes())
told.update(repr(receptive_field(one, np.arange(30), 2, (2, 2))).encode())
print(told.hexdigest())
"""


def digest(compiled: bool) -> str:
    environment = os.environ | ({} if compiled else {"NUMBA_DISABLE_JIT": "1"})
    done = subprocess.run(
        [sys.executable, "-c", DIGEST], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_compiled_and_plain_kernels_give_the_same_bytes() -> None:
    assert digest(compiled=True) == digest(compiled=False)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=20), st.integers(1, 6), st.integers(0, 99))
def test_a_sample_has_the_size_that_is_asked(sizes: list[int], limit: int, seed: int) -> None:
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    keep = sampled(start, limit, seed, "test")
    kept = [int(keep[a:b].sum()) for a, b in pairwise(start)]
    assert kept == [min(size, limit) for size in sizes]


def test_all_members_are_sampled_alike() -> None:
    start = np.arange(0, 8 * 6_001, 8)
    share = sampled(start, 3, 1, "test").reshape(-1, 8).mean(0)
    assert np.abs(share - 3 / 8).max() < 4 * np.sqrt(3 / 8 * 5 / 8 / 6_000)


def test_a_row_is_sampled_by_its_number_and_not_by_what_stands_before() -> None:
    alone = sampled(np.array([0, 0, 9]), 4, 7, "test")
    beside = sampled(np.array([0, 5, 14]), 4, 7, "test")
    assert alone.tolist() == beside[5:].tolist()


@given(st.lists(st.sampled_from([0.5, 1.0, 2.0]), max_size=9), st.integers(1, 9))
def test_the_heaviest_are_kept_the_earlier_of_equal_ones(weight: list[float], k: int) -> None:
    found = heaviest(np.array([0, len(weight)]), np.array(weight, np.float32), k)
    order = sorted(range(len(weight)), key=lambda place: (-weight[place], place))
    assert found.tolist() == sorted(order[:k])


@pytest.mark.parametrize("kind", ["undirected", "directed", "crossing"])
def test_exchanges_make_neither_doubles_nor_loops(kind: str) -> None:
    rng = np.random.default_rng(0)
    ends = np.unique(rng.integers(0, 40, (150, 2)), axis=0)
    ends = ends[ends[:, 0] < ends[:, 1]] if kind == "undirected" else ends
    ends = ends if kind == "crossing" else ends[ends[:, 0] != ends[:, 1]]
    source, target = ends[:, 0].copy(), ends[:, 1].copy()
    assert exchanged(source, target, kind, 500, 1) == 500
    pairs = {(a, b) for a, b in zip(source.tolist(), target.tolist(), strict=True)}
    if kind == "undirected":
        pairs = {(min(pair), max(pair)) for pair in pairs}
    assert len(pairs) == len(ends)
    assert kind == "crossing" or all(a != b for a, b in pairs)
    whole = np.bincount(np.concatenate([source, target]), minlength=40)
    assert whole.tolist() == np.bincount(ends.ravel(), minlength=40).tolist()
    if kind != "undirected":
        assert sorted(source.tolist()) == sorted(ends[:, 0].tolist())
