"""The main job on a simulated shop: four recommenders, one table, the ceiling beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from polyrec.experiment.running import Order, Outcome, run
from polyrec.experiment.stored import stored
from polyrec.experiment.watching import Quiet, Watch
from polyrec.recipes import recipe
from polyrec.trust import compare

VARIANTS = ("popular", "youtube_dnn", "dr", "sa")
PRIMARY = "recall@50"
SHOWN = ("recall@50", "ndcg@50", "hit_rate@50", "coverage@50")
# Enough for the order of the models to show; a real run goes on until validation is flat.
BRIEF = ("eval_every=500", "patience=3", "max_steps=3000")


def demo(out: Path, watch: Watch = Quiet()) -> list[Outcome]:
    """Trains and judges the four, and says what the numbers mean."""
    watch.line("A simulated shop: 5,000 people of 2 to 4 interests each, 2,400 items. Its truth is")
    watch.line("known, so there is a ceiling that no model can beat but by luck.")
    watch.line()
    outcomes = []
    for variant in VARIANTS:
        order = Order("comirec", variant, None, _read_by(variant), out)
        outcomes += run(order, 1, Brief(watch))
        watch.line(f"  {variant}: {outcomes[-1].seconds:.0f} s, {outcomes[-1].path}")
    watch.line()
    for line in (*_table(outcomes), "", *_differences(outcomes), "", *_meaning(outcomes)):
        watch.line(line)
    return outcomes


def _read_by(variant: str) -> tuple[str, ...]:
    """The settings without those of training where a closed form passes over them."""
    of = recipe("comirec")
    passed = of.passed_over(of.Config(**of.VARIANTS[variant]))
    return tuple(flag for flag in BRIEF if flag.partition("=")[0] not in passed)


class Brief:
    """Lets progress through and keeps the single runs' own tables back."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def line(self, text: str = "") -> None:
        """Kept back: the demonstration prints one table for all."""

    def progress(self, text: str, final: bool = False) -> None:
        """Passed on."""
        self._watch.progress(text, final)


def _table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield f"{'':<14}" + "".join(f"{name:>26}" for name in SHOWN)
    rows = {variant: one.judged.test for variant, one in zip(VARIANTS, outcomes, strict=True)}
    ceiling = outcomes[0].judged.ceiling
    if ceiling is not None:
        rows["the ceiling"] = ceiling
    for name, report in rows.items():
        cells = [report.values[metric] for metric in SHOWN]
        told = [f"{cell.value:.4f} [{cell.low:.4f}, {cell.high:.4f}]" for cell in cells]
        yield f"{name:<14}" + "".join(f"{cell:>26}" for cell in told)


def _differences(outcomes: Sequence[Outcome]) -> Iterator[str]:
    by_name: dict[str, Any] = dict(zip(VARIANTS, outcomes, strict=True))
    yield f"What can be told apart on these requests, {PRIMARY}, paired:"
    for better, worse in (("dr", "youtube_dnn"), ("sa", "youtube_dnn"), ("youtube_dnn", "popular")):
        one = compare([by_name[better].judged.test], [by_name[worse].judged.test], PRIMARY)
        yield (
            f"  {better} - {worse}: {one.difference:+.4f} [{one.low:+.4f}, {one.high:+.4f}], "
            f"p {one.p:.2g}: {one.verdict}"
        )


def _meaning(outcomes: Sequence[Outcome]) -> Iterator[str]:
    last = outcomes[-1]
    yield "What the numbers mean:"
    yield "  recall@50: share of what a person chose next that stands among 50 items listed."
    yield "  ndcg@50: the same, places near the top counting more."
    yield "  hit_rate@50: share of people with at least one right."
    yield "  coverage@50: share of the catalogue that is listed to anybody."
    yield f"  {last.judged.test.values[PRIMARY].passport.short()}"
    yield f"Report with curves, slices and interests: {last.path / 'report.html'}"
    yield "Next, on your own log:  polyrec run comirec --data YOUR_LOG.csv --variant sa"
    known = ",".join(stored(last.path).facts().vocabs["target"].keys([1, 2]))
    yield f"Or ask this one:        polyrec recommend {last.path} --history {known} --k 5"
