"""Vectors of the nodes of a graph file, and what they know of labels and of links kept away.

Letters: n nodes, D width, C labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from polyrec.data.readers.graphs import NodeLabels, recognise_graph
from polyrec.data.readers.recognise import need_file
from polyrec.evaluate import (
    OPERATORS,
    Links,
    Spread,
    classify,
    drawable,
    foretold,
    foretold_by,
    hold_out,
)
from polyrec.experiment.watching import Quiet, Watch, share_done
from polyrec.graph import DeepWalks, Graph, Node2VecWalks
from polyrec.graph.reading import Network, read_network, read_planetoid_network
from polyrec.models.embedding import (
    Edges,
    NodeVectors,
    Training,
    deepwalk,
    line2,
    node2vec,
    save_text,
)
from polyrec.recipes import chosen, compose, near, setting
from polyrec.recipes.config import pairs
from polyrec.types import Progress

F32 = NDArray[np.float32]
Bools = NDArray[np.bool_]
MODELS: Mapping[str, Mapping[str, Any]] = {  # what each takes where nothing is said
    "deepwalk": {"model": "deepwalk", "output": "tree"},
    "node2vec": {"model": "node2vec", "walks": 10, "length": 80},
    "line2": {"model": "line2"},
}
WALKED = frozenset({"walks", "length", "window", "output"})
READ = {  # settings that a model reads beside those that all do
    "deepwalk": WALKED,
    "node2vec": WALKED | {"p", "q", "ties"},
    "line2": frozenset({"samples"}),
}


@dataclass(frozen=True)
class Settings:
    """How vectors are learnt; defaults are the papers'."""

    model: Literal["deepwalk", "node2vec", "line2"] = setting("deepwalk", "which one")
    dim: int = setting(128, "numbers in a vector", least=1, below=65_536)
    walks: int = setting(80, "from each node; node2vec's own: 10", least=1)
    length: int = setting(40, "nodes a walk; node2vec's own: 80", least=2)
    window: int = setting(10, "who stands beside whom on a walk", least=1)
    output: Literal["negatives", "tree"] = setting(
        "negatives", "DeepWalk's own: a Huffman tree, which predicts classes a little better"
    )
    negatives: int = setting(5, "drawn beside each pair, without a tree", least=1)
    p: float = setting(1.0, "node2vec: below 1 walks go straight back more often", above=0)
    q: float = setting(1.0, "node2vec: above 1 walks stay near, below 1 they leave", above=0)
    ties: Literal["present", "strong"] = setting("present", "node2vec; strong: node2vec+")
    samples: int = setting(100, "line2: drawn edges, times those of the graph", least=1)
    epochs: int = setting(1, "passes over the walks", least=1)
    spread: float = setting(1.0, "vectors start in +- spread / dim; word2vec.c .5", above=0)
    lr: float = setting(0.025, "falls to .0001", above=0)
    shards: int = setting(
        1,
        "parts of the walks read side by side, on copies; 1: by one thread",
        least=1,
        below=1_025,
    )
    directed: Literal["no", "yes"] = setting("no", "no: every edge is walked both ways")
    seed: int = setting(1, "of walks and vectors", least=0, below=2**62)


@dataclass(frozen=True)
class Ask:
    """What is wanted of the vectors."""

    form: str = "auto"
    labels: Path | None = None
    shares: tuple[float, ...] = (0.5,)  # of the labelled nodes that learn
    shuffles: int = 10
    hold: float = 0.0  # share of edges kept away before anything is learnt
    save: Path | None = None


def embed(
    path: Path, model: str, flags: tuple[str, ...], ask: Ask, watch: Watch = Quiet()
) -> dict[str, Any]:
    """Learns vectors of a graph's nodes; judges, and writes, what is asked.

    Raises:
        ValueError, KeyError, FileNotFoundError, FileExistsError: a bad file, setting or wish.
    """
    settings = _settings(model, flags)
    drawable(ask.shares, ask.shuffles)
    if ask.save is not None and ask.save.exists():
        raise FileExistsError(f"--save {ask.save}: is there already; name another file")
    network = _network(path, ask)
    graph = network.graph if settings.directed == "yes" else network.graph.symmetric()
    links = hold_out(graph.only, ask.hold, settings.seed) if ask.hold else None
    learnt = graph if links is None else Graph(graph.sizes, (links.relation,))
    nodes, edges = graph.only.sources, learnt.only.edges
    for line in (*network.notes, *network.report.lines()):
        watch.line(f"  {line}")
    if edges == 0:
        raise ValueError(
            f"{path}: no edge between two nodes is left to learn from; loops do not count"
        )
    watch.line(f"{path}: {nodes:,} nodes, {edges:,} edges to learn from, {settings.model}")
    held = _model(settings, nodes)
    hears = share_done(watch, f"{settings.model}: read")
    held.solve(learnt, Progress(seed=settings.seed, hears=hears))
    vectors, met = held.vectors, (held.words.seen[1:] > 0).numpy()
    watch.line(f"vectors of {int(met.sum()):,} nodes, width {settings.dim}")
    found: dict[str, Any] = {"nodes": nodes, "edges": edges, "settings": asdict(settings)}
    if network.labels is not None:
        found["labels"] = list(_classes(vectors.numpy(), met, network.labels, ask, watch))
    if links is not None:
        found["links"] = _links(vectors, links, watch)
    if ask.save is not None:
        keys = [str(network.names.key(int(node) + 1)) for node in np.flatnonzero(met)]
        save_text(ask.save, keys, vectors.numpy()[met])
        watch.line(f"written: {ask.save}: word2vec's text, {len(keys):,} nodes")
    return found | {"saved": None if ask.save is None else str(ask.save)}


