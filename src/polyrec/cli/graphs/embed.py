"""`polyrec embed`: vectors of the nodes of a graph file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyrec.cli.reading import number, one_of, words
from polyrec.cli.say import Say


def embed(
    path: Annotated[Path, typer.Argument(help="edge list, adjacency list or Planetoid .npz")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="settings such as dim=64 walks=10 p=0.25; docs/embeddings.md has all"),
    ] = None,
    model: Annotated[str, typer.Option(help="deepwalk, node2vec or line2")] = "deepwalk",
    form: Annotated[
        str, typer.Option("--format", help="auto, edges, adjacency or planetoid")
    ] = "auto",
    labels: Annotated[
        Path | None,
        typer.Option(help="labels of nodes: a line a node, then its labels; F1 is told"),
    ] = None,
    shares: Annotated[
        str, typer.Option(help="of labelled nodes that learn, comma-separated")
    ] = "0.5",
    shuffles: Annotated[int, typer.Option(min=1, help="of which nodes learn")] = 10,
    hold: Annotated[
        float, typer.Option(help="share of edges kept away first, to be foretold; 0: none")
    ] = 0.0,
    save: Annotated[Path | None, typer.Option(help="write the vectors as word2vec's text")] = None,
    threads: Annotated[int, typer.Option(min=1, help="of walks and products")] = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="only one JSON object, at the end")
    ] = False,
) -> None:
    """DeepWalk, node2vec or LINE vectors of a graph's nodes; what they know of labels and links."""
    import torch

    from polyrec.data.readers.graphs import FORMS
    from polyrec.experiment.graphs.embed import Ask
    from polyrec.experiment.graphs.embed import embed as embedded
    from polyrec.kernels.pool import use_threads

    torch.set_num_threads(threads)
    use_threads(threads)
    say = Say(as_json)
    chosen = one_of("--format", form, ["auto", *(name for name in FORMS if name != "log")])
    told = tuple(number("--shares", word) for word in words(shares))
    ask = Ask(chosen, labels, told, shuffles, hold, save)
    say.result(embedded(path, model, tuple(settings or ()), ask, say))
