"""Vectors of nodes beside published F1, and walks and word vectors beside their peers.

    python benchmarks/embeddings.py gate wiki|blogcatalog [--models NAME] [--seeds 3]
    python benchmarks/embeddings.py walks|words|near --peers PEERS_PYTHON [--threads 2]

Reads POLYREC_DATA/graphs (`../shared/data` where it is unset). `gate`: F1 of DeepWalk and of
node2vec, on labels. `walks`: steps a second on BlogCatalog. `words`: the same walks of Wiki for
gensim and for polyrec, speed (median of seven, in turn) and F1. `near`: how many of a node's ten
nearest the two agree on, beside how many gensim shares with itself from another seed.

A peer runs in an environment of its own (benchmarks/peers/embedding_peers.py says which versions);
its rates and ours come from one run. On a busy machine wall clocks tell little, so seconds of the
processor stand beside them; set OMP_WAIT_POLICY=passive there, or threads that wait for each other
spin and count as busy.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from itertools import combinations, product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numba
import numpy as np
from scipy.sparse import coo_matrix

from polyrec.evaluate import NodeScore, classify
from polyrec.graph import DeepWalks, Graph, Node2VecWalks, Relation
from polyrec.models.embedding import Training, Word2Vec, deepwalk, line2, node2vec
from polyrec.types import Progress, Ragged
from scale import append, machine

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("POLYREC_DATA", HERE / ".." / ".." / "shared" / "data")).resolve()
OUT = HERE / "results" / "embeddings.json"
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
ROUNDS = 7
TREE = Training(window=10, epochs=1, min_count=1, output="tree")
NEGATIVES = replace(TREE, output="negatives")
# p and q of BlogCatalog are the node2vec paper's, from memory
MODELS: dict[str, Callable[[int], object]] = {
    "deepwalk": lambda n: deepwalk(n),
    "deepwalk, 160 walks": lambda n: deepwalk(n, walks=DeepWalks(count=160, length=40), how=TREE),
    "deepwalk, negatives": lambda n: deepwalk(n, how=NEGATIVES),
    "node2vec p .25 q .25, tree": lambda n: node2vec(
        n, walks=Node2VecWalks(0.25, 0.25, count=80, length=40), how=TREE
    ),
    "node2vec p .25 q .25, tree, 160 walks": lambda n: node2vec(
        n, walks=Node2VecWalks(0.25, 0.25, count=160, length=40), how=TREE
    ),
    "node2vec p .25 q .25": lambda n: node2vec(
        n, walks=Node2VecWalks(0.25, 0.25, count=80, length=40), how=NEGATIVES
    ),
    "line2": lambda n: line2(n),
}


def wiki() -> tuple[Graph, np.ndarray]:
    """Undirected, as the published figures have it."""
    edges = np.loadtxt(DATA / "graphs" / "wiki" / "Wiki_edgelist.txt", dtype=np.int64)
    labels = np.loadtxt(DATA / "graphs" / "wiki" / "Wiki_category.txt", dtype=np.int64)
    return graph_of(edges[:, 0], edges[:, 1]), truth_of(labels)


def blogcatalog() -> tuple[Graph, np.ndarray]:
    """The adjacency lists hold each edge twice."""
    folder = DATA / "graphs" / "blogCatalog"
    with gzip.open(folder / "bc_adjlist.txt.gz", "rt") as file:
        rows = [np.array(line.split(), dtype=np.int64) for line in file]
    source = np.repeat([row[0] for row in rows], [len(row) - 1 for row in rows])
    lines = (folder / "bc_labels.txt").read_text().splitlines()
    labels = [(int(n), int(label)) for n, *held in map(str.split, lines) for label in held]
    return graph_of(source, np.concatenate([row[1:] for row in rows])), truth_of(np.array(labels))


GRAPHS = {"wiki": wiki, "blogcatalog": blogcatalog}


def graph_of(source: np.ndarray, target: np.ndarray) -> Graph:
    """Undirected, without weights."""
    n = int(max(source.max(), target.max())) + 1
    both = np.concatenate([source, target]), np.concatenate([target, source])
    found = coo_matrix((np.ones(len(both[0])), both), (n, n)).tocsr()
    found.sort_indices()
    key = ("node", "edge", "node")
    relation = Relation(key, found.indptr.astype(np.int64), found.indices.astype(np.int32), n)
    return Graph({"node": n}, (relation,))


def truth_of(pairs: np.ndarray) -> np.ndarray:
    """[nodes, labels], bool; labels that occur."""
    truth = np.zeros((pairs[:, 0].max() + 1, pairs[:, 1].max() + 1), bool)
    truth[pairs[:, 0], pairs[:, 1]] = True
    return truth[:, truth.any(0)]


def shown(scores: tuple[NodeScore, ...]) -> list[dict]:
    """Rounded, and said."""
    rows = []
    for score in scores:
        row = {"share": score.share}
        for name in ("micro", "macro"):
            spread = getattr(score, name)
            row[name] = round(spread.mean, 4)
            row[f"{name}_95"] = [round(spread.low, 4), round(spread.high, 4)]
        rows.append(row)
        print(" ", row, flush=True)
    return rows


def gate(name: str, models: list[str], seeds: int) -> Iterator[dict]:
    """F1 of each model; DeepWalk at all shares, the others at half."""
    graph, truth = GRAPHS[name]()
    for title, seed in product(models, range(1, seeds + 1)):
        model = MODELS[title](len(truth))
        warm(model)
        wall, busy = time.perf_counter(), time.process_time()
        model.solve(graph, Progress(seed=seed))
        took = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - busy}
        print(name, title, seed, took, flush=True)
        scores = classify(model.vectors.numpy(), truth, SHARES if title == "deepwalk" else (0.5,))
        how = asdict(model.words.how) | {"walks": repr(model.walks)}
        entry = {"graph": name, "model": title, "seed": seed, "how": how}
        yield entry | took | {"f1": shown(scores)}


def warm(model: object) -> None:
    """Compiles what the model runs, on a toy."""
    toy = graph_of(np.arange(9), np.arange(1, 10))
    small = type(model)(Word2Vec(10, 128, model.words.how), replace(model.walks, count=2))
    small.solve(toy, Progress())


def walks(peers: str, threads: int) -> Iterator[dict]:
    """Steps a second on BlogCatalog, first order and second."""
    graph, _ = blogcatalog()
    for p, q in ((1.0, 1.0), (0.25, 0.25), (4.0, 0.5), (0.5, 2.0)):
        plan = Node2VecWalks(p, q, length=80)
        plan = DeepWalks(10, 80) if p == q == 1 else plan
        replace(plan, count=1)(graph, 0)
        wall, busy = time.perf_counter(), time.process_time()
        steps = plan(graph, 1).values.numel()
        wall, busy = time.perf_counter() - wall, time.process_time() - busy
        rows = [{"peer": "polyrec", "a_second": steps / wall, "a_cpu_second": steps / busy}]
        with TemporaryDirectory() as folder:
            relation = graph.only
            once = relation.row < relation.indices
            np.save(Path(folder) / "edges.npy", np.stack([relation.row, relation.indices], 1)[once])
            rest = (folder, str(p), str(q), str(threads))
            rows += [asked(peers, peer, *rest) for peer in ("fastnode2vec", "pecanpy")]
        entry = {"what": "walks", "graph": "blogcatalog", "p": p, "q": q, "rates": rows}
        said(entry)
        yield entry


def words(peers: str, threads: int, passes: int) -> Iterator[dict]:
    """Words a second and F1 on the same walks of Wiki: gensim, plain descent, shards, loose."""
    graph, truth = wiki()
    corpus = DeepWalks(passes, 40)(graph, 1)
    for output, how in (("negatives", NEGATIVES), ("tree", TREE)):
        ours = {
            "one shard": how,
            "two shards": replace(how, shards=2),
            "eight shards": replace(how, shards=8),
            f"loose, {threads} shards": replace(how, updates="loose", shards=threads),
        }
        models = {n: Word2Vec(len(truth), 128, training) for n, training in ours.items()}
        rows = []
        with TemporaryDirectory() as folder:
            left(folder, corpus, len(truth))
            for _ in range(ROUNDS):
                rows += [trained(name, model, corpus) for name, model in models.items()]
                for workers in sorted({1, threads}):
                    found = asked(peers, "gensim", folder, output, "1", str(workers))
                    rows.append({**found, "peer": f"gensim, {workers} workers"})
                    np.save(f"{folder}/{workers}.npy", np.load(f"{folder}/gensim.npy"))
            vectors = {f"polyrec, {n}": model.input[1:].numpy() for n, model in models.items()}
            for workers in sorted({1, threads}):
                vectors[f"gensim, {workers} workers"] = np.load(f"{folder}/{workers}.npy")
        rows = [middle(name, rows, vectors[name], truth) for name in vectors]
        entry = {"what": "words", "graph": "wiki", "passes": passes, "output": output}
        said(entry | {"rates": rows})
        yield entry | {"rates": rows}


def trained(name: str, model: Word2Vec, corpus: Ragged) -> dict:
    """Words a second of one training."""
    small = Ragged(corpus.values[:400] + 1, corpus.start[:11])
    model.solve(small, Progress())
    wall, busy = time.perf_counter(), time.process_time()
    model.solve(Ragged(corpus.values + 1, corpus.start), Progress(seed=1))
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    count = corpus.values.numel()
    return {"peer": f"polyrec, {name}", "a_second": count / wall, "a_cpu_second": count / busy}


def middle(name: str, rows: list[dict], vectors: np.ndarray, truth: np.ndarray) -> dict:
    """The median rates of one peer, and the F1 of its vectors."""
    own = [row for row in rows if row["peer"] == name]
    rates = {key: median(row[key] for row in own) for key in ("a_second", "a_cpu_second")}
    print(name, flush=True)
    return {**own[0], **rates, "f1": shown(classify(vectors, truth, (0.5,)))}


def near(peers: str, passes: int) -> Iterator[dict]:
    """The share of a node's ten nearest, by cosine, that two trainings on the same walks share."""
    graph, truth = wiki()
    corpus = DeepWalks(passes, 40)(graph, 1)
    for output, how in (("negatives", NEGATIVES), ("tree", TREE)):
        found = {}
        for seed in (1, 2):
            model = Word2Vec(len(truth), 128, how)
            model.solve(Ragged(corpus.values + 1, corpus.start), Progress(seed=seed))
            found[f"polyrec {seed}"] = nearest(model.input[1:].numpy())
            with TemporaryDirectory() as folder:
                left(folder, corpus, len(truth))
                asked(peers, "gensim", folder, output, str(seed), "1")
                found[f"gensim {seed}"] = nearest(np.load(Path(folder) / "gensim.npy"))
        agreed = {
            f"{one}, {other}": round(overlap(found[one], found[other]), 4)
            for one, other in combinations(sorted(found), 2)
        }
        entry = {"what": "near", "graph": "wiki", "passes": passes, "output": output}
        print(entry, agreed, flush=True)
        yield entry | {"of_ten_nearest": agreed}


