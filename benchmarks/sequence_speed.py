"""SASRec beside RecBole's and RecTools', in one run on one machine: speed alone.

    python benchmarks/sequence_speed.py --recbole RECBOLE_PYTHON --rectools RECTOOLS_PYTHON

Each peer runs in an environment of its own, made outside the project (benchmarks/peers/*.py say
with which versions); `RECBOLE_PYTHON` is that environment's interpreter. Same log, width 64, length
50, one block and head, leave-one-out; rounds in turn, medians of them. RecBole expands every prefix
into a sample of its own, so its epoch has more samples than positions: rates are in positions.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from scale import machine

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("POLYREC_DATA", HERE / ".." / ".." / "shared" / "data")).resolve()
LOGS = {"beauty": DATA / "amazon_seq" / "Beauty.txt.gz", "ml-100k": DATA / "ml-100k"}
# contest -> what each library is asked for; what a library does not offer is left out
CONTESTS: dict[str, dict[str, tuple[str, ...]]] = {
    "one negative": {
        "polyrec": ("--loss", "BPR"),
        "recbole": ("--loss", "BPR", "--negatives", "1"),
        "rectools": ("--loss", "BCE", "--negatives", "1"),
    },
    "full cross-entropy": {
        "polyrec": ("--loss", "CE"),
        "recbole": ("--loss", "CE"),
        "rectools": ("--loss", "softmax"),
    },
    "softmax, 256 negatives a position": {
        "polyrec": ("--loss", "sampled_softmax", "--negatives", "256"),
        "rectools": ("--loss", "sampled_softmax", "--negatives", "256"),
    },
}
SCRIPTS = {
    "polyrec": "ours_sasrec.py",
    "recbole": "recbole_sasrec.py",
    "rectools": "rectools_sasrec.py",
}


def timed(python: str, library: str, log: Path, flags: tuple[str, ...]) -> dict | None:
    """One process's figures; None where it failed, which is said."""
    command = [python, str(HERE / "peers" / SCRIPTS[library]), "--data", str(log), *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(f"{library} {' '.join(flags)}: {done.stderr[-400:]}\n")
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def median(rows: list[dict], name: str) -> float:
    """The median of a figure over rounds; epochs of a round count by their fastest."""
    values = [row[name] for row in rows]
    return statistics.median(min(v) if isinstance(v, list) else v for v in values)


def rates(rows: list[dict]) -> dict[str, float]:
    """Positions a second, by clock and by processor, and people judged a second."""
    positions = rows[0]["positions_per_epoch"]
    return {
        "positions_per_second": positions / median(rows, "epoch_seconds"),
        "positions_per_cpu_second": positions / median(rows, "epoch_cpu_seconds"),
        "users_per_second": median(rows, "users_per_second"),
        "rounds": len(rows),
    }


def main() -> None:
    """Runs the contests and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recbole", default="", help="interpreter of RecBole's environment")
    parser.add_argument("--rectools", default="", help="interpreter of RecTools' environment")
    parser.add_argument("--logs", default="beauty,ml-100k")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--max-batches", default="60", help="a peer's epoch is cut here, and scaled"
    )
    parser.add_argument("--out", type=Path, default=HERE / "results" / "sequence_speed.json")
    given = parser.parse_args()
    pythons = {"polyrec": sys.executable, "recbole": given.recbole, "rectools": given.rectools}
    figures: dict = {"machine": machine(), "threads": given.threads, "contests": {}}
    for log in given.logs.split(","):
        for contest, entrants in CONTESTS.items():
            held: dict[str, list[dict]] = {name: [] for name in entrants if pythons[name]}
            for _ in range(given.rounds):
                for name, rows in held.items():
                    flags = (*entrants[name], "--threads", given.threads, "--epochs", "1")
                    flags += () if name == "polyrec" else ("--max-batches", given.max_batches)
                    row = timed(pythons[name], name, LOGS[log], flags)
                    rows += [row] if row else []
            found = {name: rates(rows) for name, rows in held.items() if rows}
            figures["contests"][f"{log}: {contest}"] = found
            for name, rate in found.items():
                print(f"{log}: {contest}: {name} {rate}", flush=True)
    beside = given.out.with_suffix(".part")
    beside.write_text(json.dumps(figures, indent=1) + "\n")
    beside.replace(given.out)


if __name__ == "__main__":
    main()
