"""Relations of queries and items, from what people typed and what they did after.

Letters: q queries, i items, u users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from polyrec.graph.account import BuildReport, account
from polyrec.graph.builders.bipartite import Ones, Weigh, bipartite
from polyrec.graph.builders.session import follows
from polyrec.graph.builders.together import cooccurrence, swing
from polyrec.graph.change import strongest
from polyrec.graph.csr import I64, Graph, Key, Relation
from polyrec.graph.edges import Edges, relation_of
from polyrec.graph.interactions import Interactions

HALF_HOUR = 1800.0
DAY = 86_400_000.0  # milliseconds
K = 50


@dataclass(frozen=True)
class SearchLog:
    """What the same people typed and did; both with times."""

    queries: Interactions  # target = query
    actions: Interactions  # target = item, kind = place in `kind_weight`

    def __post_init__(self) -> None:
        """Both logs must speak of the same people and have a clock."""
        if self.queries.actors != self.actions.actors:
            raise ValueError(
                f"queries of {self.queries.actors:,} people, actions of {self.actions.actors:,}; "
                "number both from one vocabulary"
            )
        if self.queries.time is None or self.actions.time is None:
            raise ValueError("queries and actions need times: which came after which is asked")

    def until(self, time: int | None) -> tuple[SearchLog, dict[str, int]]:
        """Both logs before `time` (milliseconds), and how many events were left out."""
        queries, late = self.queries.until(time)
        actions, later = self.actions.until(time)
        count = sum(late.values()) + sum(later.values())
        return SearchLog(queries, actions), {"events at or after the cut": count} if count else {}


@dataclass(frozen=True)
class Fading:
    """What an action is worth: its kind's weight, halved every `half_life` days of age."""

    kind_weight: Sequence[float] = (1.0, 2.0, 4.0)  # click, cart, purchase
    half_life: float = 7.0


def q2i(
    log: SearchLog,
    until: int | None = None,
    gap: float = HALF_HOUR,
    k: int = K,
    fading: Fading = Fading(),
) -> tuple[Graph, BuildReport]:
    """Query -> item acted on after it in the same session, before the next query.

    The weight is the sum of what the actions are worth, aged to `until` (without it: to the last
    event). A row keeps its k heaviest.

    Raises:
        ValueError: a kind without a weight.
    """
    kept, late = log.until(until)
    relation, report = _searched(kept, until, gap, fading)
    return _two(log, _kept(relation, k), report.with_dropped(late))


def i2q(
    log: SearchLog,
    until: int | None = None,
    gap: float = HALF_HOUR,
    k: int = K,
    fading: Fading = Fading(),
) -> tuple[Graph, BuildReport]:
    """Item -> query before it: `q2i` from the other end, cut to its own k heaviest."""
    kept, late = log.until(until)
    relation, report = _searched(kept, until, gap, fading)
    back = replace(relation.reverse(), key=("item", "i2q", "query"))
    return _two(log, _kept(back, k), report.with_dropped(late))


def q2q(
    log: SearchLog,
    until: int | None = None,
    gap: float = HALF_HOUR,
    k: int = K,
    max_set: int = 200,
    seed: int = 0,
) -> tuple[Graph, BuildReport]:
    """Query -> query: half P(q' follows q in a session), half the Jaccard of their items.

    The items of a query are those of `q2i` before its cut. Items reached from more than
    `max_set` queries count by a sample of those, in both parts of the fraction.
    """
    kept, late = log.until(until)
    size = log.queries.targets
    one, other = follows(kept.queries, gap, 1)
    steps = Edges(kept.queries.target[one], kept.queries.target[other], np.ones(len(one)))
    key = ("query", "q2q", "query")
    after, report = relation_of(key, steps, (size, size))
    total = np.bincount(after.row, after.weight, size)
    share = after.weights / total[after.row]
    alike = _jaccard(_searched(kept, until, gap, Fading())[0], max_set, seed)
    both = Edges(
        np.concatenate([after.row, alike.row]),
        np.concatenate([after.indices, alike.indices]).astype(np.int64),
        0.5 * np.concatenate([share, alike.weights]),
    )
    relation, _ = relation_of(key, both, (size, size))
    made = _kept(relation, k)
    told = account(made, report.merged, {**report.dropped, **late, **_cut(relation, made)})
    return Graph({"query": size}, (made,)), told


