"""A graph of papers as a task: what they cite, their words, and the split; from a file or a world.

The experiment sees it as any log: "node v has class c" is an event whose actor is the node and
whose target is the class, asked for without a history.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from scipy.sparse import csr_matrix

from polyrec.data import Events, Facts, Questions, Source, Split, Vocab
from polyrec.data.batches import Stretch
from polyrec.data.events import JSON
from polyrec.data.readers.graphs.planetoid import read_planetoid
from polyrec.evaluate.links import Links, hold_out
from polyrec.graph import Graph, Relation
from polyrec.graph.reading import planetoid_network
from polyrec.models.graphs.batches import NodeTask
from polyrec.models.graphs.typed import TypedTask
from polyrec.nn.convs import Adjacency
from polyrec.nn.convs.metapaths import Path as Metapath
from polyrec.types import Ragged
from polyrec.worlds import NETWORKS, written

Rows = Literal["rows", "raw"]  # of features: summing to 1, or as they stand
KEY = ("paper", "cites", "paper")
CITING: tuple[Metapath, ...] = (("cites",), ("cites", "cites"))
WRITING: tuple[Metapath, ...] = (("cites",), ("by", "rev_by"))


@dataclass(frozen=True)
class Library:
    """Papers to be told apart, and who else stands in their graph.

    `paths`: metapaths that HAN reads; over words nearly every paper meets every other, so none
    leads there.
    """

    task: NodeTask
    source: Source
    bare: int = 0  # nodes of the split without a class
    beside: tuple[Relation, ...] = ()  # from papers to nodes of other types
    paths: tuple[Metapath, ...] = CITING
    links: Links | None = None  # edges kept away, to be foretold

    @cached_property
    def typed(self) -> TypedTask:
        """The same papers in a typed graph: they cite, use words and what stands beside."""
        return with_words(self.task, self.beside)

    @cached_property
    def read(self) -> dict[str, Any]:
        """What typed models made of it so far, by model."""
        return {}


def planetoid(path: Path, features: Rows = "rows") -> Library:
    """The papers of a Planetoid archive.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, or names a node that is not there.
    """
    held = read_planetoid(path)
    network = planetoid_network(held)
    relation = replace(network.graph.only, key=KEY, weight=None)
    parts = {"train": held.train, "valid": held.valid, "test": held.test}
    ids = {name: torch.from_numpy(part) for name, part in parts.items()}
    x = Adjacency.of_matrix(_features(held.features, features))
    task = NodeTask(relation, x, torch.from_numpy(held.label), ids)
    sha256 = {held.name: held.sha256}
    source = Source(held.name.removesuffix(".npz"), sha256=sha256, notes=network.notes)
    return Library(task, source, held.excluded)


def holding(library: Library, share: float) -> Library:
    """The same papers without some of their citations: the same ones for every run's seed."""
    links = hold_out(library.task.relation, share)
    return replace(library, task=library.task.on(links.relation), links=links)


def simulated(world: str, features: Rows = "rows") -> Library:
    """The papers of a simulated world; authors stand beside them."""
    made = written(NETWORKS[world])
    n, words = len(made.label), made.sizes["uses"]
    uses = made.links["uses"]
    x = csr_matrix((np.ones(len(uses), np.float32), (uses[:, 0], uses[:, 1])), (n, words))
    x.sort_indices()
    by = _linked(("paper", "by", "author"), made.links["by"], (n, made.sizes["by"]))
    parts = {name: torch.from_numpy(part) for name, part in made.parts.items()}
    label = torch.from_numpy(made.label)
    given = Adjacency.of_matrix(_features(x, features))
    task = NodeTask(undirected(made.links["cites"], n), given, label, parts)
    return Library(task, Source(world), beside=(by,), paths=WRITING)


def as_split(library: Library) -> Split:
    """The experiment's view: nodes are actors, classes are targets, and a class is an event."""
    task, n = library.task, len(library.task.label)
    at = task.parts["train"].sort().values.numpy()
    start = np.concatenate([[0, 0], np.cumsum(np.bincount(at, minlength=n))]).astype(np.int64)
    train = Events(
        actor=(at + 1).astype(np.int32),
        target=(task.label.numpy()[at] + 1).astype(np.int32),
        time=np.arange(len(at)),
        kind=np.zeros(len(at), np.int8),
        start=start,
        clock=False,
    )
    names = {"actor": [str(v) for v in range(n)], "target": [str(c) for c in range(task.classes)]}
    vocabs = {name: Vocab.of(keys) for name, keys in names.items()}
    counts = torch.from_numpy(train.counts(task.classes))
    facts = Facts(vocabs, counts, kinds=("class",), graph=library)
    dropped = {"without a class": library.bare} if library.bare else {}
    asked = [_asked(train, task, part, dropped) for part in ("valid", "test")]
    edges = library.links.split if library.links else "all nodes and their edges"
    how: dict[str, JSON] = {"how": "given", "train_events": len(train), "graph": edges}
    return Split(train, asked[0], asked[1], how, facts, library.source)


def _asked(train: Events, task: NodeTask, part: str, dropped: dict[str, int]) -> Questions:
    nodes = task.parts[part]
    actor = nodes.numpy() + 1
    nothing = np.zeros(len(actor), np.int64)
    truth = Ragged(task.label[nodes] + 1, torch.arange(len(actor) + 1))
    told = dropped if part == "test" else {}
    return Questions(train, nodes + 1, Stretch(actor, nothing, nothing, None), truth, told)


def _linked(key: tuple[str, str, str], pairs: Any, sizes: tuple[int, int]) -> Relation:
    matrix = csr_matrix((np.ones(len(pairs), np.float32), (pairs[:, 0], pairs[:, 1])), sizes)
    matrix.sum_duplicates()
    matrix.sort_indices()
    start, other = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)
    return Relation(key, start, other, sizes[1])


def undirected(edges: Any, n: int) -> Relation:
    """Each edge both ways, once; edges from a node to itself are left out."""
    edges = edges[edges[:, 0] != edges[:, 1]]
    row, column = (np.concatenate([edges[:, a], edges[:, b]]) for a, b in ((0, 1), (1, 0)))
    return _linked(KEY, np.stack([row, column], 1), (n, n))


def _features(x: csr_matrix, features: Rows) -> csr_matrix:
    if features == "raw":
        return x
    total = np.asarray(x.sum(1, dtype=np.float64)).ravel()
    rows = x.astype(np.float64)
    rows.data /= np.repeat(np.where(total > 0, total, 1), np.diff(x.indptr))
    return rows


def with_words(task: NodeTask, beside: tuple[Relation, ...] = ()) -> TypedTask:
    """The same papers in a typed graph: they cite papers and use words; words have ids.

    So have the nodes of what stands beside.

    Raises:
        ValueError: the papers have no sparse features, so there are no words.
    """
    if not isinstance(task.x, Adjacency):
        raise ValueError("typed models read words as nodes: features=ids leaves them out")
    uses = Relation(
        ("paper", "uses", "word"), task.x.start.numpy(), task.x.other.numpy(), task.x.columns
    )
    sizes = {"paper": task.x.rows, "word": task.x.columns}
    sizes |= {relation.key[2]: relation.targets for relation in beside}
    graph = Graph(sizes, (task.relation, uses, *beside)).with_reverses()
    known = frozenset(sizes) - {"paper"}
    return TypedTask(graph, {"paper": task.x}, "paper", task.label, task.parts, known)
