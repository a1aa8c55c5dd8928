"""Which start ComiRec-DR should have by default: `small`, or what TensorFlow 1 gave its authors.

`small`: items uniform ±.05, maps of deviation .05. `tf1`: items uniform ±sqrt(6 / (n + 1 + D)),
maps of deviation 1. A real log (Amazon Beauty, 5-core, people split 8:1:1), the recipe's variant
`dr` and nothing else changed, three seeds each, paired over people and seeds.

    python benchmarks/init.py --work runs/init

Reads the log below the folder that POLYREC_DATA names; `../shared/data` where it is unset.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, stdev

from polyrec.trust import Comparison, compare
from trained import Ask, Bench, Trained, row, told, where, write

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("POLYREC_DATA", HERE.parents[1] / "shared" / "data"))
LOG = "amazon_seq/Beauty.txt.gz"
METRIC = "recall@50"
STARTS = ("small", "tf1")
SEEDS = (1, 2, 3)
BUDGET = ("max_steps=4000", "eval_every=250", "patience=6")


def run(bench: Bench) -> dict[str, list[Trained]]:
    """start -> a training a seed, a seed at a time."""
    found: dict[str, list[Trained]] = {start: [] for start in STARTS}
    for seed in SEEDS:
        for start in STARTS:
            flags = (f"data={DATA / LOG}", f"init={start}", f"seed={seed}", *BUDGET)
            found[start].append(bench.train(Ask("dr", flags)))
    return found


def table(runs: dict[str, list[Trained]]) -> Iterator[str]:
    """A line a start."""
    yield "| init | recall@50, each seed | mean ± sd | best step | stopped at | loss | cosine |"
    yield "|---|---|---|---|---|---|---|"
    for start, ones in runs.items():
        values = [one.report.values[METRIC].value for one in ones]
        each = ", ".join(f"{value:.4f}" for value in values)
        cells = [start, each, f"{mean(values):.4f} ± {stdev(values):.4f}"]
        cells += [", ".join(f"{one.told[key]:,}" for one in ones) for key in ("step", "steps")]
        cells += [f"{mean(one.told[key] for one in ones):.3f}" for key in ("loss", "cosine")]
        yield "| " + " | ".join(cells) + " |"


def decision(one: Comparison) -> str:
    """What the difference says of the default."""
    if one.low > 0:
        return "`small` is better: it stays the default."
    if one.high < 0:
        return "`tf1` is better here, which speaks against `small` as the default."
    return "They are not told apart here: the default stays `small`, on the simulated shop's word."


def text(runs: dict[str, list[Trained]], one: Comparison) -> str:
    """The section of the results."""
    lines = (
        "# The start of ComiRec-DR",
        "",
        *(line for line in (__doc__ or "").splitlines()[2:5]),
        "",
        *table(runs),
        "",
        f"small - tf1: {one.difference:+.4f} [{one.low:+.4f}, {one.high:+.4f}] recall@50, p "
        f"{one.p:.2g}, {one.units:,} test people, {one.covers}. {decision(one)}",
        "",
        f"Settings: {', '.join(BUDGET)}; weights that validation chose. Command: "
        f"`python benchmarks/init.py --work runs/init`; {where(runs['small'][0].told)}.",
        "",
    )
    return "\n".join(lines)


def main() -> None:
    """Trains both, then writes the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder of finished trainings")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "init")
    given = parser.parse_args()
    runs = run(Bench(given.work))
    sides = ([one.report for one in runs[start]] for start in STARTS)
    one = compare(*sides, METRIC)
    figures = {start: [row(each) for each in ones] for start, ones in runs.items()}
    write(given.out, {"runs": figures, "small_minus_tf1": told(one)}, text(runs, one))
    print(one)


if __name__ == "__main__":
    main()