def i2i(
    log: Interactions, k: int = K, until: int | None = None, seed: int = 0
) -> tuple[Graph, BuildReport]:
    """Item -> item by swing; `session` is the other way to join them."""
    graph, report = swing(log, k=k, until=until, seed=seed)
    made = replace(graph.only, key=("item", "i2i", "item"))
    return Graph(graph.sizes, (made,)), report


def u2i(
    log: Interactions, weigh: Weigh = Ones(), until: int | None = None
) -> tuple[Graph, BuildReport]:
    """User -> item: `bipartite` under this name."""
    return bipartite(log, weigh, until, ("user", "u2i", "item"))


def _searched(
    log: SearchLog, until: int | None, gap: float, fading: Fading
) -> tuple[Relation, BuildReport]:
    """All edges query -> item, before any cut to k."""
    row, query = _query_before(log, gap)
    actions = log.actions.take(row)
    assert actions.time is not None
    kind = np.zeros(len(actions), np.int64) if actions.kind is None else actions.kind
    if len(kind) and kind.max() >= len(fading.kind_weight):
        raise ValueError(
            f"kind {kind.max()} has no weight; kinds 0..{len(fading.kind_weight) - 1} have; "
            "give Fading a weight for each kind"
        )
    last = max((int(t.max()) for t in _times(log) if len(t)), default=0)
    age = ((last if until is None else until) - actions.time) / DAY
    worth = np.asarray(fading.kind_weight)[kind] * 0.5 ** (age / fading.half_life)
    key: Key = ("query", "q2i", "item")
    sizes = (log.queries.targets, log.actions.targets)
    edges = Edges(query, actions.target, worth, actions.time)
    relation, report = relation_of(key, edges, sizes)
    alone = {"actions without a query before them": len(log.actions) - len(row)}
    return relation, report.with_dropped(alone)


def _query_before(log: SearchLog, gap: float) -> tuple[I64, I64]:
    """Rows of the actions that follow a query in their session, and that query.

    An action at the very time of a query counts as after it.
    """
    queries, actions = log.queries, log.actions
    time = np.concatenate(_times(log))
    actor = np.concatenate([queries.actor, actions.actor])
    is_action = np.repeat([0, 1], [len(queries), len(actions)])
    order = np.lexsort((is_action, time, actor))
    whole = Interactions(actor[order], order, len(actor), len(actor), time[order])
    session = whole.session_of(gap)
    asked = is_action[order] == 0
    place = np.where(asked, np.arange(len(order)), -1)
    latest = np.maximum.accumulate(place) if len(place) else place
    found = ~asked & (latest >= 0)
    found[found] = session[latest[found]] == session[found]
    rows = order[found] - len(queries)
    in_order = np.argsort(rows)
    return rows[in_order], queries.target[order[latest[found]]][in_order]


def _times(log: SearchLog) -> list[I64]:
    assert log.queries.time is not None
    assert log.actions.time is not None
    return [log.queries.time, log.actions.time]


def _jaccard(searched: Relation, max_set: int, seed: int) -> Relation:
    """Query - query: shared items over all items of both."""
    items = searched.reverse()
    sets = Interactions(items.row, items.indices.astype(np.int64), items.sources, items.targets)
    common = cooccurrence(sets, max_set, seed=seed)[0].only
    held = searched.degree
    union = held[common.row] + held[common.indices] - common.weights
    return replace(common, weight=(common.weights / np.maximum(union, 1)).astype(np.float32))


def _kept(relation: Relation, k: int) -> Relation:
    if k < 1:
        raise ValueError(f"k={k}; at least 1 neighbour a node; for example 50")
    return strongest(relation, k)


def _cut(whole: Relation, kept: Relation) -> dict[str, int]:
    return {"edges lighter than a node's k heaviest": whole.edges - kept.edges}


def _two(log: SearchLog, relation: Relation, report: BuildReport) -> tuple[Graph, BuildReport]:
    sizes = {"query": log.queries.targets, "item": log.actions.targets}
    lighter = {"edges lighter than a node's k heaviest": report.edges - relation.edges}
    told = account(relation, report.merged, {**report.dropped, **lighter})
    return Graph(sizes, (relation,)), told
