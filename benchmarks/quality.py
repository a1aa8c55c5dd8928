"""Quality of variants on real logs: `python benchmarks/quality.py [SUITE]`, then `--table`.

Each (log, variant, seed) is one `polyrec run`; those whose figures are stored already are skipped,
so the command may be stopped and called again. Test is read once a run, at the weights that
validation chose. `--table` prints RESULTS.md's tables from the stored figures.

interests: all trained variants get the same budget: at most 5,000 steps, stopped after 6
evaluations of 250 steps without a new best; variants that carry their own patience keep it and are
cut at 5,000 steps; sa_b1024 sees as many positives in an eighth of the steps.

sequences: leave-one-out, whole catalogue, seen items out. One block for all, at most 200 epochs,
stopped after 5 evaluations, an epoch each, without a new best.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("POLYREC_DATA", HERE / ".." / ".." / "shared" / "data")).resolve()
LOGS = {
    "beauty": "amazon_seq/Beauty.txt.gz",
    "ml-100k": "ml-100k",
    "sports": "amazon_seq/Sports_and_Outdoors.txt.gz",
}
CLOSED = ("popular", "item_knn", "ease")


@dataclass(frozen=True)
class Suite:
    """What is run and shown for one recipe; the groups come in the order of importance."""

    recipe: str
    store: Path
    groups: Sequence[Sequence[str]]
    budget: tuple[str, ...]  # of every trained variant
    primary: str
    shown: tuple[str, ...]
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # budgets of their own
    logs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # settings of a log

    def flags(self, log: str, variant: str) -> list[str]:
        """The settings of a run, over its variant's."""
        if variant in CLOSED:
            return []
        return [*self.logs.get(log, ()), *self.own.get(variant, self.budget)]

    def jobs(self, seeds: int) -> Iterator[tuple[str, str, int]]:
        """What there is to run, the main rows of every log first."""
        for variants in self.groups:
            for log in LOGS:
                for variant in variants:
                    for seed in range(1, (1 if variant in CLOSED else seeds) + 1):
                        yield log, variant, seed


STEPS = ("max_steps=5000",)
SUITES = {
    "interests": Suite(
        recipe="comirec",
        store=HERE / "results" / "quality.jsonl",
        groups=(
            CLOSED,
            ("youtube_dnn", "gru4rec", "mind", "dr", "sa", "remi"),
            ("dummy_readout", "sa_k1", "c_run", "c_plan1", "c_plan4", "tf1_parity", "sa_b1024"),
        ),
        budget=(*STEPS, "eval_every=250", "patience=6"),
        own={
            **dict.fromkeys(("c_run", "c_plan1", "c_plan4", "tf1_parity"), STEPS),
            "sa_b1024": ("max_steps=640", "eval_every=32", "patience=6"),
        },
        primary="recall@50",
        shown=("recall@20", "recall@50", "ndcg@50", "hit_rate@50", "coverage@50"),
    ),
    "sequences": Suite(
        recipe="sequence",
        store=HERE / "results" / "sequences.jsonl",
        groups=(
            CLOSED,
            ("small", "sasrec_bce", "sasrec_ce"),
            ("default", "esasrec", "hstu", "gru4rec", "gsasrec", "sasrec_original"),
        ),
        budget=("blocks=1", "epochs=200", "patience=5"),
        logs={"ml-100k": ("length=200", "batch=32")},
        primary="ndcg@10",
        shown=("recall@5", "ndcg@5", "recall@10", "ndcg@10", "recall@50", "coverage@10"),
    ),
}


