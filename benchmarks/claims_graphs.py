"""Claims about walks on graphs; run by claims.py."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import shortest_path

from claims import Claim, Figure, from_seeds
from embeddings import DATA, graph_of, truth_of, wiki
from polyrec.evaluate import classify
from polyrec.evaluate.logistic import one_vs_rest
from polyrec.evaluate.vectors import f1, predicted
from polyrec.graph import DeepWalks, Graph, Node2VecWalks
from polyrec.graph.ops import clustering, core_number, degree, receptive_field
from polyrec.models.embedding import Training, Word2Vec, node2vec
from polyrec.models.embedding.nodes import NodeVectors
from polyrec.types import Progress

SEEDS = (1, 2, 3, 4, 5)
COUNT, LENGTH, WIDTH = 10, 40, 64  # one budget: walks, nodes of each, numbers
NEGATIVES = Training(window=10, epochs=1, min_count=1)
TREE = Training(window=10, epochs=1, min_count=1, output="tree")
NEAR, EVEN, FAR = (0.25, 4.0), (1.0, 1.0), (4.0, 0.25)  # p, q
GRID = ((0.25, 0.25), NEAR, FAR, (1.0, 0.5))
# a community: 4 hubs, 40 spokes on them, a clique of 12, 4 bridges to other communities
ROLES = np.repeat([0, 1, 2, 3], [4, 40, 12, 4])
COMMUNITIES = 10


def cora() -> tuple[Graph, NDArray]:
    folder = DATA / "graphs" / "cora"
    edges = np.loadtxt(folder / "cora_edgelist.txt", dtype=np.int64)
    return graph_of(edges[:, 0], edges[:, 1]), truth_of(
        np.loadtxt(folder / "cora_labels.txt", dtype=np.int64)
    )


@cache
def named(name: str, seed: int) -> tuple[Graph, NDArray]:
    """A graph and its labels; only the planted ones depend on the seed."""
    if name == "wiki":
        return wiki()
    if name == "cora":
        return cora()
    graph = planted(seed)
    size = len(ROLES)
    label = np.tile(ROLES, COMMUNITIES) if name == "roles" else np.arange(10 * size) // size
    return graph, np.eye(label.max() + 1, dtype=bool)[label]


def planted(seed: int) -> Graph:
    """Communities alike in structure: everybody's role is planted, and where it lies."""
    draw = np.random.default_rng(seed)
    size, edges = len(ROLES), []
    for community in range(COMMUNITIES):
        hubs, spokes, clique, bridges = (
            community * size + np.flatnonzero(role == ROLES) for role in range(4)
        )
        edges += [(a, b) for k, a in enumerate(hubs) for b in hubs[k + 1 :]]
        edges += [(s, h) for s in spokes for h in draw.choice(hubs, 2, replace=False)]
        edges += [(a, b) for k, a in enumerate(clique) for b in clique[k + 1 :]]
        edges += [(clique[0], draw.choice(hubs))]
        edges += [(b, draw.choice(hubs)) for b in bridges]
        for b in bridges:
            for other in draw.choice(COMMUNITIES, 2, replace=False):
                edges.append((b, other * size + draw.choice(np.flatnonzero(ROLES == 3))))
    pairs = np.unique(np.sort(np.array([e for e in edges if e[0] != e[1]]), 1), axis=0)
    return graph_of(pairs[:, 0], pairs[:, 1])


@cache
def vectors(
    name: str, seed: int, pq: tuple[float, float], output: str = "negatives", rewired: int = 0
) -> NDArray:
    graph = named(name, seed)[0]
    graph = graph.rewire(seed) if rewired else graph
    nodes = graph.only.sources
    how = TREE if output == "tree" else NEGATIVES
    walks = Node2VecWalks(*pq, count=COUNT, length=LENGTH)
    plain = DeepWalks(COUNT, LENGTH)
    model = (
        NodeVectors(Word2Vec(nodes, WIDTH, how), plain)
        if pq == EVEN
        else node2vec(nodes, WIDTH, walks, how)
    )
    model.solve(graph, Progress(seed=seed))
    return model.vectors.numpy()