def nearest(vectors: np.ndarray, count: int = 10) -> np.ndarray:
    """[N, count], the nodes of largest cosine, itself left out."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    alike = unit @ unit.T
    np.fill_diagonal(alike, -np.inf)
    return np.argpartition(-alike, count, axis=1)[:, :count]


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """The mean share of entries that rows have in common."""
    return float((one[:, :, None] == other[:, None, :]).any(2).mean())


def left(folder: str, corpus: Ragged, nodes: int) -> None:
    """Walks where a peer finds them."""
    held = {"values": corpus.values.numpy(), "start": corpus.start.numpy()}
    np.savez(Path(folder) / "walks.npz", nodes=nodes, **held)


def asked(python: str, *arguments: str) -> dict:
    """What a peer's process says."""
    script = str(HERE / "peers" / "embedding_peers.py")
    done = subprocess.run([python, script, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{arguments}: {done.stderr[-800:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def said(entry: dict) -> None:
    """The rates of one contest."""
    print({key: value for key, value in entry.items() if key != "rates"})
    for row in entry["rates"]:
        name = f"{row['peer']} {row.get('version', '')}"
        rates = (row["a_second"] or float("nan"), row["a_cpu_second"])
        print(f"  {name:<32} {rates[0]:>14,.0f} {rates[1]:>14,.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["gate", "walks", "words", "near"])
    parser.add_argument("graph", nargs="?", choices=list(GRAPHS), default="wiki")
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--peers", default="")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--passes", type=int, default=80)
    options = parser.parse_args()
    numba.set_num_threads(min(options.threads, numba.config.NUMBA_NUM_THREADS))
    waiting = os.environ.get("OMP_WAIT_POLICY", "spin")
    start = machine() | {"threads": options.threads, "waiting": waiting}
    if options.what == "gate":
        entries = gate(options.graph, options.models, options.seeds)
    elif options.what == "walks":
        entries = walks(options.peers, options.threads)
    elif options.what == "near":
        entries = near(options.peers, options.passes)
    else:
        entries = words(options.peers, options.threads, options.passes)
    for entry in entries:  # each as it comes: a run cut short keeps what it measured
        append(OUT, {"machine": start, **entry})


if __name__ == "__main__":
    main()
