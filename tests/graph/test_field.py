"""The receptive field: closed forms on trees, brute force on random graphs, and its controls."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from polyrec.graph import Edges, Relation, relation_of, symmetric
from polyrec.graph.ops import Controls, field_controls, receptive_field
from polyrec.kernels.graphs.structure import reached

KEY = ("item", "with", "item")


def tree(branches: int, depth: int) -> Relation:
    """Each node leads to `branches` others; node 0 is the root."""
    inner = sum(branches**level for level in range(depth))
    source = np.repeat(np.arange(inner), branches)
    nodes = inner + branches**depth
    return relation_of(KEY, Edges(source, np.arange(1, nodes)), (nodes, nodes))[0]


def crowd(seed: int = 0, nodes: int = 300, edges: int = 1_500) -> Relation:
    ends = np.random.default_rng(seed).integers(0, nodes, (2, edges))
    weight = np.random.default_rng(seed).uniform(0.1, 1, edges)
    return symmetric(relation_of(KEY, Edges(ends[0], ends[1], weight), (nodes, nodes))[0])


def test_a_tree_is_seen_in_powers_of_its_branches() -> None:
    whole = tree(4, 3)
    hops = receptive_field(whole, np.array([0]), 3, width=16)
    assert [hop.mean for hop in hops] == [1, 5, 21, 85]
    assert hops[3].share == 1
    assert hops[2].bytes == 21 * 16 * 4
    assert [hop.hop for hop in hops] == [0, 1, 2, 3]
    capped = receptive_field(whole, np.array([0]), 3, (2, 3, 2))
    assert [hop.mean for hop in capped] == [1, 3, 9, 21]


@pytest.mark.parametrize("seed", range(3))
def test_reach_is_that_of_powers_of_the_matrix(seed: int) -> None:
    relation = crowd(seed, 60, 120)
    step = (relation.matrix().toarray() > 0) | np.eye(60, dtype=bool)
    found = reached(relation.indptr, relation.indices, np.arange(60), np.zeros(3, np.int64))
    seen = np.eye(60, dtype=bool)
    for hop in range(4):
        assert found[:, hop].tolist() == seen.sum(1).tolist()
        seen = (seen.astype(int) @ step) > 0


def test_samples_depend_on_the_seed_and_not_on_threads() -> None:
    relation = crowd()
    have, found = numba.get_num_threads(), []
    for threads in (1, have):
        numba.set_num_threads(threads)
        found.append(receptive_field(relation, np.arange(300), 3, (3, 3, 3), seed=1))
    numba.set_num_threads(have)
    assert found[0] == found[-1]
    assert receptive_field(relation, np.arange(300), 3, (3, 3, 3), seed=2) != found[0]


def test_every_control_sees_less_than_all_neighbours() -> None:
    controls = Controls(hops=3, fanout=3, heaviest=3, important=3, local=20)
    found = field_controls(crowd(), np.arange(50), controls)
    whole = found.pop("all neighbours")[-1]
    assert len(found) == 5
    for name, hops in found.items():
        assert hops[-1].mean < whole.mean, name
    assert found["local subgraph 20"][-1].mean <= 20


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"hops": 0}, "hops=0"),
        ({"hops": 3, "fanout": (2, 2)}, "one number of at least 1 for each hop"),
        ({"hops": 1, "fanout": (0,)}, "one number of at least 1"),
        ({"seeds": np.array([], np.int64)}, "no seeds"),
        ({"seeds": np.array([300])}, r"seed 300, allowed are nodes 0\.\.299"),
    ],
)
def test_bad_questions_are_refused(change: dict[str, object], says: str) -> None:
    asked = {"seeds": np.array([0])} | change
    with pytest.raises(ValueError, match=says):
        receptive_field(crowd(), **asked)  # type: ignore[arg-type]