@cache
def scored(
    name: str, seed: int, pq: tuple[float, float], output: str = "negatives", rewired: int = 0
) -> float:
    """Macro-F1 with half the labels, of three shuffles that only the seed decides."""
    found = vectors(name, seed, pq, output, rewired)
    (score,) = classify(found, named(name, seed)[1], (0.5,), shuffles=3, seed=seed)
    return score.macro.mean


def between(what: str, name: str, a: tuple, b: tuple, side: int = 1) -> Figure:
    return from_seeds(
        what, [scored(name, s, *a) for s in SEEDS], [scored(name, s, *b) for s in SEEDS], side
    )


def walked(name: str, seed: int, pq: tuple[float, float]) -> tuple[float, float]:
    """Mean distance from the start ten steps on, and distinct nodes of a walk, over 300 starts."""
    graph = named(name, seed)[0]
    found = Node2VecWalks(*pq, count=1, length=LENGTH)(graph, seed)
    whole = (found.lengths == LENGTH).nonzero()[:300, 0]
    rows = found.values.reshape(-1)[found.start[whole][:, None] + np.arange(LENGTH)].numpy()
    far = shortest_path(graph.only.matrix(), unweighted=True, indices=rows[:, 0])
    distinct = (np.diff(np.sort(rows, 1), axis=1) > 0).sum(1) + 1
    return float(far[np.arange(len(rows)), rows[:, 10]].mean()), float(distinct.mean())


def near_far() -> Claim:
    figures = []
    for name in ("wiki", "cora", "communities"):
        of = {pq: [walked(name, s, pq) for s in SEEDS] for pq in (NEAR, FAR)}
        for k, what in enumerate(("steps from the start, ten on", "distinct nodes of 40")):
            figures.append(
                from_seeds(
                    f"{name}, p 4 q .25 - p .25 q 4, {what}",
                    *([each[k] for each in of[pq]] for pq in (FAR, NEAR)),
                )
            )
    return Claim(
        "small p and large q stay near the start, large p and small q move away", tuple(figures)
    )


def near_for_kind() -> Claim:
    return Claim(
        "small p and large q suit finding nodes of one kind (communities, labels)",
        tuple(
            between(f"{name}, Macro-F1, p .25 q 4 - p 4 q .25", name, (NEAR,), (FAR,))
            for name in ("wiki", "cora", "communities")
        ),
    )


def far_for_structure() -> Claim:
    return Claim(
        "large p and small q keep structure (roles)",
        (
            between("planted roles, Macro-F1, p 4 q .25 - p .25 q 4", "roles", (FAR,), (NEAR,)),
            between(
                "planted roles, Macro-F1, p 1 q .25 - p 1 q 4",
                "roles",
                ((1.0, 0.25),),
                ((1.0, 4.0),),
            ),
        ),
    )


def elsewhere(x: NDArray, seed: int, mixed: bool) -> float:
    """Macro-F1 of roles in five communities, learnt in the other five."""
    truth = named("roles", seed)[1]
    half = np.arange(len(truth)) < len(truth) // 2
    learnt = truth[half]
    if mixed:
        learnt = learnt[np.random.default_rng(seed).permutation(len(learnt))]
    lines = one_vs_rest(x[half], learnt)
    return f1(truth[~half], predicted(lines.scores(x[~half]), truth[~half].sum(1)))[1]


def local(seed: int) -> NDArray:
    """Degree, clustering and core of each node, standardised."""
    relation = named("roles", seed)[0].only
    x = np.stack([f(relation) for f in (degree, clustering, core_number)], 1).astype(float)
    return (x - x.mean(0)) / x.std(0)


def directions(seed: int, q: float) -> NDArray:
    x = vectors("roles", seed, (1.0, q))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def lengths(seed: int) -> NDArray:
    """How long a vector is tells how often walks came by, so something of the degree."""
    x = np.log(np.linalg.norm(vectors("roles", seed, EVEN), axis=1, keepdims=True))
    return (x - x.mean()) / x.std()


