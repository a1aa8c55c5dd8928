"""The neighbour sampler's edges a second, and the memory of node2vec's walks, edge by edge.

    python benchmarks/graph_speed.py sampler [--threads 2]
    python benchmarks/graph_speed.py memory [--nodes 1000000] [--edges 5000000 10000000 20000000]

`sampler`: batches of 1,024 nodes of BlogCatalog (POLYREC_DATA/graphs), blocks and numbering
included, by one thread and by all, beside the same in vectorised torch (a random key for each edge
of a row, the smallest kept). On a machine with other work set OMP_WAIT_POLICY=passive, or threads
that wait for each other spin and count as busy.

`memory`: weighted walks with p = .25, q = 4 on a simulated graph whose degrees follow a power law;
each size is a process of its own, and what building the graph took is left out of the peak. Beside
it what a table for each edge of the step before, as in the first public code, would take.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from ctypes import CDLL
from itertools import pairwise
from pathlib import Path
from statistics import median

import numba
import numpy as np
import torch

from polyrec.graph import Graph, Node2VecWalks, Relation
from polyrec.graph.sampling import NeighbourSampler, Seeds
from scale import append, machine

HERE = Path(__file__).resolve().parent
OUT = HERE / "results" / "graph_speed.json"
KEY = ("node", "edge", "node")
BATCH = 1_024


def timed(run: Callable[[int], int], batches: int) -> dict[str, float]:
    """Edges a second, by the clock and of the processor, over some batches; median of 3."""
    run(0)
    rates = []
    for _ in range(3):
        wall, busy = time.perf_counter(), time.process_time()
        edges = sum(run(step) for step in range(batches))
        rates.append((edges / (time.perf_counter() - wall), edges / (time.process_time() - busy)))
    a_second, a_cpu_second = (median(rate) for rate in zip(*rates, strict=True))
    return {"edges": edges, "a_second": round(a_second), "a_cpu_second": round(a_cpu_second)}


def sampler(threads: int) -> Iterator[dict]:
    """Uniform draws without replacement, two fan-outs and two hops deep."""
    from embeddings import blogcatalog

    graph, _ = blogcatalog()
    nodes, start = graph.sizes["node"], torch.from_numpy(graph.only.indptr)
    targets = torch.from_numpy(graph.only.indices).long()
    for fanouts in ((10, 10), (25, 10)):
        ours = NeighbourSampler(graph, fanouts)

        def seeds(step: int) -> np.ndarray:
            return np.random.default_rng(step).choice(nodes, BATCH, replace=False)

        def own(step: int) -> int:
            return ours.sample(Seeds("node", seeds(step)), 1, step=step).edges  # noqa: B023

        def plain(step: int) -> int:
            draw = torch.Generator().manual_seed(step)
            known, edges = torch.from_numpy(seeds(step)), 0
            for fanout in fanouts:  # noqa: B023
                known, found = hop(start, targets, known, fanout, draw)
                edges += found
            return edges

        entry = {"what": "sampler", "graph": "blogcatalog", "fanouts": fanouts, "batch": BATCH}
        rows = []
        for count in sorted({1, threads}):
            numba.set_num_threads(count)
            torch.set_num_threads(count)
            ways = (("polyrec", own, 50), ("torch", plain, 3))
            rows += [{"peer": p, "threads": count, **timed(run, n)} for p, run, n in ways]
        said(entry | {"rates": rows})
        yield entry | {"torch": torch.__version__, "waiting": waiting(), "rates": rows}


def waiting() -> str:
    """What compiled threads do between two loops."""
    return os.environ.get("OMP_WAIT_POLICY", "spin")


def hop(
    start: torch.Tensor, targets: torch.Tensor, asked: torch.Tensor, fanout: int, draw: object
) -> tuple[torch.Tensor, int]:
    """All edges of the rows, those with the smallest keys kept, nodes numbered anew."""
    size = start[asked + 1] - start[asked]
    row = torch.repeat_interleave(torch.arange(len(asked)), size)
    first = torch.cumsum(size, 0) - size
    within = torch.arange(len(row)) - first[row]
    key = row + torch.rand(len(row), generator=draw, dtype=torch.float64)
    order = torch.argsort(key)
    chosen = order[within < fanout]  # sorted by row, so places within rows are as before
    edge = start[asked][row[chosen]] + within[chosen]
    found = targets[edge]
    known = torch.unique(torch.cat([asked, found]), return_inverse=True)[0]
    return known, len(found)


def memory(nodes: int, sizes: list[int]) -> Iterator[dict]:
    """Peak of the walks at each size, and what an edge more takes."""
    rows = []
    for edges in sizes:
        command = [sys.executable, __file__, "one", "--nodes", str(nodes), "--edges", str(edges)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-800:])
        rows.append(json.loads(done.stdout.strip().splitlines()[-1]))
        print(rows[-1], flush=True)
    grown = [
        (b["walking_mb"] - a["walking_mb"]) * 2**20 / (b["edges"] - a["edges"])
        for a, b in pairwise(rows)
    ]
    entry = {"what": "memory", "nodes": nodes, "sizes": rows}
    entry["bytes_an_edge_more"] = [round(x, 1) for x in grown]
    print("bytes an edge more:", entry["bytes_an_edge_more"])
    yield entry


def one(nodes: int, edges: int) -> dict:
    """Memory of one size, in this process: the graph's own arrays, and what walking adds."""
    plan = Node2VecWalks(0.25, 4.0, count=1, length=10)
    plan(power_law(100, 500), 0)  # compiled before anything is counted
    graph = power_law(nodes, edges)
    relation = graph.only
    degree = relation.degree.astype(np.float64)
    tables = 8 * np.add.reduce(degree[relation.indices])  # a chance and a place for each
    held = relation.indptr.nbytes + relation.indices.nbytes + relation.weight.nbytes
    CDLL("libc.so.6").malloc_trim(0)  # what building freed, or walking would hide in it
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    wall, busy = time.perf_counter(), time.process_time()
    steps = plan(graph, 1).values.numel()
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    walking = resident("VmHWM") - before
    return {
        "edges": relation.edges,
        "largest_degree": int(degree.max()),
        "graph_mb": round(held / 2**20),
        "walking_mb": round(walking / 2**20),
        "bytes_an_edge": round((held + walking) / relation.edges, 1),
        "peak_mb": round(resident("VmHWM") / 2**20),
        "steps": steps,
        "a_second": round(steps / wall),
        "a_cpu_second": round(steps / busy),
        "tables_an_edge_mb": round(tables / 2**20),
    }


