"""Every builder gives what its definition says, on 30 small logs each, and nothing after a cut."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numba
import numpy as np
import pytest

from polyrec.data import Log, ReadOptions, Source, Sparse, build, read
from polyrec.data.readers.graphs import read_edges
from polyrec.graph import Edges, Graph, Interactions
from polyrec.graph.builders import (
    SearchLog,
    attributes,
    bipartite,
    cooccurrence,
    i2i,
    i2q,
    knn,
    knowledge,
    q2i,
    q2q,
    session,
    social,
    swing,
    u2i,
)
from polyrec.graph.builders.bipartite import Count, LastKind
from polyrec.graph.builders.search import Fading

from .logs import (
    HOUR,
    Pairs,
    heaviest,
    pairs,
    plain_sessions,
    plain_sets,
    plain_swing,
    plain_together,
    random_log,
    rows,
    same,
)

SEEDS = range(30)
CUT = 12 * HOUR


def known_sets() -> Interactions:
    sets = [[1, 2, 3], [1, 2], [2, 3], [1, 2, 3, 4]]
    actor = np.repeat(np.arange(4), [len(s) for s in sets])
    return Interactions.arrange(actor, np.concatenate(sets), (4, 5))


@pytest.mark.parametrize("seed", SEEDS)
def test_bipartite(seed: int) -> None:
    log = random_log(seed)
    last, count = (
        dict[tuple[int, int], tuple[int, int]](),
        defaultdict[tuple[int, int], float](float),
    )
    for actor, target, time, kind in rows(log):
        if time < CUT:
            last[actor, target] = (time, kind)
            count[actor, target] += 1
    one, report = bipartite(log, until=CUT)
    same(pairs(one.only), dict.fromkeys(last, 1.0))
    same(pairs(bipartite(log, Count(), CUT)[0].only), dict(count))
    by_kind = bipartite(log, LastKind((1, 2, 4)), CUT)[0].only
    same(pairs(by_kind), {edge: (1, 2, 4)[kind] for edge, (_, kind) in last.items()})
    assert by_kind.time is not None
    assert by_kind.time.tolist() == [last[edge][0] for edge in sorted(last)]
    late = sum(time >= CUT for _, _, time, _ in rows(log))
    assert report.dropped.get("events at or after the cut", 0) == late


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("window", [1, 3])
def test_session(seed: int, window: int) -> None:
    log = random_log(seed)
    expected: Pairs = defaultdict(float)
    for steps in plain_sessions(log.until(CUT)[0], 3600):
        for at, i in enumerate(steps):
            for j in steps[at + 1 : at + 1 + window]:
                expected[i, j] += i != j
    expected = {edge: weight for edge, weight in expected.items() if weight}
    graph, report = session(log, window=window, until=CUT)
    same(pairs(graph.only), expected)
    loops = session(log, window=window, until=CUT, loops="keep")[0].only.matrix().diagonal().sum()
    assert report.dropped.get("loops from a node to itself", 0) == loops


@pytest.mark.parametrize("seed", SEEDS)
def test_cooccurrence(seed: int) -> None:
    log = random_log(seed)
    sets = plain_sets(log.until(CUT)[0])
    same(pairs(cooccurrence(log, until=CUT)[0].only), plain_together(sets, one=False))
    each = cooccurrence(log, per_set="one", until=CUT)[0].only
    same(pairs(each), plain_together(sets, one=True))
    by_session = [set(steps) for steps in plain_sessions(log, 3600)]
    graph, _ = cooccurrence(log.sessions(3600))
    same(pairs(graph.only), plain_together(by_session, one=False))
    assert (each.matrix() != each.reverse().matrix()).nnz == 0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [2, 50])
def test_swing(seed: int, k: int) -> None:
    log = random_log(seed, events=80)
    graph, _ = swing(log, alpha=1, k=k, until=CUT)
    same(pairs(graph.only), heaviest(plain_swing(plain_sets(log.until(CUT)[0]), 1), k))


def test_swing_of_the_worked_example() -> None:
    found = pairs(swing(known_sets())[0].only)
    assert found[1, 2] == pytest.approx(0.326103, abs=1e-6)
    assert found[1, 3] == pytest.approx(0.072169, abs=1e-6)
    assert found[2, 1] == found[1, 2]
    assert pairs(i2i(known_sets())[0].only) == found


def test_large_sets_and_popular_items_are_sampled_and_counted() -> None:
    log = Interactions.arrange(np.repeat([0, 1], [60, 3]), np.arange(63), (2, 63))
    graph, report = cooccurrence(log, max_set=20, seed=3)
    assert graph.only.edges == 20 * 19 + 3 * 2
    assert report.dropped == {
        "sets larger than 20, sampled": 1,
        "members of such sets left out": 40,
    }
    again, _ = cooccurrence(log, max_set=20, seed=3)
    other, _ = cooccurrence(log, max_set=20, seed=4)
    assert pairs(again.only) == pairs(graph.only) != pairs(other.only)
    crowd = Interactions.arrange(np.repeat(np.arange(50), 2), np.tile([0, 1], 50), (50, 2))
    some, told = swing(crowd, max_users=10)
    assert told.dropped == {"users beyond 10 an item, not looked at": 80}
    assert pairs(some.only)[0, 1] == pytest.approx(45 * 0.5 / 3)


def test_builders_do_not_depend_on_threads() -> None:
    log = random_log(1, actors=60, targets=70, events=2_000)
    have, found = numba.get_num_threads(), []
    for threads in (1, have):
        numba.set_num_threads(threads)
        built = [cooccurrence(log, 15), swing(log, max_users=9)]
        found.append([(g.only.indices.tobytes(), g.only.weights.tobytes()) for g, _ in built])
    numba.set_num_threads(have)
    assert found[0] == found[-1]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
def test_knn(seed: int, metric: str) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(12, 4))
    vectors[3] = 0
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(length > 0, length, 1)
    gap = np.linalg.norm(vectors[:, None] - vectors, axis=2)
    alike = {"cosine": unit @ unit.T, "dot": vectors @ vectors.T, "euclidean": 1 / (1 + gap)}[
        metric
    ]
    every = {(i, j): alike[i, j] for i in range(12) for j in range(12) if i != j}
    expected = {edge: w for edge, w in heaviest(every, 3).items() if w > 1e-9}
    graph, report = knn(vectors, 3, metric)  # type: ignore[arg-type]
    found = pairs(graph.only)
    assert found.keys() == expected.keys()
    np.testing.assert_allclose([found[e] for e in expected], [*expected.values()], atol=2e-5)
    assert report.edges == len(expected)
    both = knn(vectors, 3, metric, "mutual")[0].only  # type: ignore[arg-type]
    assert pairs(both).keys() == {(i, j) for i, j in expected if (j, i) in expected}
    either = knn(vectors, 3, metric, "max")[0].only  # type: ignore[arg-type]
    assert pairs(either).keys() == expected.keys() | {(j, i) for i, j in expected}


def plain_search(
    log: SearchLog, until: int | None, gap: float
) -> tuple[Pairs, dict[int, set[int]]]:
    stream = [(a, t, 0, x, k) for a, x, t, k in rows(log.queries)]
    stream += [(a, t, 1, x, k) for a, x, t, k in rows(log.actions)]
    stream = [row for row in stream if until is None or row[1] < until]
    end = until if until is not None else max(row[1] for row in stream)
    found: Pairs = defaultdict(float)
    held, query, before = defaultdict(set), -1, (-1, 0)
    for actor, time, action, what, kind in sorted(stream, key=lambda row: row[:3]):
        if actor != before[0] or time - before[1] > gap * 1000:
            query = -1
        before = (actor, time)
        if not action:
            query = what
        elif query >= 0:
            found[query, what] += (1, 2, 4)[kind] * 0.5 ** ((end - time) / 86_400_000 / 7)
            held[query].add(what)
    return dict(found), dict(held)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("until", [None, CUT])
def test_queries_and_items(seed: int, until: int | None) -> None:
    log = SearchLog(random_log(seed), random_log(1_000 + seed))
    expected, held = plain_search(log, until, 1800)
    same(pairs(q2i(log, until)[0].only), expected)
    same(pairs(q2i(log, until, k=2)[0].only), heaviest(expected, 2))
    back = {(i, q): weight for (q, i), weight in expected.items()}
    same(pairs(i2q(log, until, k=3)[0].only), heaviest(back, 3))
    steps: Pairs = defaultdict(float)
    for queries in plain_sessions(log.queries.until(until)[0], 1800):
        for one, other in pairwise(queries):
            steps[one, other] += one != other
    total = defaultdict(float)
    for (one, _), count in steps.items():
        total[one] += count
    both: Pairs = {edge: 0.5 * n / total[edge[0]] for edge, n in steps.items() if n}
    for one in held:
        for other in held:
            shared = len(held[one] & held[other])
            if one != other and shared:
                share = 0.5 * shared / len(held[one] | held[other])
                both[one, other] = both.get((one, other), 0) + share
    same(pairs(q2q(log, until)[0].only), both)


def test_a_kind_without_a_weight_is_refused() -> None:
    log = SearchLog(random_log(1), random_log(2))
    with pytest.raises(ValueError, match="kind 2 has no weight"):
        q2i(log, fading=Fading((1.0, 2.0)))
    with pytest.raises(ValueError, match="2 weights, the log kind 2"):
        bipartite(random_log(1), LastKind((1, 2)))


@pytest.mark.parametrize("seed", range(5))
def test_no_edge_rests_on_an_event_at_or_after_the_cut(seed: int) -> None:
    log = random_log(seed)
    assert log.time is not None
    early = log.take(log.time < CUT)
    search, sooner = SearchLog(log, log), SearchLog(early, early)
    for make in (bipartite, session, cooccurrence, swing, u2i, i2i):
        assert _bytes(make(log, until=CUT)[0]) == _bytes(make(early)[0])  # type: ignore[operator]
    for joined in (q2i, q2q, i2q):
        late, soon = joined(search, CUT)[0], joined(sooner, CUT)[0]  # type: ignore[operator]
        assert _bytes(late) == _bytes(soon)
    made = bipartite(log, until=CUT)[0].only
    assert made.time is not None
    assert made.time.max() < CUT


def _bytes(graph: Graph) -> list[bytes]:
    return [part.tobytes() for r in graph.relations for part in (r.indptr, r.indices, r.weights)]


def test_a_log_of_the_data_room_loses_its_id_zero_once() -> None:
    keys = Log(np.array(["a", "b", "a"]), np.array(["x", "y", "y"]), np.array([1, 2, 3]))
    dataset = build(keys, Source("toy"), order="first")
    log = Interactions.of(dataset.events, dataset.items)
    assert pairs(bipartite(log)[0].only) == {(0, 0): 1, (0, 1): 1, (1, 1): 1}
    with pytest.raises(ValueError, match=r"target 2, allowed are 1\.\.1"):
        Interactions.of(dataset.events, 1)


def test_a_log_without_times_can_not_be_cut() -> None:
    for make in (bipartite, session, cooccurrence, swing):
        with pytest.raises(ValueError, match="no times"):
            make(known_sets(), until=3)  # type: ignore[operator]
    assert session(known_sets())[0].only.edges == 3


def test_trust_and_attributes_become_relations() -> None:
    trust = Edges(np.array([0, 1, 1]), np.array([1, 0, 2]), time=np.array([1, 2, 9]))
    graph, report = social(trust, 3, until=5)
    assert pairs(graph.only) == {(0, 1): 1, (1, 0): 1}
    assert report.dropped["edges at or after the cut"] == 1
    assert report.isolated == {"user": 1}
    brand = Sparse.of(np.array(["b", "a", "b", "a", "b"]))
    made, _ = attributes(brand, "brand")
    assert made.sizes == {"item": 5, "brand": 2}
    assert made.heterogeneous
    assert pairs(made["has_brand"]) == {(0, 0): 1, (1, 1): 1, (2, 0): 1, (3, 1): 1, (4, 0): 1}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda log: session(log, window=0), "window=0"),
        (lambda log: session(log, gap=0), "gap=0"),
        (lambda log: cooccurrence(log, max_set=1), "max_set=1"),
        (lambda log: swing(log, k=0), "k=0"),
        (lambda log: swing(log, alpha=-1), "alpha=-1"),
        (lambda log: knn(np.ones((3, 2)), 0), "k=0"),
        (lambda log: knn(np.full((3, 2), np.nan)), "finite"),
        (lambda log: q2i(SearchLog(log, log), k=0), "k=0"),
        (lambda log: SearchLog(log, known_sets()), "number both from one vocabulary"),
    ],
)
def test_settings_out_of_range_are_refused(make: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make(random_log(0))  # type: ignore[operator]


def test_facts_and_links_become_a_graph_of_items_and_entities(tmp_path: Path) -> None:
    (tmp_path / "toy.inter").write_text(
        "user_id:token\titem_id:token\ttimestamp:float\nu\tb\t1\nu\ta\t2\nv\tb\t3\n"
    )
    (tmp_path / "toy.kg").write_text(
        "head_id:token\trelation_id:token\ttail_id:token\n"
        "m1\tby\tm2\nm3\tby\tm2\nm1\tlike\tm3\nm1\tby\tm2\n"
    )
    (tmp_path / "toy.link").write_text("item_id:token\tentity_id:token\na\tm1\nb\tm9\nzz\tm3\n")
    dataset = read(tmp_path)
    graph, reports = knowledge(
        dataset.tables["kg"], dataset.tables["link"], dataset.vocabs["target"]
    )
    assert graph.sizes["item"] == dataset.items
    assert {relation.key[1] for relation in graph.relations} == {"is", "by", "like"}
    assert (graph["by"].edges, reports["by"].merged) == (2, 1)
    assert graph["like"].edges == 1
    a = dataset.vocabs["target"].ids(["a"])[0] - 1
    m1 = graph["is"].indices[graph["is"].indptr[a]]
    assert graph["like"].degree[m1] == 1
    assert reports["is"].dropped == {"links of items that the log does not know": 1}
    with pytest.raises(ValueError, match="3 are needed"):
        knowledge(dataset.tables["link"], dataset.tables["link"], dataset.vocabs["target"])


def test_real_facts_and_trust_join_their_logs(real_data: Path) -> None:
    films = read(real_data / "ml-100k")
    graph, _ = knowledge(films.tables["kg"], films.tables["link"], films.vocabs["target"])
    assert graph["is"].edges == 1_598
    assert sum(relation.edges for relation in graph.relations) == 91_631 + 1_598
    names = ("user", "item", "weight")
    plays = read(real_data / "lastfm" / "data1.txt.gz", ReadOptions(header=False, columns=names))
    trust, unknown = read_edges(real_data / "lastfm" / "trustnetwork.txt").within(
        plays.vocabs["actor"]
    )
    users = plays.vocabs["actor"].size
    graph, report = social(Edges(trust.source, trust.target), users)
    assert report.edges + unknown == 25_434
    assert report.edges > 20_000


def test_many_items_share_a_thread_s_buffers_and_stay_apart() -> None:
    log = random_log(7, actors=40, targets=90, events=1_500)
    sets = plain_sets(log)
    same(pairs(cooccurrence(log)[0].only), plain_together(sets, one=False))
    same(pairs(swing(log, k=6)[0].only), heaviest(plain_swing(sets, 1), 6))
