"""What is met by the same people, or in the same sets: co-occurrence and swing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from polyrec.graph.account import BuildReport, account
from polyrec.graph.csr import F32, I32, I64, Graph, Key, Relation
from polyrec.graph.interactions import Interactions
from polyrec.kernels.graphs.cooccur import (
    Sets,
    sampled,
    sets_of,
    swings,
    together,
    together_counts,
)

PerSet = Literal["pairs", "one"]
BYTES_AN_EDGE = 12  # id, weight, and a share of what sorting takes
BUDGET_MB = 4096


def cooccurrence(
    log: Interactions,
    max_set: int = 200,
    per_set: PerSet = "pairs",
    until: int | None = None,
    seed: int = 0,
) -> tuple[Graph, BuildReport]:
    """Undirected: the weight of (i, j) is the number of sets that hold both.

    A set is what one actor of `log` met, each item once; `log.sessions(gap)` makes it a session,
    and any other sets are given with the number of the set as actor.

    Args:
        max_set: pairs grow as the square, so larger sets are replaced by a sample of this size,
            drawn from `seed` and counted in the report.
        per_set: `pairs` counts each pair 1; `one` counts it 1 / (K - 1) in a set of K (after
            the cut), so that each occurrence hands out a mass of 1.

    Raises:
        ValueError: max_set < 2, or `until` without times.
        MemoryError: the result would take more than 4 GB; the number is named.
    """
    if max_set < 2:
        raise ValueError(f"max_set={max_set}; at least 2, or no set has a pair; for example 200")
    kept, late = log.until(until)
    sets, cut = limited(kept, max_set, seed)
    size = np.diff(sets.start)
    worth = np.ones(len(size)) if per_set == "pairs" else 1 / np.maximum(size - 1, 1)
    counts = together_counts(sets)
    _refuse_large(int(counts.sum()))
    relation = _square(("item", "with", "item"), together(sets, worth, counts), log.targets)
    dropped = {**late, **cut}
    return Graph({"item": log.targets}, (relation,)), account(relation, 0, dropped)


def swing(
    log: Interactions,
    alpha: float = 1.0,
    max_users: int = 200,
    k: int = 50,
    until: int | None = None,
    seed: int = 0,
) -> tuple[Graph, BuildReport]:
    """Items alike by swing: two users who share i and j, and little else, say most.

    sim(i, j) = sum over pairs {u, v} of users who met both, of w_u w_v / (alpha + |I_u and I_v|),
    w_u = 1 / sqrt(|I_u|). A row holds its k largest, so the graph is directed.

    Args:
        max_users: for an item with more users the pairs of a sample of this size are looked at
            (drawn from `seed`, counted in the report). The values of its row shrink alike, so
            the order in the row stays right on average.

    Raises:
        ValueError: alpha < 0, max_users < 2, k < 1, or `until` without times.
    """
    if alpha < 0 or max_users < 2 or k < 1:
        raise ValueError(
            f"swing: alpha={alpha}, max_users={max_users}, k={k}; alpha must be 0 or more, "
            "max_users 2 or more, k 1 or more"
        )
    kept, late = log.until(until)
    sets, _ = limited(kept, max(log.targets, 2), seed)
    keep = sampled(sets.at, max_users, seed, "swing users")
    counts = np.diff(sets.at)
    at = np.concatenate([[0], np.cumsum(np.minimum(counts, max_users))])
    asked = Sets(sets.start, sets.member, at, sets.holder[keep])
    width = min(k, max(log.targets, 1))
    relation = _square(("item", "swing", "item"), swings(sets, asked, alpha, width), log.targets)
    cut = {f"users beyond {max_users} an item, not looked at": int((~keep).sum())}
    return Graph({"item": log.targets}, (relation,)), account(relation, 0, {**late, **cut})


def limited(log: Interactions, max_set: int, seed: int) -> tuple[Sets, Mapping[str, int]]:
    """The distinct items of each actor, at most `max_set` of them, and what was cut."""
    once = log.distinct()
    once = once.take(np.lexsort((once.target, once.actor)))
    start = np.zeros(log.actors + 1, np.int64)
    np.cumsum(np.bincount(once.actor, minlength=log.actors), out=start[1:])
    keep = sampled(start, max_set, seed, "set members")
    size = np.diff(start)
    np.cumsum(np.minimum(size, max_set), out=start[1:])
    cut = {
        f"sets larger than {max_set}, sampled": int((size > max_set).sum()),
        "members of such sets left out": int((~keep).sum()),
    }
    return sets_of(start, once.target[keep], log.targets), cut


def _square(key: Key, rows: tuple[I64, I32, F32], size: int) -> Relation:
    indptr, indices, weight = rows
    return Relation(key, indptr, indices, size, weight)


def _refuse_large(edges: int) -> None:
    needed = edges * BYTES_AN_EDGE / 2**20
    if needed > BUDGET_MB:
        raise MemoryError(
            f"co-occurrence would have {edges:,} edges, {needed:,.0f} MB; limit {BUDGET_MB:,} MB; "
            "lower max_set, or use swing, which keeps k a row"
        )
