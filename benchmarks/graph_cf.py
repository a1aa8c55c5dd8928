"""Collaborative filtering on a graph: figures of the sources' split, and what a step costs.

    python benchmarks/graph_cf.py DATA/gowalla gate gf_cf
    python benchmarks/graph_cf.py DATA/gowalla gate lightgcn epochs=5
    python benchmarks/graph_cf.py DATA/gowalla split
    python benchmarks/graph_cf.py DATA/gowalla spmm [128] [--threads 2]
    python benchmarks/graph_cf.py DATA/gowalla step

`gate` learns a variant of the recipe from train and validation together, as published, and judges
test once: recall@20 and ndcg@20. `split` counts which share of the edges of popular items is in
test: a random draw has the same for all. `spmm` times one product forward, and forward and
backward, beside torch's `embedding_bag` and sparse formats and scipy. `step` times a whole training
step beside one that differs in the product alone (torch.sparse CSR and COO). Both do so on the
graph as the model places its nodes, and as the vocabularies do. Seconds are of the processor where
the machine is shared (`cpu_seconds`), and of the wall. Every entry of the results names commit,
machine and load.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numba
import numpy as np
import scipy.sparse
import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec.evaluate import Setting, ranking
from polyrec.experiment.stored import fresh_model
from polyrec.graph import Relation
from polyrec.nn.propagate import Edges, propagate, smoothed
from polyrec.process import settle
from polyrec.recipes import compose, recipe
from polyrec.train import fit
from polyrec.types import Progress
from scale import append, machine

RESULTS = Path(__file__).resolve().parent / "results" / "graph_cf.json"
ROUNDS = 7
BANDS = (0, 20, 100, 500, 2_000, 10_000, 20_000)  # of items, the most popular first


def gate(data: str, variant: str, flags: list[str]) -> dict[str, Any]:
    """A variant learnt and judged on test, with the seconds of each part."""
    of = recipe("graphs")
    config = compose(of.Config, of.VARIANTS, variant, None, [f"data={data}", *flags]).config
    clocks = [clock()]
    split = of.data(config)
    model = fresh_model(of, config, split.facts)
    clocks.append(clock())
    plan = of.plan(config, split, model)
    fit(model, plan.stages, lambda *_: {}, Progress(seed=config.seed))
    clocks.append(clock())
    setting = Setting(exclude="history", counts=split.facts.counts, slices=(), ties="skip")
    rec = of.serve(config, model, split.facts)
    report = ranking(rec, split.test, ("recall", "ndcg"), (20,), setting=setting)
    clocks.append(clock())
    parts = {
        name: {"wall": b[0] - a[0], "cpu": b[1] - a[1]}
        for name, a, b in zip(("load", "learn", "judge"), clocks, clocks[1:], strict=False)
    }
    values = {name: value.value for name, value in report.values.items()}
    sure = {name: (value.low, value.high) for name, value in report.values.items()}
    found = {"gate": variant, "flags": flags, "fit": config.fit, "values": values, "sure": sure}
    return found | {"seconds": parts, "total_cpu": clocks[-1][1] - clocks[0][1]}


def split(data: str) -> dict[str, Any]:
    """The share of edges that stands in test, by the popularity of their item in all parts."""
    of = recipe("graphs")
    flags = [f"data={data}", "fit=all"]
    parts = of.data(compose(of.Config, of.VARIANTS, "default", None, flags).config)
    size = parts.facts.items + 1
    test = torch.bincount(parts.test.truth.values, minlength=size).double()
    whole = test + torch.bincount(torch.from_numpy(parts.train.target).long(), minlength=size)
    order, overall = whole.argsort(descending=True), float(test.sum() / whole.sum())
    bands = []
    for low, high in zip(BANDS, (*BANDS[1:], size - 1), strict=True):
        at = order[low:high]
        edges = float(whole[at].sum())
        half = 1.96 * (overall * (1 - overall) / edges) ** 0.5  # of a random draw
        bands.append({"items": [low, high], "share": float(test[at].sum()) / edges, "chance": half})
    return {"split": "share of edges in test", "overall": overall, "bands": bands}


def clock() -> tuple[float, float]:
    """Wall and processor seconds."""
    return time.perf_counter(), time.process_time()


def graph(data: str, placed: bool = True) -> Any:
    """LightGCN of the published width on the log's graph, nodes side by side or as they come."""
    of = recipe("graphs")
    config = compose(of.Config, of.VARIANTS, "lightgcn", None, [f"data={data}"]).config
    split = of.data(config)
    if placed:
        return config, split, fresh_model(of, config, split.facts)
    with mock.patch("polyrec.models.graphs.collaborative.bipartite.side_by_side", as_they_come):
        return config, split, fresh_model(of, config, split.facts)


