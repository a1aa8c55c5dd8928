"""Features on items that few have met: `python benchmarks/cold.py --work DIR`.

Two shops alike but for one thing: in one the items' features tell their category, in the other they
are noise. In both a tenth of the last clicks falls on items that are new. The same model reads ids
alone, ids with features, and features alone; differences are paired over people and seeds, over all
of them and over those whose wanted item train has met at most `RARE` times.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from polyrec.recipes import compose, recipe
from polyrec.trust import compare
from trained import Ask, Bench, Figures, told, where, write

HERE = Path(__file__).resolve().parent
WORLDS = {"features tell": "retail_fresh", "features are noise": "retail_fresh_noise"}
VARIANTS = ("default", "features", "features_only")
SAME = ("kinds=click", "epochs=15", "patience=3", "lr=0.004", "dim=32", "blocks=1")
RARE = 4  # train events of the wanted item
METRIC = "recall@10"


def rare(world: str, flags: tuple[str, ...]) -> torch.Tensor:
    """Keys of the test requests whose wanted item is rare in train."""
    of = recipe("sequence")
    config = compose(of.Config, of.VARIANTS, "default", None, flags).config
    split = of.data(config)
    counts = split.facts.counts[split.test.truth.values]
    return split.test.key[counts <= RARE]


def main() -> None:
    """Trains what is missing, and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="finished trainings are kept here")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "cold")
    given = parser.parse_args()
    bench = Bench(given.work, "sequence")
    figures: Figures = {}
    lines = ["# Features on new items", "", "| shop | people | change | ids | with | difference |"]
    lines += ["|---|---|---|---|---|---|"]
    last: Figures = {}
    for shop, world in WORLDS.items():
        flags = (f"world={world}", *SAME)
        runs = {
            name: [
                bench.train(Ask(name, (*flags, f"seed={seed}")))
                for seed in range(1, given.seeds + 1)
            ]
            for name in VARIANTS
        }
        few, last = rare(world, flags), runs["default"][0].told
        for change in VARIANTS[1:]:
            sides = [[one.report for one in runs[name]] for name in (change, "default")]
            for group, keys in (("all", None), (f"wanted item met at most {RARE} times", few)):
                found = compare(*sides, METRIC, among=keys)
                figures[f"{shop}/{change}/{group}"] = told(found) | {"a": found.a, "b": found.b}
                sure = f"[{found.low:+.4f}, {found.high:+.4f}]"
                lines.append(
                    f"| {shop} | {group} ({found.units:,}) | {change} | {found.b:.4f} | "
                    f"{found.a:.4f} | {found.difference:+.4f} {sure} |"
                )
    lines += ["", f"{METRIC}, {given.seeds} seeds, {' '.join(SAME)}; {where(last)}.", ""]
    lines += ["`python benchmarks/cold.py --work DIR`", ""]
    write(given.out, figures, "\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
