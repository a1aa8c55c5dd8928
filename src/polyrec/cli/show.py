"""`polyrec list`, `show`, `metrics explain`: what there is, and what it means."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from polyrec.cli.say import Say

AsJson = Annotated[bool, typer.Option("--json", help="only one JSON object, at the end")]
metrics = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


def list_parts(
    what: Annotated[
        str, typer.Argument(help="recipes, variants, or a kind of part; empty: all")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Name every recipe, variant and part, a line each."""
    from polyrec import experiment

    say = Say(as_json)
    shelves = experiment.shelves()
    if what:
        shelves = {what: experiment.chosen(shelves, what, "kind of part")}
    for title, parts in shelves.items():
        say.line(f"{title}:")
        width = max((len(name) for name in parts), default=0)
        for name, text in parts.items():
            say.line(f"  {name:<{width}}  {text}")
    say.result(shelves)


def show(
    what: Annotated[str, typer.Argument(help="a recipe's name or a run folder")],
    variant: Annotated[str | None, typer.Option(help="a recipe's settings under this name")] = None,
    origin: Annotated[
        bool,
        typer.Option("--origin", help="a run: only the settings that differ, and who set them"),
    ] = False,
    expected: Annotated[
        bool, typer.Option("--expected", help="a recipe: what sources say it should reach")
    ] = False,
    tensorboard: Annotated[
        Path | None, typer.Option(help="a run: write its log for TensorBoard into this folder")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Settings of a recipe with their reasons, or what a run is and what it found."""
    from polyrec import experiment

    say = Say(as_json)
    if Path(what).is_dir():
        if tensorboard is not None:
            experiment.to_tensorboard(Path(what), tensorboard, say)
        say.result(experiment.show_run(Path(what), origin, say))
        return
    shown: dict[str, Any] = (
        experiment.show_expected(what, say)
        if expected
        else experiment.show_recipe(what, variant, say)
    )
    say.result(shown)


@metrics.command("explain")
def explain(
    name: Annotated[str, typer.Argument(help="NAME@K, for example ndcg@50")],
    dialect: Annotated[str, typer.Option(help="whose formulas")] = "polyrec",
    as_json: AsJson = False,
) -> None:
    """Formula, range and pitfalls of one metric."""
    from polyrec import experiment

    say = Say(as_json)
    say.result(experiment.explain(name, dialect, say))


@metrics.command("list")
def list_metrics(as_json: AsJson = False) -> None:
    """Every metric, a line each."""
    from polyrec import experiment

    say = Say(as_json)
    found = experiment.shelves()["metrics"]
    for metric, text in found.items():
        say.line(f"{metric:<16} {text}")
    say.result(found)
