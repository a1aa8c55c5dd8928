"""Time polyrec's SASRec on a leave-one-out split, told as the peers' drivers tell it.

One JSON line: seconds of each epoch of training, trained positions, seconds of a full-ranking
evaluation of all test people with their lists of ten, and of making batches alone. Same data,
width, length, loss and number of negatives as the peers; see `sequence_speed.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace

import torch
from torch import nn

from polyrec.data import Sequences
from polyrec.experiment.stored import fresh_model
from polyrec.kernels.pool import use_threads
from polyrec.recipes import compose, recipe
from polyrec.train import Options, Stage, Steps, fit
from polyrec.types import Progress

LOSSES = {  # loss, and the settings that make it the peers'
    "BCE": ("loss=bce", "negatives=uniform", "draw_from=all", "share=row", "count=1"),
    "BPR": ("loss=bpr", "negatives=uniform", "draw_from=all", "share=row", "count=1"),
    "CE": ("negatives=all",),
    "sampled_softmax": ("negatives=uniform", "draw_from=all", "share=row"),
    "shared_softmax": ("negatives=uniform", "draw_from=all"),
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--length", type=int, default=50)
    parser.add_argument("--batch", type=int, default=128, help="people a step")
    parser.add_argument("--loss", choices=LOSSES, default="BCE")
    parser.add_argument("--negatives", type=int, default=256, help="of a softmax")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    """Trains, evaluates, and tells."""
    given = parse_arguments()
    torch.set_num_threads(given.threads)
    use_threads(given.threads)
    load = os.getloadavg()
    of = recipe("sequence")
    flags = [f"data={given.data}", f"dim={given.dim}", f"length={given.length}", "blocks=1"]
    flags += [f"batch={given.batch}", "similarity=dot", *LOSSES[given.loss]]
    flags += [f"count={given.negatives}"] if given.loss.endswith("softmax") else []
    config = compose(of.Config, of.VARIANTS, "default", None, flags).config
    split = of.data(config)
    model = fresh_model(of, config, split.facts)
    plan = of.plan(config, split, model)
    stage = plan.stages[-1]
    assert isinstance(stage, Stage)
    stream = stage.tasks[0].stream
    assert isinstance(stream, Sequences)
    batches = time.perf_counter()
    for step in range(stream.steps):
        stream.batch(1, 0, step)
    batches = time.perf_counter() - batches
    seconds, cpu = _epochs(model, stage, given.epochs)
    valid, asked = plan.validate(model), split.test
    served = of.serve(config, model, split.facts)
    began, cpu_began = time.perf_counter(), time.process_time()
    rows = torch.arange(len(asked))
    served.recommend(asked.requests(rows), 10, exclude=asked.requests(rows).history)
    evaluation = time.perf_counter() - began
    told = {
        "library": "polyrec", "loss": given.loss, "threads": given.threads, "dim": given.dim,
        "negatives": given.negatives if given.loss.endswith("softmax") else 1,
        "epoch_seconds": seconds, "epoch_cpu_seconds": cpu, "positions_per_epoch": stream.examples,
        "positions_per_second": stream.examples / min(seconds),
        "positions_per_cpu_second": stream.examples / min(cpu),
        "batches_seconds": batches, "batched_samples_per_second": stream.examples / batches,
        "eval_seconds": evaluation, "eval_cpu_seconds": time.process_time() - cpu_began,
        "users": len(asked), "users_per_second": len(asked) / evaluation,
        "valid": {name: one.value for name, one in valid.values.items()},
        "load": [load[0], os.getloadavg()[0]],
    }  # fmt: skip
    print(json.dumps(told))


def _epochs(model: nn.Module, stage: Stage, epochs: int) -> tuple[list[float], list[float]]:
    """Clock and processor seconds of each epoch, after a few steps that warm the kernels up."""
    seconds, cpu = [], []
    quiet = Options(log_every=10**9)
    for number in range(epochs + 1):
        length = Steps(stage.epoch if number else 5)
        name = f"{stage.name}{number}"
        part = replace(stage, name=name, length=length, judge=None, select=None, stop=None)
        clock, processor = time.perf_counter(), time.process_time()
        fit(model, [part], lambda *_: {}, Progress(seed=1), options=quiet)
        seconds.append(time.perf_counter() - clock)
        cpu.append(time.process_time() - processor)
    return seconds[1:], cpu[1:]


if __name__ == "__main__":
    main()
