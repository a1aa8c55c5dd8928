"""Walks of fastnode2vec and PecanPy, and gensim's word vectors, on what polyrec left in a folder.

Runs in an environment of its own: pip install gensim==4.4.0 fastnode2vec==0.0.7 pecanpy==2.0.9.
Reads FOLDER/edges.npy [E, 2] (each undirected edge once) or FOLDER/walks.npz (values, start), and
prints one line of JSON.

    python embedding_peers.py fastnode2vec FOLDER P Q THREADS
    python embedding_peers.py pecanpy FOLDER P Q THREADS
    python embedding_peers.py gensim FOLDER tree|negatives SEED THREADS
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np


def fastnode2vec(folder: Path, p: float, q: float, threads: int) -> dict:
    """One walk of 80 nodes from every node, each asked for from Python, as the package does."""
    from fastnode2vec import Graph

    edges = np.load(folder / "edges.npy")
    graph = Graph(edges.tolist(), directed=False, weighted=False, verbose=False)
    nodes = range(len(graph.node_names))

    def part(first: int) -> int:
        return sum(
            len(graph.generate_random_walk(80, p, q, node)) for node in nodes[first::threads]
        )

    graph.generate_random_walk(80, p, q, 0)
    wall, busy = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        steps = sum(pool.map(part, range(threads)))
    return _rates(steps, wall, busy)


def pecanpy(folder: Path, p: float, q: float, threads: int) -> dict:
    """SparseOTF; it compiles anew in each call, so the time of a short call is taken away."""
    from pecanpy.pecanpy import SparseOTF

    edges = folder / "edges.edg"
    np.savetxt(edges, np.load(folder / "edges.npy"), fmt="%d", delimiter="\t")
    graph = SparseOTF(p=p, q=q, workers=threads, verbose=False)
    graph.read_edg(str(edges), weighted=False, directed=False)
    graph.simulate_walks(1, 2)  # what is compiled once
    times = []
    for length in (2, 82):
        wall, busy = time.perf_counter(), time.process_time()
        walks = graph.simulate_walks(1, length)
        times.append((time.perf_counter() - wall, time.process_time() - busy))
    steps = 80 * len(walks)
    wall, busy = (long - short for short, long in zip(*times, strict=True))
    # on a busy machine the short call may have waited longer: then the clock tells nothing
    a_second = steps / wall if wall > 0 else None
    return {"steps": steps, "a_second": a_second, "a_cpu_second": steps / busy}


def gensim(folder: Path, output: str, seed: int, threads: int) -> dict:
    """Skip-gram, d 128, window 10, K 5 or a tree, one epoch; vectors to FOLDER/gensim.npy."""
    from gensim.models import Word2Vec

    held = np.load(folder / "walks.npz")
    values, start = held["values"], held["start"]
    names = [str(node) for node in range(int(held["nodes"]))]
    walks = [[names[node] for node in values[a:b]] for a, b in pairwise(start)]
    tree = output == "tree"
    model = Word2Vec(
        vector_size=128, window=10, min_count=1, sg=1, hs=int(tree), negative=0 if tree else 5,
        sample=0, workers=threads, epochs=1, seed=seed,
    )  # fmt: skip
    model.build_vocab(walks)
    wall, busy = time.perf_counter(), time.process_time()
    model.train(walks, total_examples=len(walks), epochs=1)
    found = _rates(len(values), wall, busy)
    vectors = np.zeros((len(names), 128), np.float32)
    for node, name in enumerate(names):
        if name in model.wv:
            vectors[node] = model.wv[name]
    np.save(folder / "gensim.npy", vectors)
    return found


def _rates(steps: int, wall: float, busy: float) -> dict:
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    return {"steps": steps, "a_second": steps / wall, "a_cpu_second": steps / busy}


def main() -> None:
    peer, folder, *rest = sys.argv[1:]
    os.environ["NUMBA_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = rest[-1]
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    if peer == "gensim":
        found = gensim(Path(folder), rest[0], int(rest[1]), int(rest[2]))
    else:
        run = {"fastnode2vec": fastnode2vec, "pecanpy": pecanpy}[peer]
        found = run(Path(folder), float(rest[0]), float(rest[1]), int(rest[2]))
    print(json.dumps({"peer": peer, "version": version(peer), **found}))


if __name__ == "__main__":
    main()
