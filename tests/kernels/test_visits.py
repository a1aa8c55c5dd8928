"""Who matters to an item: counts of walks, and PageRank by pushing."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from scipy.sparse import random as random_matrix

from polyrec.kernels.graphs.visits import Bipartite, pagerank, ranked_window, visited

RESTART = 0.2
HELD = random_matrix(30, 25, 0.2, "csr", random_state=3)  # holders, items
HELD.data[:] = 1


def graph() -> Bipartite:
    back = HELD.T.tocsr()
    back.sort_indices()
    HELD.sort_indices()
    parts = (back.indptr, back.indices, HELD.indptr, HELD.indices)
    return Bipartite(*(a.astype(np.int64 if i % 2 == 0 else np.int32) for i, a in enumerate(parts)))


def step_matrix() -> np.ndarray:
    """[items, items]: chance of one step, by a holder, from item to item."""
    item, holder = HELD.T.toarray(), HELD.toarray()
    out = item / item.sum(1, keepdims=True).clip(1)
    return out @ (holder / holder.sum(1, keepdims=True).clip(1))


def test_visits_follow_the_walk_that_starts_over() -> None:
    chances, steps = step_matrix(), 200_000
    found, times = visited(graph(), 25, steps, RESTART, seed=1)
    for item in (0, 7):
        at = np.eye(25)[item]
        exact = sum(RESTART * (1 - RESTART) ** k * at @ np.linalg.matrix_power(chances, k + 1)
                    for k in range(80))  # fmt: skip
        share = np.zeros(25)
        np.add.at(share, found[item], times[item] / steps)
        exact[item] = share[item] = 0
        assert np.abs(share - exact).max() < 0.005


def test_most_visited_come_first_and_an_item_never_meets_itself() -> None:
    found, times = visited(graph(), 6, 500, RESTART, seed=1)
    assert (np.diff(times, axis=1) <= 0).all()
    assert not ((found == np.arange(25)[:, None]) & (times > 0)).any()


def test_pushing_gives_the_pagerank_of_the_bipartite_graph() -> None:
    item, holder = HELD.T.toarray(), HELD.toarray()
    whole = np.block([[np.zeros((25, 25)), item], [holder, np.zeros((30, 30))]])
    walk = whole / whole.sum(1, keepdims=True).clip(1)
    exact = RESTART * np.linalg.inv(np.eye(55) - (1 - RESTART) * walk.T) @ np.eye(55)[4]
    assert np.abs(pagerank(graph(), 4, (RESTART, 1e-10)) - exact).max() < 1e-6


def test_a_window_holds_the_items_of_its_ranks() -> None:
    window = ranked_window(graph(), (3, 9), 7, (RESTART, 1e-10), seed=2)
    for item in range(25):
        mass = pagerank(graph(), item, (RESTART, 1e-10))[:25]
        mass[item] = -1
        order = np.argsort(-mass, kind="stable")[: (mass > 0).sum()]
        assert sorted(window[item][window[item] >= 0]) == sorted(order[2:9])


def test_an_item_without_mass_at_those_ranks_has_an_empty_window() -> None:
    assert (ranked_window(graph(), (25, 40), 3, (RESTART, 1e-10), seed=2) == -1).all()


@pytest.mark.parametrize("what", ["visited", "window"])
def test_bytes_do_not_depend_on_threads(what: str) -> None:
    found, before = [], numba.get_num_threads()
    for threads in (1, 2):
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        if what == "visited":
            found.append(b"".join(a.tobytes() for a in visited(graph(), 6, 500, RESTART, 1)))
        else:
            found.append(ranked_window(graph(), (2, 9), 3, (RESTART, 1e-8), 2).tobytes())
    numba.set_num_threads(before)
    assert found[0] == found[1]
