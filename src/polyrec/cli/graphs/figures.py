"""`polyrec graph`: what a graph is like, before a model sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyrec.cli.reading import moment, one_of
from polyrec.cli.say import Say

if TYPE_CHECKING:
    from polyrec.data.readers.graphs import NodeLabels
    from polyrec.graph import BuildReport, Graph
    from polyrec.graph.ops import Homophily
    from polyrec.graph.summary import Summary


def graph(
    path: Annotated[
        str, typer.Argument(help="edge list, adjacency list, Planetoid .npz, or a log")
    ],
    form: Annotated[
        str, typer.Option("--format", help="auto, edges, adjacency, planetoid or log")
    ] = "auto",
    labels: Annotated[
        Path | None, typer.Option(help="labels of nodes: a line a node, then its labels")
    ] = None,
    until: Annotated[str, typer.Option(help="a log: only events before this date")] = "",
    hops: Annotated[int, typer.Option(help="of the receptive field")] = 3,
    seeds: Annotated[int, typer.Option(help="nodes it is measured from")] = 500,
    width: Annotated[int, typer.Option(help="numbers in a node's vector, for bytes")] = 64,
    seed: Annotated[int, typer.Option(help="of the draw of those nodes")] = 0,
    picture: Annotated[
        Path | None, typer.Option(help="draw it: FILE.png or FILE.svg (extra report)")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="only one JSON object, at the end")
    ] = False,
) -> None:
    """Figures of a graph: sizes, degrees, components, clustering, homophily, receptive field."""
    from polyrec.data.readers.graphs import FORMS, recognise_graph
    from polyrec.graph.summary import Look, summary

    say = Say(as_json)
    if picture is not None:
        from polyrec.report.pictures.graph import draw_graph, drawable

        drawable(picture)  # a wrong ending is said before anything is computed
    chosen = one_of("--format", form, ["auto", *FORMS])
    found = recognise_graph(Path(path)) if chosen == "auto" else chosen
    made, report, told, notes = _made(path, found, labels, moment("--until", until))
    guess = "" if chosen != "auto" else "; --format names another"
    say.line(f"{path}: read as {found}{guess}")
    for line in (*notes, *report.lines()):
        say.line(f"  {line}")
    result = summary(made, told, Look(hops, seeds, width, seed))
    _say(result, say)
    drawn = None
    if picture is not None:
        drawn = draw_graph(picture, made, told)
        say.line(f"drawn: {picture}: {drawn}")
    say.result(
        {
            **asdict(result),
            "format": found,
            "notes": list(notes),
            "build": asdict(report),
            "picture": None if picture is None else str(picture),
        }
    )


def _made(
    path: str, form: str, labels: Path | None, until: int | None
) -> tuple[Graph, BuildReport, NodeLabels | None, tuple[str, ...]]:
    from polyrec.graph.reading import read_network, read_planetoid_network

    if form == "log":
        return _from_log(path, labels, until)
    if until is not None:
        raise ValueError(
            f"--until: {path} is read as {form}, which has no times; leave the flag out, or "
            "--format log"
        )
    if form == "planetoid" and labels is not None:
        raise ValueError(
            f"--labels: got {labels}; a Planetoid archive holds its own; leave the flag out"
        )
    if form == "planetoid":
        found = read_planetoid_network(Path(path))
    else:
        found = read_network(Path(path), "edges" if form == "edges" else "adjacency", labels)
    return found.graph, found.report, found.labels, found.notes


def _from_log(
    path: str, labels: Path | None, until: int | None
) -> tuple[Graph, BuildReport, NodeLabels | None, tuple[str, ...]]:
    from polyrec.data.readers import read
    from polyrec.data.splits.parts import PART
    from polyrec.graph import Interactions
    from polyrec.graph.builders import bipartite

    if labels is not None:
        raise ValueError(
            f"--labels: got {labels}; labels are of the nodes of a graph file, and {path} is read "
            "as a log; name its --format, or leave the flag out"
        )
    dataset = read(path)
    events, notes = dataset.events, dataset.source.notes
    if PART in events.extra:
        events = events.subset(events.extra[PART] == 0)
        notes = (*notes, "the set is split: the graph is that of its train part alone")
    made, report = bipartite(Interactions.of(events, dataset.items), until=until)
    return made, report, None, notes


def _say(found: Summary, say: Say) -> None:
    sizes = ", ".join(f"{size:,} {kind}" for kind, size in found.nodes.items())
    say.line(f"nodes: {sizes}; {found.edges:,} edges, {found.pairs:,} pairs of nodes joined")
    for kind, degree in found.degree.items():
        say.line(f"neighbours, {kind}: {_spread(degree)}")
    say.line(
        f"components: {found.components:,}, the largest with {found.largest:.1%} of the nodes; "
        f"{found.isolated:,} nodes isolated"
    )
    if found.clustering is None:
        say.line("clustering: none, no edge joins two nodes of one type")
    else:
        say.line(f"clustering: {found.clustering:.4f} (mean over nodes)")
    say.line(f"largest core: every node of it has {found.core:,} neighbours inside")
    if found.homophily is not None:
        say.line(f"homophily: {_alike(found.homophily)}")
    if not found.field:
        say.line("receptive field: none, no two nodes are joined")
    for hop in found.field[1:]:
        say.line(
            f"within {hop.hop} {'hop' if hop.hop == 1 else 'hops'}: {hop.mean:,.1f} nodes "
            f"(p99 {hop.p99:,.0f}), {hop.share:.1%} of the graph, {hop.bytes / 1024:,.1f} KB"
        )


def _alike(found: Homophily) -> str:
    bare = f"{found.unlabelled:,} nodes without label"
    if not found.edges:
        return f"none, no edge joins two nodes with a label; {bare}"
    chance = "" if found.chance != found.chance else f", chance {found.chance:.4f}"
    return (
        f"{found.edge:.4f} of the edges join nodes that share a label{chance}; "
        f"mean over nodes {found.node:.4f}; {bare}"
    )


def _spread(degree: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value:,.4g}" for name, value in degree.items()) or "none"
