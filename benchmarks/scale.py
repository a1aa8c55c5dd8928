"""The Books size on this machine: log, data set, training beside a plain port, exact top-50.

Each phase is a process of its own, so that its peak memory is its own. Training alternates rounds
of our steps and the port's, so that a busy machine slows both. Nothing is asserted; with `--out`
the figures are appended to a JSON file with commit and machine.

    python benchmarks/scale.py --work /tmp/scale --out benchmarks/results/scale.json
    python benchmarks/scale.py --work /tmp/scale --size small --phases log,read,train,top
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import plain_port

HERE = Path(__file__).resolve().parent
PHASES = ("log", "read", "train", "top")
SHARE = 20  # the small size is a twentieth
Figures = dict[str, Any]


@dataclass(frozen=True)
class Given:
    """What the command was given."""

    work: Path
    size: str
    threads: int
    rounds: int
    steps: int  # our steps a round
    port_steps: int  # the port's steps a round
    requests: int

    @property
    def log(self) -> Path:
        return self.work / f"{self.size}.csv"

    @property
    def stored(self) -> Path:
        return self.work / f"{self.size}-data"


def phase_log(given: Given) -> Iterator[Figures]:
    """Simulates the log and writes it."""
    from polyrec import worlds

    world = worlds.BOOKS_LIKE
    if given.size == "small":
        world = replace(
            world, users=world.users // SHARE, items=world.items // SHARE, categories=100
        )
    began = time.perf_counter()
    rows = worlds.write_log(world, given.log)
    yield {
        "seconds": time.perf_counter() - began,
        "rows": rows,
        "mb": given.log.stat().st_size / 2**20,
    }


def phase_read(given: Given) -> Iterator[Figures]:
    """File to data set; storing it is timed apart. Includes compiling kernels on a first run."""
    import shutil

    from polyrec import data
    from polyrec.data.readers import read

    shutil.rmtree(given.stored, ignore_errors=True)
    began = time.perf_counter()
    dataset = read(given.log)
    read_seconds = time.perf_counter() - began
    began = time.perf_counter()
    data.save(dataset, given.stored)
    saved = time.perf_counter() - began
    began = time.perf_counter()
    sizes = data.load(given.stored).sizes
    opened = time.perf_counter() - began
    yield {"seconds": read_seconds, "save": saved, "reopen": opened, **sizes._asdict()}


def phase_train(given: Given) -> Iterator[Figures]:
    """ComiRec-DR through the one loop; a round is timed between two steps."""
    from polyrec import data, losses, models, negatives, nn, train
    from polyrec.types import Progress

    sizes = plain_port.Sizes()
    split = data.load(given.stored).split(data.SplitConfig(how="by-user"))
    torch.manual_seed(0)
    model = models.ComiRecDR(
        split.facts.items, sizes.dim, nn.Interests(sizes.interests, sizes.length)
    )
    stream = data.RandomCut(split.train, sizes.batch, sizes.length)
    sampler = negatives.LogUniform(split.facts.items, split.facts.counts, sizes.negatives)
    warm = 50
    stage = train.Stage(
        name="train",
        tasks=(train.Task(stream, train.Rank(losses.sampled_softmax, sampler)),),
        length=train.Steps(warm + given.rounds * given.steps),
        lr=sizes.lr,
        optim=train.LazyAdam(),
    )
    turns = Turns(given.steps, warm)

    def report(progress: Progress, _: train.Tick) -> None:
        turns.after(progress.step, progress.losses["rank"])

    turns.wait()
    train.fit(
        model, (stage,), lambda *_: {}, Progress(seed=1), options=train.Options(report=report)
    )
    yield {}


def phase_port(given: Given) -> Iterator[Figures]:
    """The plain port's rounds."""
    sequences, items = plain_port.read_log(given.log)
    losses = plain_port.train(sequences, items, plain_port.Sizes(), "einsum")
    warm = 3
    turns = Turns(given.port_steps, warm)
    turns.wait()
    for step in range(1, warm + given.rounds * given.port_steps + 1):
        turns.after(step, next(losses))
    yield {}


def phase_top(given: Given) -> Iterator[Figures]:
    """Exact top-50 of all valid people at 4 interests, and the machine's own matrix rate."""
    from polyrec import data, index

    items = data.load(given.stored).items
    draw = torch.Generator().manual_seed(0)
    table = torch.randn(items + 1, 64, generator=draw)
    queries = torch.randn(given.requests, 4, 64, generator=draw)
    index.top(queries[:512], table, 50)  # compiles
    before = _matrix_rate()
    began = time.perf_counter()
    ids, _ = index.top(queries, table, 50)
    seconds = time.perf_counter() - began
    rate = max(before, _matrix_rate())
    work = 2.0 * given.requests * 4 * items * 64
    yield {
        "seconds": seconds,
        "requests": given.requests,
        "tflop": work / 1e12,
        "gflops": work / seconds / 1e9,
        "machine_gflops": rate,
        "fraction": work / seconds / 1e9 / rate,
        "filled": float((ids > 0).float().mean()),
    }


def _matrix_rate() -> float:
    """GFLOP/s of a plain matrix product on all cores, the best of a few."""
    threads = torch.get_num_threads()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    a, b = torch.randn(2048, 64), torch.randn(64, 4096)
    out = torch.empty(2048, 4096)
    best = 0.0
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(20):
            torch.mm(a, b, out=out)
        best = max(best, 20 * 2 * 2048 * 64 * 4096 / (time.perf_counter() - began) / 1e9)
    torch.set_num_threads(threads)
    return best