def resident(name: str) -> int:
    """Bytes, as the kernel tells them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


def power_law(nodes: int, edges: int, seed: int = 0) -> Graph:
    """Both ends of an edge fall on node r in proportion to r^-1/2; a ring, so that none ends."""
    draw = np.random.default_rng(seed)
    ring = np.arange(nodes) * nodes + (np.arange(nodes) + 1) % nodes
    ends = [(nodes * draw.random(edges, np.float32) ** 2).astype(np.int64) for _ in range(2)]
    source, target = (np.minimum(end, nodes - 1) for end in ends)
    key = np.unique(np.concatenate([ring, source * nodes + target]))
    source, target = key // nodes, (key % nodes).astype(np.int32)
    indptr = np.searchsorted(source, np.arange(nodes + 1)).astype(np.int64)
    weight = draw.random(len(key), np.float32) + np.float32(0.5)
    return Graph({"node": nodes}, (Relation(KEY, indptr, target, nodes, weight=weight),))


def said(entry: dict) -> None:
    """The rates, and how they compare."""
    print({key: value for key, value in entry.items() if key != "rates"})
    for row in entry["rates"]:
        who = f"{row['peer']} {row['threads']}"
        print(f"  {who:<12} {row['a_second']:>14,.0f} {row['a_cpu_second']:>14,.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["sampler", "memory", "one"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, nargs="*", default=[5_000_000, 10**7, 2 * 10**7])
    options = parser.parse_args()
    threads = min(options.threads, numba.config.NUMBA_NUM_THREADS)
    numba.set_num_threads(threads)
    if options.what == "one":
        print(json.dumps(one(options.nodes, options.edges[0])))
        return
    start = machine() | {"threads": threads}
    entries = (
        sampler(threads) if options.what == "sampler" else memory(options.nodes, options.edges)
    )
    for entry in entries:
        append(OUT, {"machine": start, **entry})


if __name__ == "__main__":
    main()
