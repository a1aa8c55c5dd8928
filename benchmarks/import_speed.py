"""A log from its CSV to a k-core and a leave-one-out split: ours beside the usual pandas script.

One generated log (integers as text keys `u123` and `i45`, seconds, rows in random order). Each
side is a process of its own with its own peak memory (above that of an interpreter that has only
imported its libraries); rounds alternate, so that a busy machine slows both, and the best round of
each stage counts. Nothing is asserted; with `--out` the figures go to a JSON file with commit,
machine and command.

    python benchmarks/import_speed.py --rows 5000000 --out benchmarks/results/import_speed.json
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
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
ACTORS, TARGETS = 10, 25  # rows an actor and a target, on average
CORE, SMALL_CORE = 5, 2  # k over all rows, and over a tenth of the actors
SECONDS = 100_000_000
CHUNK = 500_000
Figures = dict[str, float]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


def write_log(path: Path, rows: int) -> None:
    """Actors uniform, targets Zipf-like, times uniform over three years."""
    rng = np.random.default_rng(0)
    actors, targets = rows // ACTORS, rows // TARGETS
    schema = pa.schema([("user", pa.string()), ("item", pa.string()), ("ts", pa.int64())])
    with csv.CSVWriter(
        path, schema, write_options=csv.WriteOptions(quoting_style="none")
    ) as writer:
        for first in range(0, rows, CHUNK):
            size = min(CHUNK, rows - first)
            user = pa.array(rng.integers(0, actors, size))
            item = pa.array((targets * rng.random(size) ** 2).astype(np.int64))
            keys = [
                pc.binary_join_element_wise(head, pc.cast(column, pa.string()), "")
                for head, column in (("u", user), ("i", item))
            ]
            when = pa.array(1_400_000_000 + rng.integers(0, SECONDS, size))
            writer.write_table(pa.table([*keys, when], schema=schema))


class Stages:
    """Seconds of one stage after another."""

    def __init__(self) -> None:
        self.seconds: Figures = {}
        self._last = time.perf_counter()

    def done(self, name: str) -> None:
        """The stage that ends here."""
        now = time.perf_counter()
        self.seconds[name] = now - self._last
        self._last = now


def ours(log: Path) -> Figures:
    """polyrec: read (keys numbered, sorted by actor and time), k-core, leave-one-out."""
    from polyrec.data import SplitConfig, filters
    from polyrec.data.readers import read

    stages = Stages()
    dataset = read(log)
    stages.done("read and sort")
    split = filters.k_core(dataset, CORE).split(SplitConfig(ties="file"))
    stages.done("k-core and split")
    return stages.seconds | {"train": len(split.train), "test": len(split.test)}


def pandas(log: Path) -> Figures:
    """The usual script: read_csv, factorize, a groupby-filter loop, stable sort, rank."""
    import pandas as pd

    stages = Stages()
    frame = pd.read_csv(log)
    stages.done("read")
    for name in ("user", "item"):
        frame[name] = pd.factorize(frame[name])[0]
    stages.done("factorize")
    while True:
        users = frame["user"].map(frame["user"].value_counts()) >= CORE
        items = frame["item"].map(frame["item"].value_counts()) >= CORE
        if (users & items).all():
            break
        frame = frame[users & items]
    stages.done("k-core")
    frame = frame.sort_values(["user", "ts"], kind="stable")
    stages.done("sort")
    from_end = frame.groupby("user").cumcount(ascending=False)
    length = frame.groupby("user")["item"].transform("size")
    test = frame[(from_end == 0) & (length >= 3)]
    valid = frame[(from_end == 1) & (length >= 3)]
    train = frame[(from_end > 1) | (length < 3)]
    stages.done("split")
    assert len(valid) == len(test)
    return stages.seconds | {"train": len(train), "test": len(test)}


def stage_ours(log: Path) -> Figures:
    """Our sort, split and k-core alone, on numbered columns."""
    from polyrec.data import SplitConfig, filters
    from polyrec.data.events import Log, Source, arrange, build

    actor, target, when = codes(log)
    dataset = build(Log(actor, target, when), Source("log"))
    some = few(actor)
    small = build(Log(actor[some], target[some], when[some]), Source("log"))
    filters.k_core(small, SMALL_CORE)
    arrange(Log(actor, target, when), actor, target, int(actor.max()))  # compiles
    stages = Stages()
    arrange(Log(actor, target, when), actor, target, int(actor.max()))
    stages.done("sort")
    dataset.split(SplitConfig(ties="file"))
    stages.done("split")
    left = filters.k_core(small, SMALL_CORE)
    stages.done("k-core")
    return stages.seconds | {"k-core rows": int(some.sum()), "left": len(left.events)}


def stage_pandas(log: Path) -> Figures:
    """pandas' stable sort and rank, and the k-core as a `groupby().filter()` loop."""
    import pandas as pd

    actor, target, when = codes(log)
    frame = pd.DataFrame({"user": actor, "item": target, "ts": when})
    stages = Stages()
    ordered = frame.sort_values(["user", "ts"], kind="stable")
    stages.done("sort")
    from_end = ordered.groupby("user").cumcount(ascending=False)
    parts = [ordered[from_end == 0], ordered[from_end == 1], ordered[from_end > 1]]
    stages.done("split")
    some = few(actor)
    frame = frame[some]
    stages.done("cut")
    size = -1
    while size != len(frame):
        size = len(frame)
        frame = frame.groupby("item").filter(lambda rows: len(rows) >= SMALL_CORE)
        frame = frame.groupby("user").filter(lambda rows: len(rows) >= SMALL_CORE)
    stages.done("k-core")
    assert len(parts) == 3
    return stages.seconds | {"k-core rows": int(some.sum()), "left": len(frame)}