def as_they_come(chose: Relation) -> tuple[np.ndarray, np.ndarray]:
    """In place of `side_by_side`: the order of the vocabularies."""
    return np.arange(chose.sources), np.arange(chose.targets)


def milliseconds(do: Callable[[], object]) -> dict[str, float]:
    """Least and median of the rounds, wall and processor: the least is the quiet machine."""
    do()
    walls, cpus = [], []
    for _ in range(ROUNDS):
        before = clock()
        do()
        after = clock()
        walls.append(1e3 * (after[0] - before[0]))
        cpus.append(1e3 * (after[1] - before[1]))
    return {
        "least": min(walls), "median": statistics.median(walls),
        "least_cpu": min(cpus), "median_cpu": statistics.median(cpus),
    }  # fmt: skip


def sparse(edges: Edges, form: str) -> Tensor:
    """The same matrix with its values, in one of torch's formats."""
    row = torch.repeat_interleave(torch.arange(len(edges.into)), edges.start.diff())
    column = edges.target.long()
    value, size = edges.into[row] * edges.out_of[column], (len(edges.into),) * 2
    if form == "csr":
        return torch.sparse_csr_tensor(edges.start.long(), column, value, size)
    return torch.sparse_coo_tensor(torch.stack([row, column]), value, size).coalesce()


def spmm(data: str, width: int = 64) -> dict[str, Any]:
    """One product of the graph's matrix with vectors of some width, in both orders of the nodes."""
    found: dict[str, Any] = {"spmm": f"D^-1/2 A D^-1/2 X, width {width}"}
    for order, placed in (("side by side", True), ("as they come", False)):
        model = graph(data, placed)[2]
        x = torch.randn(model.nodes, width, requires_grad=True)
        forward, whole = products(model.edges(), x)
        found[order] = {
            "forward": {name: milliseconds(do) for name, do in forward.items()},
            "forward_backward": {name: milliseconds(do) for name, do in whole.items()},
        }
    return found | floors(model.edges(), x.detach())


def products(edges: Edges, x: Tensor) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is timed: forward alone, and with the gradient."""
    csr, coo, plain = sparse(edges, "csr"), sparse(edges, "coo"), x.detach()
    beside = torch.randn_like(plain)
    dense: Any = csr  # scipy's, of the same arrays
    parts = (dense.values(), dense.col_indices(), dense.crow_indices())
    held = scipy.sparse.csr_matrix(tuple(part.numpy() for part in parts))
    row = torch.repeat_interleave(torch.arange(len(edges.into)), edges.start.diff())

    def both(product: Callable[[], Tensor]) -> Callable[[], None]:
        def do() -> None:
            product().sum().backward()
            x.grad = None

        return do

    forward = {
        "ours": lambda: edges.times(plain),
        "ours_plus_x": lambda: smoothed(plain, edges, 1),
        "layer": lambda: edges.times(plain, base=beside),  # as LightGCN's second layer is
        "bags": lambda: bags(plain, edges),
        "torch_csr": lambda: csr @ plain,
        "torch_coo": lambda: torch.sparse.mm(coo, plain),
        "scipy": lambda: held @ plain.numpy(),
        "index_add": lambda: torch.zeros_like(plain).index_add_(
            0, row, plain[edges.target] * edges.out_of[edges.target][:, None]
        ),
    }
    whole = {
        "ours": both(lambda: propagate(x, edges)),
        "ours_plus_x": both(lambda: smoothed(x, edges, 1)),
        "bags": both(lambda: Bags.apply(x, edges)),
        "torch_csr": both(lambda: csr @ x),
        "torch_coo": both(lambda: torch.sparse.mm(coo, x)),
    }
    return forward, whole


def bags(x: Tensor, edges: Edges) -> Tensor:
    """The product by torch's `embedding_bag`, rows and columns scaled."""
    scaled = x * edges.out_of[:, None]
    found = F.embedding_bag(edges.target, scaled, edges.start, mode="sum", include_last_offset=True)
    return found.mul_(edges.into[:, None])