def run(suite: Suite, job: tuple[str, str, int], machine: Mapping[str, str]) -> None:
    """One run by the command line; its figures are appended to the store."""
    log, variant, seed = job
    flags = suite.flags(log, variant)
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "polyrec", "run", suite.recipe, "--variant", variant]
        command += ["--data", str(DATA / LOGS[log]), "--out", out, "--json", f"seed={seed}", *flags]
        command += ["--device", machine["device"]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.stderr.write(f"{job}: {done.stderr}\n")
            return
        row = _row_of(suite, job, done.stdout)
    row |= {"flags": flags, **machine}
    with suite.store.open("a") as file:
        file.write(json.dumps(row, sort_keys=True) + "\n")
    shown = row["metrics"][suite.primary]
    print(f"{log} {variant} {seed}: {suite.primary} {shown['value']:.4f}", flush=True)


def _row_of(suite: Suite, job: tuple[str, str, int], said: str) -> dict:
    told = json.loads(said.splitlines()[-1])
    folder = Path(told["runs"][0])
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    best = json.loads((folder / "report.json").read_text())["step"]
    stops = [line for line in lines if line["kind"] == "stop"]
    until = [line for line in lines if line["kind"] == "eval" and line["step"] == best]
    return {
        "log": job[0],
        "variant": job[1],
        "seed": job[2],
        "best_step": best,
        "best_seconds": round(until[-1]["seconds"], 1) if until else 0.0,
        "best_cpu_seconds": round(until[-1]["cpu_seconds"], 1) if until else 0.0,
        "stop": stops[-1].get("reason", "") if stops else "solved",
        "seconds": told["seconds"],
        "peak_memory_mb": told["peak_memory_mb"],
        "commit": _commit(),
        "metrics": {
            name: {key: value[key] for key in ("value", "low", "high", "n")}
            for name, value in told["metrics"].items()
        },
        "short": told["metrics"][suite.primary]["passport"],
    }


def stored(suite: Suite) -> dict[tuple[str, str, int], dict]:
    """Figures by (log, variant, seed); the latest line wins."""
    lines = suite.store.read_text().splitlines() if suite.store.is_file() else []
    rows = [json.loads(line) for line in lines]
    return {(row["log"], row["variant"], row["seed"]): row for row in rows}


def table(suite: Suite) -> Iterator[str]:
    """Markdown: a table a log; mean ± sd over seeds [95% over people, first seed]."""
    rows = stored(suite)
    for log in LOGS:
        here = {key: row for key, row in rows.items() if key[0] == log}
        if not here:
            continue
        n = next(iter(here.values()))["metrics"][suite.primary]["n"]
        yield f"### {log} ({n:,} test people)\n"
        yield "| variant | seeds | " + " | ".join(suite.shown) + " | best step | seconds |"
        yield "|---|---|" + "---|" * (len(suite.shown) + 2)
        for variant in (variant for group in suite.groups for variant in group):
            of = [row for (_, name, _), row in sorted(here.items()) if name == variant]
            if of:
                yield _row(suite, variant, of)
        yield ""


def _row(suite: Suite, variant: str, rows: list[dict]) -> str:
    cells = []
    for name in suite.shown:
        values = [row["metrics"][name]["value"] for row in rows]
        low, high = rows[0]["metrics"][name]["low"], rows[0]["metrics"][name]["high"]
        spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
        cells.append(f"{statistics.mean(values):.4f}{spread} [{low:.4f}, {high:.4f}]")
    steps = statistics.median(row["best_step"] for row in rows)
    seconds = statistics.median(row["seconds"] for row in rows)
    return f"| {variant} | {len(rows)} | " + " | ".join(cells) + f" | {steps:.0f} | {seconds:.0f} |"


def _commit() -> str:
    command = ["git", "-C", str(HERE), "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), "")


def main() -> None:
    """Runs what is missing, or prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", nargs="?", default="interests", choices=SUITES)
    parser.add_argument("--table", action="store_true", help="print markdown from stored figures")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="runs at once, one thread each")
    parser.add_argument("--logs", default=",".join(LOGS))
    parser.add_argument("--variants", default="", help="these alone, comma-separated")
    parser.add_argument("--device", default="cpu", help="as in `polyrec run`: cpu, cuda")
    given = parser.parse_args()
    suite = SUITES[given.suite]
    if given.table:
        print("\n".join(table(suite)))
        return
    suite.store.parent.mkdir(exist_ok=True)
    logs, variants = given.logs.split(","), given.variants.split(",") if given.variants else None
    held = stored(suite)
    missing = [
        job
        for job in suite.jobs(given.seeds)
        if job not in held and job[0] in logs and (variants is None or job[1] in variants)
    ]
    print(f"{len(missing)} runs to do", flush=True)
    machine = {"processor": _processor(), "device": given.device}
    with ThreadPoolExecutor(given.jobs) as pool:
        list(pool.map(lambda job: run(suite, job, machine), missing))


if __name__ == "__main__":
    main()