def codes(log: Path) -> tuple[I32, I32, I64]:
    """The log's keys as numbers from 1, and its times in milliseconds."""
    table = csv.read_csv(log)
    user, item = (
        pc.utf8_slice_codeunits(table[name], 1).cast("int32").to_numpy() + np.int32(1)
        for name in ("user", "item")
    )
    return user, item, table["ts"].to_numpy() * 1000


def few(actor: I32) -> NDArray[np.bool_]:
    """Rows of a tenth of the actors: a `groupby().filter()` loop over all takes minutes."""
    return actor <= actor.max() // 10


SIDES: dict[str, Callable[[Path], Figures]] = {
    "ours": ours,
    "pandas": pandas,
    "stage_ours": stage_ours,
    "stage_pandas": stage_pandas,
}
LIBRARIES = {"ours": ("polyrec.data.readers", "polyrec.data.filters"), "pandas": ("pandas",)}


def peak_mb() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def alone(side: str, log: Path) -> None:
    """One side, in this process; the last line is its figures."""
    for name in LIBRARIES.get(side, ()):
        __import__(name)
    before = peak_mb()
    began = time.perf_counter()
    figures = SIDES[side](log)
    total = time.perf_counter() - began
    print(json.dumps(figures | {"total": total, "peak_mb": peak_mb() - before}))


def run(side: str, log: Path) -> Figures:
    """One side in a process of its own."""
    command = [sys.executable, __file__, "--alone", side, "--log", str(log)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def best(rounds: list[Figures]) -> Figures:
    """The fastest time of every stage, the smallest peak."""
    return {name: min(one[name] for one in rounds) for name in rounds[0]}


def compared(found: dict[str, Figures]) -> Figures:
    """How many times faster we are, and our share of their peak."""
    us, them = found["ours"], found["pandas"]
    ratios = {
        "import, k-core, split: times as fast": them["total"] / us["total"],
        "import, k-core, split: share of peak": us["peak_mb"] / them["peak_mb"],
    }
    if "stage_ours" in found:
        mine, theirs = found["stage_ours"], found["stage_pandas"]
        ratios["sort and split: times as fast"] = (theirs["sort"] + theirs["split"]) / (
            mine["sort"] + mine["split"]
        )
        ratios["sort: times as fast"] = theirs["sort"] / mine["sort"]
        ratios["k-core: times as fast"] = theirs["k-core"] / mine["k-core"]
    return ratios


def setting(rows: int, log: Path) -> dict[str, object]:
    """Where and with what the figures came about."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=HERE, check=True, capture_output=True, text=True
    )
    return {
        "commit": commit.stdout.strip(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["python", "benchmarks/import_speed.py", *sys.argv[1:]]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "versions": {n: version(n) for n in ("numpy", "pandas", "pyarrow", "numba", "polars")},
        "python": platform.python_version(),
        "rows": rows,
        "mb": round(log.stat().st_size / 2**20, 1),
    }


def main() -> None:
    """The command line."""
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    ask.add_argument("--rows", type=int, default=5_000_000)
    ask.add_argument("--rounds", type=int, default=2)
    ask.add_argument("--work", type=Path)
    ask.add_argument("--out", type=Path)
    ask.add_argument("--no-stages", action="store_true", help="leave the stages' own race out")
    ask.add_argument("--alone", choices=SIDES, help=argparse.SUPPRESS)
    ask.add_argument("--log", type=Path, help=argparse.SUPPRESS)
    given = ask.parse_args()
    if given.alone:
        alone(given.alone, given.log)
        return
    with TemporaryDirectory(dir=given.work) as folder:
        log = Path(folder) / "log.csv"
        write_log(log, given.rows)
        rounds = [{s: run(s, log) for s in ("ours", "pandas")} for _ in range(given.rounds)]
        found = {side: best([one[side] for one in rounds]) for side in ("ours", "pandas")}
        if not given.no_stages:
            found |= {side: run(side, log) for side in ("stage_ours", "stage_pandas")}
        report = setting(given.rows, log) | {"ratios": compared(found), "sides": found}
    print(json.dumps(report, indent=1))
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
