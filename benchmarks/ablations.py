"""Which tricks earn their place: `python benchmarks/ablations.py run GRID --work DIR`, `table`.

Each grid is one `polyrec ablate sequence`; the same call again goes on where it stopped. `keep`
stores what it found in `results/ablations/`, `table` prints the one page of RESULTS.md.

The shop, where the truth is known, gets every change, five seeds and its own learning rate for each
change. The real logs get the main contrasts with three seeds at the published rate .001: weak, as
their pages say.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polyrec.experiment.records import environment

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("POLYREC_DATA", HERE / ".." / ".." / "shared" / "data")).resolve()
STORE = HERE / "results" / "ablations"

SHOP = ("world=retail_study", "dim=32", "blocks=1", "batch=32", "epochs=16", "eval_every=4")
MAIN = ("loss=bce,sampled_softmax,in_batch,in_batch_uncorrected", "similarity=dot")
WEAK = ("--seeds", "3", "--rates", "0.001", "--anchor", "softmax")
AMAZON = (
    "dim=64", "blocks=1", "dropout=0.3", "temperature=0.1", "epochs=200", "eval_every=2",
    "patience=3",
)  # fmt: skip
LONG = ("dim=32", "blocks=1", "length=200", "batch=32", "epochs=100", "eval_every=2", "patience=3")


@dataclass(frozen=True)
class Grid:
    """One ablation: what is told to `polyrec ablate sequence`."""

    title: str
    words: Sequence[str]
    data: str = ""  # below POLYREC_DATA; empty: the world among the words

    def command(self, out: Path) -> list[str]:
        """Words of the command line."""
        data = ("--data", str(DATA / self.data)) if self.data else ()
        return ["ablate", "sequence", *self.words, *data, "--out", str(out)]


GRIDS = {
    "shop_conservative": Grid("shop, from BCE and dot", (*SHOP, "--anchor", "conservative")),
    "shop_softmax": Grid("shop, from softmax and cosine", (*SHOP, "--anchor", "softmax")),
    "beauty": Grid("Beauty", (*AMAZON, *MAIN, *WEAK), "amazon_seq/Beauty.txt.gz"),
    "sports": Grid("Sports", (*AMAZON, *MAIN, *WEAK), "amazon_seq/Sports_and_Outdoors.txt.gz"),
    "ml-100k": Grid(
        "ml-100k",
        (*LONG, *MAIN, "loss=full_ce", "negatives=mixed_1280", "heads=multi_head", *WEAK),
        "ml-100k",
    ),
}


def run(name: str, work: Path, more: Sequence[str]) -> int:
    """The ablation itself."""
    command = [sys.executable, "-m", "polyrec", *GRIDS[name].command(work / name), *more]
    return subprocess.run(command, check=False).returncode


def keep(name: str, work: Path) -> None:
    """Stores what a finished grid found, with the command, the code and the machine."""
    held = json.loads((work / name / "ablation.json").read_text())
    if not held["finished"]:
        sys.exit(f"{name}: not finished; `run` goes on")
    runs = sorted((work / name).glob("runs/**/run.json"))
    made = [json.loads(run.read_text())["environment"] for run in runs] or [environment()]
    tables = [{**table, "rows": [_short(row) for row in table["rows"]]} for table in held["tables"]]
    found = {
        "command": " ".join(["polyrec", *GRIDS[name].command(Path("OUT"))]),
        "commit": ", ".join(dict.fromkeys(one["commit"] for one in made)),
        "processor": made[0]["processor"],
        "summary": held["summary"],
        "trims": held["trims"],
        "tables": tables,
    }
    told = json.dumps(found, indent=1).replace(str(DATA), "$POLYREC_DATA")
    STORE.mkdir(exist_ok=True)
    (STORE / f"{name}.json").write_text(told + "\n")


def _short(row: dict) -> dict:
    """A row without its folders."""
    return {key: value for key, value in row.items() if key not in ("runs", "rates")}


def table() -> str:
    """Changes down, grids across: difference to the anchor, interval, verdict."""
    held = {n: json.loads((STORE / f"{n}.json").read_text()) for n in GRIDS if _there(n)}
    parts = {name: one["tables"][0] for name, one in held.items()}
    names = list(dict.fromkeys(row["name"] for one in parts.values() for row in one["rows"]))
    head = [f"{GRIDS[n].title}: {one['primary']}" for n, one in parts.items()]
    lines = ["| change | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    for change in names:
        cells = [_cell(one["rows"], change) for one in parts.values()]
        lines.append(f"| {change} | " + " | ".join(cells) + " |")
    notes = [
        f"- {GRIDS[n].title}: {parts[n]['seeds']} seeds, {parts[n]['users']:,} people, "
        f"`{held[n]['command']}`, commit {held[n]['commit']}, {held[n]['processor']}. "
        f"{' '.join(held[n]['trims'])}"
        for n in held
    ]
    return "\n".join([*lines, "", *notes])


def _there(name: str) -> bool:
    return (STORE / f"{name}.json").is_file()


def _cell(rows: Sequence[dict], change: str) -> str:
    row = next((row for row in rows if row["name"] == change), None)
    if row is None:
        return ""
    effect = row["effect"]
    if effect is None:
        spread = "" if row["spread"] is None else f" ± {row['spread']:.4f}"
        return "failed" if row["value"] is None else f"{row['value']:.4f}{spread}"
    sure = f"{effect['difference']:+.4f} [{effect['low']:+.4f}, {effect['high']:+.4f}]"
    return f"{sure} {row['verdict']}"


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("run", "keep", "table"))
    parser.add_argument("grid", nargs="?", choices=GRIDS)
    parser.add_argument("--work", type=Path, default=Path("ablations"))
    given, more = parser.parse_known_args()
    if given.what == "table":
        sys.stdout.write(table() + "\n")
    elif given.grid is None:
        parser.error("which grid?")
    elif given.what == "run":
        sys.exit(run(given.grid, given.work, more))
    else:
        keep(given.grid, given.work)


if __name__ == "__main__":
    main()