class Bags(torch.autograd.Function):
    """`bags` with its gradient, the same product."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, edges: Edges) -> Tensor:
        ctx.edges = edges
        return bags(x.detach(), edges)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return bags(grad.contiguous(), ctx.edges), None


def floors(edges: Edges, x: Tensor) -> dict[str, Any]:
    """What no product can go below: X in and out and the edges once, at the rate memory is copied.

    For a layer the table that is added comes in too. Beside it every edge's row once, at the rate
    that X is read from the cache that holds it.
    """
    gathered, least = (
        4 * len(edges.target) * x.shape[1],
        2 * 4 * x.numel() + 4 * len(edges.target),
    )
    big, out = torch.ones(50_000_000), torch.ones(50_000_000)  # written: no shared page of zeros
    copied = milliseconds(lambda: out.copy_(big))["least"]
    read = milliseconds(lambda: x.sum())["least"]
    copy_rate, read_rate = 2e-6 * 4 * big.numel() / copied, 1e-6 * 4 * x.numel() / read
    return {
        "nodes": len(edges.into),
        "edges": len(edges.target),
        "megabytes_gathered": gathered / 1e6,
        "megabytes_at_least": least / 1e6,
        "copy_gigabytes_per_second": copy_rate,
        "read_gigabytes_per_second": read_rate,
        "floor_ms": {
            "memory": least / 1e6 / copy_rate,
            "layer": (least + 4 * x.numel()) / 1e6 / copy_rate,
            "gathered": gathered / 1e6 / read_rate,
        },
    }


def step(data: str) -> dict[str, Any]:
    """A training step of LightGCN, and the same with torch's sparse products of all rows."""
    found: dict[str, Any] = {"step": "LightGCN, batch 2048"}
    for order, placed in (("side by side", True), ("as they come", False)):
        once, edges, found["steps_in_epoch"] = stepping(*graph(data, placed))
        found[order] = {"ours": milliseconds(once)}
        for form in ("csr", "coo"):
            with plainly(sparse(edges, form)):
                found[order][f"torch_{form}"] = milliseconds(once)
    return found


def stepping(config: Any, split: Any, model: Any) -> tuple[Callable[[], None], Edges, int]:
    """One step as `fit` does it, the graph's edges, and the steps of an epoch."""
    stage = recipe("graphs").plan(config, split, model).stages[0]
    task, optimiser = stage.tasks[0], stage.optim.build(model.parameters())
    progress = Progress(seed=1, stage="train")

    def once() -> None:
        batch = task.stream.batch(1, 0, 0)
        losses = task.objective(model.train().prepare(), batch, progress)
        stage.balance.backward(losses, (), progress)
        optimiser.param_groups[0]["lr"] = config.lr
        optimiser.step()
        optimiser.zero_grad()

    return once, model.edges(), task.stream.steps


@contextmanager
def plainly(matrix: Any) -> Iterator[None]:
    """LightGCN by products with a sparse tensor, every layer of all nodes."""

    def product(x: Tensor) -> Any:
        return matrix @ x if matrix.layout == torch.sparse_csr else torch.sparse.mm(matrix, x)

    def layers(x: Tensor, edges: Edges, count: int) -> Any:
        y = x
        for _ in range(count):
            y = x + product(y)
        return y

    def rows(x: Tensor, edges: Edges, rows: Tensor) -> Any:
        return product(x)[rows]

    where = "polyrec.models.graphs.collaborative.lightgcn"
    with mock.patch(f"{where}.smoothed", layers), mock.patch(f"{where}.propagate_rows", rows):
        yield


def main() -> None:
    """Runs one part and appends its entry to the results."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("data")
    asked.add_argument("part", choices=("gate", "split", "spmm", "step"))
    asked.add_argument("rest", nargs="*", help="gate: a variant, then key=value; spmm: a width")
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--out", type=Path, default=RESULTS)
    told = asked.parse_args()
    settle()  # but for OpenMP's threads, which are loaded already: set OMP_WAIT_POLICY
    torch.set_num_threads(told.threads)
    numba.set_num_threads(min(told.threads, numba.config.NUMBA_NUM_THREADS))
    before = machine()
    if told.part == "gate":
        found = gate(told.data, told.rest[0], told.rest[1:])
    else:
        widths = [int(word) for word in told.rest]  # of spmm
        found = {"split": split, "spmm": spmm, "step": step}[told.part](told.data, *widths)
    append(told.out, {**found, "threads": told.threads, "machine": before})
    print({key: value for key, value in found.items() if key != "machine"})


if __name__ == "__main__":
    main()