@dataclass
class Turns:
    """Rounds of steps, each begun when the other side says so on standard input."""

    steps: int
    warm: int
    wall: float = 0.0
    cpu: float = 0.0

    def wait(self) -> None:
        """Lets the other side have the machine, then starts the clock."""
        sys.stdin.readline()
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def after(self, step: int, loss: float) -> None:
        """Called after every step: at the end of a round, says how long it took and waits."""
        if step < self.warm or (step - self.warm) % self.steps:
            return
        seconds, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        steps = self.warm if step == self.warm else self.steps
        _say({"steps": steps, "seconds": seconds, "cpu": cpu, "loss": loss})
        self.wait()


def _say(figures: Figures) -> None:
    print(json.dumps(figures), flush=True)


RUN: dict[str, Callable[[Given], Iterator[Figures]]] = {
    "log": phase_log,
    "read": phase_read,
    "train": phase_train,
    "port": phase_port,
    "top": phase_top,
}


class Worker:
    """A phase in a process of its own: lines of JSON come out, "go" goes in."""

    def __init__(self, phase: str, arguments: list[str]) -> None:
        command = [sys.executable, __file__, "--worker", phase, *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE
        )

    def go(self) -> Figures:
        """Lets it work until it says something."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.read()

    def read(self) -> Figures:
        """The next line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a phase ended early with code {self.process.wait()}")
        found: Figures = json.loads(line)
        return found

    def end(self) -> Figures:
        """Lets it finish; its last line holds its peak memory."""
        last = self.go()
        while "peak_mb" not in last:
            last = self.read()
        self.process.wait()
        return last


def run_training(given: Given, arguments: list[str]) -> dict[str, Figures]:
    """Our rounds and the port's, one after the other."""
    ours, port = Worker("train", arguments), Worker("port", arguments)
    ours.go(), port.go()  # warm
    told: dict[str, list[Figures]] = {"train": [], "port": []}
    for _ in range(given.rounds):
        told["train"].append(ours.go())
        told["port"].append(port.go())
    figures = {}
    for name, worker in (("train", ours), ("port", port)):
        rates = [one["steps"] / one["seconds"] for one in told[name]]
        cpu = [one["steps"] / one["cpu"] for one in told[name]]
        figures[name] = {
            "steps_per_second": sorted(rates)[len(rates) // 2],
            "slowest_round": min(rates),
            "steps_per_cpu_second": sorted(cpu)[len(cpu) // 2],
            "loss": told[name][-1]["loss"],
            **worker.end(),
        }
    ratio = figures["train"]["steps_per_second"] / figures["port"]["steps_per_second"]
    figures["train"]["times_the_port"] = ratio
    return figures


def work(phase: str, given: Given) -> None:
    """One phase, in this process."""
    torch.set_num_threads(given.threads)
    for figures in RUN[phase](given):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        _say(figures | {"peak_mb": peak})


def machine() -> Figures:
    """Commit, processor, threads."""
    commit = ["git", "-C", str(HERE), "rev-parse", "--short=12", "HEAD"]
    lines = Path("/proc/cpuinfo")
    models = lines.read_text().splitlines() if lines.exists() else []
    names = [line.split(":", 1)[1].strip() for line in models if line.startswith("model name")]
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.run(commit, capture_output=True, text=True).stdout.strip(),
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "torch": torch.__version__,
    }


def show(name: str, figures: Figures) -> None:
    """One phase as lines of a table."""
    for key, value in figures.items():
        shown = f"{value:,.3f}" if isinstance(value, float) else f"{value:,}"
        print(f"{name:<8} {key:<22} {shown:>16}", flush=True)


def append(path: Path, entry: Figures) -> None:
    """Adds an entry to a JSON list, written beside and renamed."""
    held = json.loads(path.read_text()) if path.exists() else []
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps([*held, entry], indent=1) + "\n")
    beside.replace(path)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for the log and data set")
    parser.add_argument("--size", choices=("books", "small"), default="books")
    parser.add_argument("--phases", default=",".join(PHASES), help="which, comma-separated")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5, help="alternations of ours and the port")
    parser.add_argument("--steps", type=int, default=300, help="our steps a round")
    parser.add_argument("--port-steps", type=int, default=20, help="the port's steps a round")
    parser.add_argument("--requests", type=int, default=60_367, help="people of the exact top-50")
    parser.add_argument("--out", type=Path, help="JSON file to append the figures to")
    parser.add_argument("--worker", choices=tuple(RUN), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Runs the phases and prints their figures."""
    told = parsed()
    given = Given(
        told.work.resolve(),
        told.size,
        told.threads,
        told.rounds,
        told.steps,
        told.port_steps,
        told.requests,
    )
    if told.worker:
        work(told.worker, given)
        return
    given.work.mkdir(parents=True, exist_ok=True)
    chosen = told.phases.split(",")
    unknown = [phase for phase in chosen if phase not in PHASES]
    if unknown:
        raise SystemExit(f"--phases {','.join(unknown)}: choose from {', '.join(PHASES)}")
    arguments = [
        f"--work={given.work}",
        f"--size={given.size}",
        f"--threads={given.threads}",
        f"--rounds={given.rounds}",
        f"--steps={given.steps}",
        f"--port-steps={given.port_steps}",
        f"--requests={given.requests}",
    ]
    entry: Figures = {"machine": machine(), "size": given.size, "threads": given.threads}
    for phase in chosen:
        found = (
            run_training(given, arguments)
            if phase == "train"
            else {phase: Worker(phase, arguments).end()}
        )
        for name, figures in found.items():
            show(name, figures)
        entry |= found
    if told.out is not None:
        append(told.out, entry)


if __name__ == "__main__":
    main()
