"""Several interests pay where people have several, and not where they have one.

Two worlds that differ in one setting: people of 2 to 4 interests, and the same shop with one
interest a person (the null), where one vector can say all there is to say. The same variants with
the same settings in both, three seeds each, trained until validation is flat; the weights that
validation chose, judged on test, paired over people and seeds.

    python benchmarks/interests.py --work runs/interests
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from polyrec.trust import Comparison, compare
from trained import Ask, Bench, Trained, row, told, where, write

HERE = Path(__file__).resolve().parent
METRIC = "recall@50"
WORLDS = {"many": "retail_demo", "one": "retail_demo_null"}
VARIANTS = ("youtube_dnn", "dr", "sa")
BASE = "youtube_dnn"
SEEDS = (1, 2, 3)
# One budget for all; where several interests are needed, the single one alone still creeps up.
BUDGET = ("max_steps=4000", "eval_every=250", "patience=8")
Runs = dict[str, dict[str, list[Trained]]]


def run(bench: Bench) -> Runs:
    """world -> variant -> a training a seed; a seed at a time, so that a part says something."""
    found: Runs = {world: {variant: [] for variant in VARIANTS} for world in WORLDS}
    for seed in SEEDS:
        for world, name in WORLDS.items():
            for variant in VARIANTS:
                flags = (f"world={name}", f"seed={seed}", *BUDGET)
                found[world][variant].append(bench.train(Ask(variant, flags)))
    return found


def contrasts(runs: Runs) -> dict[str, dict[str, Comparison]]:
    """world -> variant -> its paired difference from the single interest."""
    return {
        world: {
            variant: compare(_reports(ones), _reports(both[BASE]), METRIC)
            for variant, ones in both.items()
            if variant != BASE
        }
        for world, both in runs.items()
    }


def _reports(ones: Sequence[Trained]) -> list[Any]:
    return [one.report for one in ones]


def holds(found: dict[str, dict[str, Comparison]]) -> bool:
    """Gain above 0 where people have many interests, 0 inside the interval where they have one."""
    pays = all(one.low > 0 for one in found["many"].values())
    return pays and all(one.low <= 0 <= one.high for one in found["one"].values())


def table(runs: Runs, ceilings: dict[str, float]) -> Iterator[str]:
    """A line a variant and world: means over seeds."""
    yield "| world | variant | recall@50, each seed | mean | of the ceiling | best step | CPU |"
    yield "|---|---|---|---|---|---|---|"
    for world, both in runs.items():
        for variant, ones in both.items():
            values = [one.report.values[METRIC].value for one in ones]
            steps = ", ".join(f"{one.told['step']:,}" for one in ones)
            seconds = mean(one.told["cpu_seconds"] for one in ones)
            each = ", ".join(f"{value:.4f}" for value in values)
            share = mean(values) / ceilings[world]
            yield (
                f"| {WORLDS[world]} | {variant} | {each} | {mean(values):.4f} | {share:.1%} "
                f"| {steps} | {seconds:.0f} s |"
            )


def differences(found: dict[str, dict[str, Comparison]]) -> Iterator[str]:
    """A line a difference."""
    yield "| world | difference | recall@50, paired 95% | p | verdict |"
    yield "|---|---|---|---|---|"
    for world, both in found.items():
        for variant, one in both.items():
            yield (
                f"| {WORLDS[world]} | {variant} - {BASE} | {one.difference:+.4f} "
                f"[{one.low:+.4f}, {one.high:+.4f}] | {one.p:.2g} | {one.verdict} |"
            )


def text(runs: Runs, found: dict[str, dict[str, Comparison]], ceilings: dict[str, float]) -> str:
    """The section of the results."""
    units = found["many"]["dr"].units
    lines = (
        "# Several interests pay where people have several",
        "",
        *(line for line in (__doc__ or "").splitlines()[2:6]),
        "",
        *table(runs, ceilings),
        "",
        f"Ceilings, from the oracle: many {ceilings['many']:.4f}, one {ceilings['one']:.4f}. "
        f"Settings: the recipe's variants with {', '.join(BUDGET)}; {units} test people.",
        "",
        *differences(found),
        "",
        f"As it should be: **{'yes' if holds(found) else 'NO'}** (both intervals above 0 with many "
        "interests; both hold 0 with one).",
        "",
        f"Command: `python benchmarks/interests.py --work runs/interests`; "
        f"{where(runs['many']['dr'][0].told)}.",
        "",
    )
    return "\n".join(lines)


def main() -> None:
    """Trains everything, then writes the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder of finished trainings")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "interests")
    given = parser.parse_args()
    bench = Bench(given.work)
    runs, ceilings = run(bench), {}
    for world, name in WORLDS.items():
        top = bench.ceiling((f"world={name}",))
        assert top is not None
        ceilings[world] = top.values[METRIC].value
    found = contrasts(runs)
    figures = {
        "budget": BUDGET,
        "ceilings": ceilings,
        "runs": {w: {v: [row(one) for one in ones] for v, ones in both.items()}
                 for w, both in runs.items()},
        "differences": {w: {v: told(one) for v, one in both.items()} for w, both in found.items()},
        "holds": holds(found),
    }  # fmt: skip
    write(given.out, figures, text(runs, found, ceilings))
    for line in differences(found):
        print(line)


if __name__ == "__main__":
    main()
