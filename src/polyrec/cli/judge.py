"""`polyrec judge`, `compare`, `recommend`: what a finished run is worth, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyrec.cli.say import Say

AsJson = Annotated[bool, typer.Option("--json", help="only one JSON object, at the end")]


def judge(
    run: Annotated[Path, typer.Argument(help="a run folder")],
    k: Annotated[str, typer.Option(help="list lengths, comma-separated; empty: as stored")] = "",
    dialect: Annotated[
        str, typer.Option(help="formula sets, comma-separated; `metrics explain` tells them apart")
    ] = "polyrec",
    metrics: Annotated[str, typer.Option(help="metrics, comma-separated; empty: as stored")] = "",
    slices: Annotated[str, typer.Option(help="activity, popularity, history; or none")] = "",
    candidates: Annotated[
        str, typer.Option(help="full, or u100: expected among 100 drawn")
    ] = "full",
    part: Annotated[str, typer.Option(help="valid or test")] = "test",
    again: Annotated[
        bool, typer.Option("--again", help="ask the stored model anew, not the stored lists")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Evaluate a stored run again: other lengths, formulas or slices."""
    from polyrec import experiment

    say = Say(as_json)
    question = experiment.Verdict(
        k=_numbers("--k", k),
        dialects=tuple(_words(dialect)),
        metrics=tuple(_words(metrics)),
        slices=tuple(_words(slices)),
        candidates=candidates,
        part=part,
        again=again,
    )
    say.result(experiment.judge(run, question, say))


def compare(
    a: Annotated[Path, typer.Argument(help="a run folder, or a folder of seeds")],
    b: Annotated[Path, typer.Argument(help="what it is held against")],
    metrics: Annotated[str, typer.Option(help="metrics, comma-separated; empty: as stored")] = "",
    margin: Annotated[
        float, typer.Option(min=0.0, help="differences inside this are called equivalent")
    ] = 0.0,
    html: Annotated[Path | None, typer.Option(help="write the comparison as a page")] = None,
    as_json: AsJson = False,
) -> None:
    """Difference A - B over the same requests: interval, p, and whether it is separated."""
    from polyrec import experiment

    say = Say(as_json)
    wanted = experiment.Contrast(tuple(_words(metrics)), margin, html)
    say.result(experiment.contrast(a, b, wanted, say))


def recommend(
    run: Annotated[Path, typer.Argument(help="a run folder")],
    history: Annotated[
        str, typer.Option(help="items in time order, comma-separated, as the log names them")
    ],
    k: Annotated[int, typer.Option(min=1, help="how many")] = 10,
    exclude_seen: Annotated[
        bool, typer.Option("--exclude-seen", help="leave out what the history holds")
    ] = False,
    diversity: Annotated[
        float | None, typer.Option(min=0.0, help="weight of category spread; 0: plain top k")
    ] = None,
    user: Annotated[
        str, typer.Option(help="who asks, as the log names them; for runs with user features")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Ask a run for items: the object that was measured answers."""
    from polyrec import experiment

    say = Say(as_json)
    wish = experiment.Wish(tuple(_words(history)), k, exclude_seen, diversity, user)
    say.result(experiment.recommend(run, wish, say))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _numbers(flag: str, text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(word) for word in _words(text))
    except ValueError:
        raise ValueError(f"{flag}={text!r}: must be whole numbers, comma-separated") from None
    if any(number < 1 for number in numbers):
        raise ValueError(f"{flag}={text!r}: must be at least 1")
    return numbers