def _settings(model: str, flags: tuple[str, ...]) -> Settings:
    chosen(MODELS, model, "model")
    names, told = [field.name for field in fields(Settings)], dict(pairs(flags))
    for key in told:
        if key not in names:
            raise KeyError(f"no setting {key!r}{near(key, names)}; there are: {', '.join(names)}")
    if "model" in told:
        raise ValueError(f"model={told['model']}: write --model {told['model']}")
    settings = compose(Settings, MODELS, model, None, flags).config
    special = frozenset[str]().union(*READ.values())
    unread = sorted(told.keys() & special - READ[settings.model])
    if settings.output == "tree" and "negatives" in told:
        unread.append("negatives")
    if unread:
        readers = [name for name, keys in READ.items() if unread[0] in keys]
        other = f"--model {' or '.join(readers)} reads it" if readers else "output=negatives does"
        raise ValueError(f"{unread[0]}: nothing reads it here; {other}, or leave it out")
    return settings


def _network(path: Path, ask: Ask) -> Network:
    if not path.is_dir():
        need_file(path)
    form = recognise_graph(path) if ask.form == "auto" else ask.form
    if form == "log":
        raise ValueError(
            f"{path}: no edge list, adjacency list or Planetoid archive; name its --format, or "
            "take `polyrec run embeddings --data` for a log"
        )
    if form != "planetoid":
        return read_network(path, "edges" if form == "edges" else "adjacency", ask.labels)
    if ask.labels is not None:
        raise ValueError(f"--labels {ask.labels}: a Planetoid archive holds its own; leave it out")
    return read_planetoid_network(path)


def _model(settings: Settings, nodes: int) -> NodeVectors:
    if settings.model == "line2":
        made = line2(nodes, settings.dim, Edges(settings.samples), settings.negatives)
        how = replace(
            made.words.how, epochs=settings.epochs, lr=settings.lr, spread=settings.spread,
            shards=settings.shards,
        )  # fmt: skip
        return NodeVectors(type(made.words)(nodes, settings.dim, how), made.walks)
    how = Training(
        window=settings.window, epochs=settings.epochs, min_count=1, output=settings.output,
        negatives=settings.negatives, lr=settings.lr, spread=settings.spread,
        shards=settings.shards,
    )  # fmt: skip
    if settings.model == "deepwalk":
        return deepwalk(nodes, settings.dim, DeepWalks(settings.walks, settings.length), how)
    walks = Node2VecWalks(
        settings.p, settings.q, settings.walks, settings.length, ties=settings.ties
    )
    return node2vec(nodes, settings.dim, walks, how)


def _classes(
    vectors: F32, met: Bools, labels: NodeLabels, ask: Ask, watch: Watch
) -> Iterator[dict[str, Any]]:
    """F1 of labels, beside what the labels' own frequency gives."""
    truth = np.zeros((labels.nodes, labels.classes), bool)
    truth[np.repeat(np.arange(labels.nodes), np.diff(labels.start)), labels.values] = True
    if lonely := int((truth.any(1) & ~met).sum()):
        watch.line(
            f"{lonely:,} of {int(truth.any(1).sum()):,} labelled nodes are on no edge, so nothing "
            "is known of them: are the names those of the graph's file?"
        )
    scores = classify(vectors, truth, ask.shares, ask.shuffles)
    bare = classify(np.zeros((len(truth), 1), np.float32), truth, ask.shares, ask.shuffles)
    watch.line(
        f"labels: F1, mean and 95% over {ask.shuffles} shuffles of {scores[0].nodes:,} labelled "
        "nodes; logistic regression, how many labels a node has is given (DeepWalk's protocol)"
    )
    for score, plain in zip(scores, bare, strict=True):
        watch.line(
            f"  {score.share:.0%} learn: micro {_sure(score.micro)}, macro {_sure(score.macro)}; "
            f"by frequency alone {plain.micro.mean:.4f}, {plain.macro.mean:.4f}"
        )
        yield {**asdict(score), "by_frequency": asdict(plain)}


def _links(vectors: torch.Tensor, links: Links, watch: Watch) -> dict[str, Any]:
    found = {
        **foretold(vectors, links, "test"),
        **foretold_by(tuple(OPERATORS), vectors, links, "test"),
    }
    watch.line(f"links: {links.split}; edges against as many non-edges, 95% over pairs")
    for name, value in found.items():
        watch.line(f"  {name} {value.value:.4f} [{value.low:.4f}, {value.high:.4f}]")
    shown = ("value", "low", "high", "n", "unit")
    return {name: {key: getattr(value, key) for key in shown} for name, value in found.items()}


def _sure(spread: Spread) -> str:
    if not np.isfinite(spread.low):
        return f"{spread.mean:.4f}"
    return f"{spread.mean:.4f} [{spread.low:.4f}, {spread.high:.4f}]"