def alike(seed: int, q: float) -> tuple[float, float, float]:
    """Mean cosine of nodes in unlike communities (one role; two roles), and inside communities."""
    x, size = directions(seed, q), len(ROLES)
    mean = x.reshape(COMMUNITIES, size, -1)
    role = np.stack([mean[:, r == ROLES].mean(1) for r in range(4)], 1)  # community, role, width
    cosine = np.einsum("crd,ksd->ckrs", role, role)[~np.eye(COMMUNITIES, dtype=bool)].mean(0)
    own = np.eye(4, dtype=bool)
    inside = np.einsum("cid,cjd->cij", mean, mean)[:, ~np.eye(size, dtype=bool)]
    return float(cosine[own].mean()), float(cosine[~own].mean()), float(inside.mean())


def far_roles() -> Claim:
    def told(of: Callable[[int], NDArray], mixed: bool) -> list[float]:
        return [elsewhere(of(seed), seed, mixed) for seed in SEEDS]

    figures = []
    for q in (0.25, 1.0, 4.0):
        same, other, inside = zip(*(alike(seed, q) for seed in SEEDS), strict=True)
        name = f"q {q}, p 1, mean cosine of nodes in unlike communities of one role"
        figures += [
            from_seeds(f"{name} - of two roles", same, other),
            from_seeds(f"{name} - of nodes inside a community", same, inside, side=0),
        ]
    figures += [
        from_seeds(
            f"Macro-F1 of roles in communities not learnt from, {name} - the same, roles mixed",
            told(of, False), told(of, True), side=0,
        )
        for name, of in (
            ("directions, q 1", lambda seed: directions(seed, 1.0)),
            ("lengths, q 1", lengths),
            ("degree, clustering and core number", local),
        )
    ]  # fmt: skip
    return Claim(
        "nodes of one role far apart come together at some q", tuple(figures), sometimes=True
    )


def node2vec_better() -> Claim:
    """p and q chosen on other walks and other shuffles, then held against DeepWalk."""
    figures = []
    for name in ("wiki", "cora"):
        best = max(GRID, key=lambda pq: scored(name, 101, pq))
        figures.append(
            between(f"{name}, Macro-F1, node2vec (p {best[0]} q {best[1]}) - DeepWalk, both with "
                    "negatives", name, (best,), (EVEN,))
        )  # fmt: skip
        figures.append(
            between(f"{name}, the same - DeepWalk as published (tree)", name, (best,),
                    (EVEN, "tree"), side=0)
        )  # fmt: skip
    return Claim("node2vec gives better vectors than DeepWalk, at equal budget", tuple(figures))


def structure() -> Claim:
    return Claim(
        "what DeepWalk learns is structure: little is left when edges are exchanged, degrees kept",
        tuple(
            between(f"{name}, Macro-F1, the graph - rewired", name, (EVEN,), (EVEN, "negatives", 1))
            for name in ("wiki", "cora")
        ),
    )


def seen(name: str, seed: int, window: int) -> float:
    """Distinct nodes that stand beside a node in its walks, mean over nodes."""
    graph = named(name, seed)[0]
    walks = DeepWalks(COUNT, LENGTH)(graph, seed)
    rows = walks.values.numpy()
    row = walks.row.numpy()
    nodes, held = graph.only.sources, []
    for apart in range(1, window + 1):
        same = row[apart:] == row[:-apart]
        a, b = rows[:-apart][same].astype(np.int64), rows[apart:][same]
        held.append(np.unique(np.concatenate([a * nodes + b, b * np.int64(nodes) + a])))
    pairs = np.unique(np.concatenate(held))
    return float((pairs // nodes != pairs % nodes).sum() / nodes)


def overall() -> Claim:
    figures = []
    for name in ("wiki", "cora"):
        relation = named(name, 0)[0].only
        every = np.arange(relation.sources)
        two = receptive_field(relation, every, 2)[2].mean
        for window, side in ((10, 1), (5, 0)):
            figures.append(
                from_seeds(
                    f"{name}: nodes that a GCN of 2 layers reads - nodes beside one in 10 walks of "
                    f"40, window {window}", [two] * 5, [seen(name, s, window) for s in SEEDS], side,
                )
            )  # fmt: skip
    return Claim("a GCN sees more of the graph than walks do", tuple(figures))


CLAIMS: dict[str, Callable[[], Claim]] = {
    "near_far": near_far, "near_for_kind": near_for_kind, "far_for_structure": far_for_structure,
    "far_roles": far_roles, "node2vec_better": node2vec_better, "structure": structure,
    "global": overall,
}  # fmt: skip
