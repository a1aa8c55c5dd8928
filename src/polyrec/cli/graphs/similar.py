"""`polyrec similar`: which items lie near an item, met or new."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyrec.cli.reading import words
from polyrec.cli.say import Say


def similar(
    run: Annotated[Path, typer.Argument(help="a run folder")],
    id: Annotated[str, typer.Option("--id", help="an item, as the log names it")],
    k: Annotated[int, typer.Option(min=1, help="how many")] = 10,
    strategy: Annotated[
        str,
        typer.Option(
            help="gives new items a vector: category_mean, side_mean, knn_mean, features, "
            "inductive, cluster or tree; empty: only items that have one in the run"
        ),
    ] = "",
    columns: Annotated[
        str,
        typer.Option(
            help="columns of the items' table that it goes by, comma-separated; category_mean: "
            "coarse to fine"
        ),
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="only one JSON object, at the end")
    ] = False,
) -> None:
    """Neighbours of an item, with their cosine and where each vector came from."""
    from polyrec.experiment.graphs.similar import Near, similar

    say = Say(as_json)
    say.result(similar(run, Near(id, k, strategy, words(columns)), say))
