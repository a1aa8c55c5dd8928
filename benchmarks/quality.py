"""Quality of every variant on real logs: `python benchmarks/quality.py`, then `--table`.

Each (log, variant, seed) is one `polyrec run`; those whose figures are stored already are skipped,
so the command may be stopped and called again. All trained variants get the same budget (BUDGET):
at most 5,000 steps, stopped after 6 evaluations of 250 steps without a new best on validation;
variants that carry their own patience keep it and are cut at 5,000 steps; sa_b1024 sees as many
positives in an eighth of the steps. Test is read once a run,
at the weights that validation chose. `--table` writes RESULTS.md's tables from the stored figures.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("POLYREC_DATA", HERE / ".." / ".." / "shared" / "data")).resolve()
STORE = HERE / "results" / "quality.jsonl"
LOGS = {
    "beauty": "amazon_seq/Beauty.txt.gz",
    "ml-100k": "ml-100k",
    "sports": "amazon_seq/Sports_and_Outdoors.txt.gz",
}
CLOSED = ("popular", "item_knn", "ease")
MAIN = ("youtube_dnn", "gru4rec", "mind", "dr", "sa", "remi")
MORE = ("dummy_readout", "sa_k1", "c_run", "c_plan1", "c_plan4", "tf1_parity", "sa_b1024")
OWN_PATIENCE = ("c_run", "c_plan1", "c_plan4", "tf1_parity")
STEPS = "max_steps=5000"
BUDGET = ("eval_every=250", "patience=6")
EIGHTH = ("max_steps=640", "eval_every=32", "patience=6")  # batch 1,024: as many positives
SHOWN = ("recall@20", "recall@50", "ndcg@50", "hit_rate@50", "coverage@50")


def jobs(seeds: int) -> Iterator[tuple[str, str, int]]:
    """What there is to run, the main rows of every log first."""
    for variants in (CLOSED, MAIN, MORE):
        for log in LOGS:
            for variant in variants:
                for seed in range(1, (1 if variant in CLOSED else seeds) + 1):
                    yield log, variant, seed


def run(job: tuple[str, str, int], processor: str) -> None:
    """One run by the command line; its figures are appended to the store."""
    log, variant, seed = job
    flags = [] if variant in CLOSED else [STEPS]
    flags += [] if variant in CLOSED + OWN_PATIENCE else BUDGET
    if variant == "sa_b1024":
        flags = list(EIGHTH)
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "polyrec", "run", "comirec", "--variant", variant]
        command += ["--data", str(DATA / LOGS[log]), "--out", out, "--json", f"seed={seed}", *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.stderr.write(f"{job}: {done.stderr}\n")
            return
        told = json.loads(done.stdout.splitlines()[-1])
        folder = Path(told["runs"][0])
        stops = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        best = json.loads((folder / "report.json").read_text())["step"]
    last = [line for line in stops if line["kind"] == "stop"]
    row = {
        "log": log,
        "variant": variant,
        "seed": seed,
        "flags": list(flags),
        "best_step": best,
        "stop": last[-1].get("reason", "") if last else "solved",
        "seconds": told["seconds"],
        "peak_memory_mb": told["peak_memory_mb"],
        "commit": _commit(),
        "processor": processor,
        "metrics": {
            name: {key: value[key] for key in ("value", "low", "high", "n")}
            for name, value in told["metrics"].items()
        },
        "short": told["metrics"]["recall@50"]["passport"],
    }
    with STORE.open("a") as file:
        file.write(json.dumps(row, sort_keys=True) + "\n")
    shown = row["metrics"]["recall@50"]
    print(f"{log} {variant} {seed}: recall@50 {shown['value']:.4f} at {best}", flush=True)


def stored() -> dict[tuple[str, str, int], dict]:
    """Figures by (log, variant, seed); the latest line wins."""
    lines = STORE.read_text().splitlines() if STORE.is_file() else []
    rows = [json.loads(line) for line in lines]
    return {(row["log"], row["variant"], row["seed"]): row for row in rows}


def table() -> Iterator[str]:
    """Markdown: a table a log; mean ± sd over seeds [95% over people, first seed]."""
    rows = stored()
    for log in LOGS:
        here = {key: row for key, row in rows.items() if key[0] == log}
        if not here:
            continue
        n = next(iter(here.values()))["metrics"]["recall@50"]["n"]
        yield f"### {log} ({n:,} test people)\n"
        yield "| variant | seeds | " + " | ".join(SHOWN) + " | best step | seconds |"
        yield "|---|---|" + "---|" * (len(SHOWN) + 2)
        for variant in (*CLOSED, *MAIN, *MORE):
            of = [row for (_, name, _), row in sorted(here.items()) if name == variant]
            if of:
                yield _row(variant, of)
        yield ""


def _row(variant: str, rows: list[dict]) -> str:
    cells = []
    for name in SHOWN:
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
    parser.add_argument("--table", action="store_true", help="print markdown from stored figures")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="runs at once, one thread each")
    parser.add_argument("--logs", default=",".join(LOGS))
    given = parser.parse_args()
    if given.table:
        print("\n".join(table()))
        return
    STORE.parent.mkdir(exist_ok=True)
    wanted = given.logs.split(",")
    missing = [job for job in jobs(given.seeds) if job not in stored() and job[0] in wanted]
    print(f"{len(missing)} runs to do", flush=True)
    with ThreadPoolExecutor(given.jobs) as pool:
        list(pool.map(lambda job: run(job, _processor()), missing))


if __name__ == "__main__":
    main()
