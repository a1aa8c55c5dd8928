"""A graph in figures: sizes, degrees, parts, clustering, agreement of labels, receptive field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from polyrec.data.readers.graphs import NodeLabels
from polyrec.graph.account import Spread, spread
from polyrec.graph.change import flat
from polyrec.graph.csr import Graph, Relation
from polyrec.graph.ops.agree import Homophily, homophily
from polyrec.graph.ops.field import Hop, receptive_field
from polyrec.graph.ops.local import clustering, core_number
from polyrec.graph.ops.overall import components


@dataclass(frozen=True)
class Look:
    """What is asked of the receptive field."""

    hops: int = 3
    seeds: int = 500  # nodes it is measured from, drawn among those with edges
    width: int = 64  # numbers in a vector
    seed: int = 0  # of the draw


@dataclass(frozen=True)
class Summary:
    """Figures of the undirected form, all node types in one."""

    nodes: Mapping[str, int]
    edges: int  # as they are given, direction and all
    pairs: int  # distinct pairs of nodes that are joined
    degree: Mapping[str, Spread]  # node type -> quantiles of the number of neighbours
    isolated: int
    components: int  # isolated nodes are one each
    largest: float  # share of the nodes in the largest component
    clustering: float | None  # mean over nodes; None where a relation joins two types only
    core: int  # the largest core number
    homophily: Homophily | None
    field: tuple[Hop, ...]  # empty for a graph without edges


def summary(graph: Graph, labels: NodeLabels | None = None, look: Look = Look()) -> Summary:
    """Everything there is to say of a graph before a model sees it.

    Raises:
        ValueError: the labels are of another number of nodes, or `look` asks for nothing.
    """
    if look.seeds < 1:
        raise ValueError(f"seeds={look.seeds}; at least 1 node to look from; for example 500")
    if look.seed < 0:
        raise ValueError(f"seed={look.seed}; a whole number of at least 0; for example 0")
    whole = flat(graph)
    one = whole.relation
    parts = components(one)
    count = np.bincount(parts, minlength=1)
    within = any(r.key[0] == r.key[2] for r in graph.relations)
    return Summary(
        nodes=dict(graph.sizes),
        edges=sum(relation.edges for relation in graph.relations),
        pairs=int((one.row <= one.indices).sum()),
        degree={
            kind: spread(one.degree[first : first + graph.sizes[kind]])
            for kind, first in whole.start.items()
        },
        isolated=int((one.degree == 0).sum()),
        components=len(count) if len(parts) else 0,
        largest=float(count.max() / max(one.sources, 1)),
        clustering=float(clustering(one).mean()) if within and one.sources else None,
        core=int(core_number(one).max()) if one.sources else 0,
        homophily=None if labels is None else homophily(one, labels),
        field=_field(one, look),
    )


def _field(relation: Relation, look: Look) -> tuple[Hop, ...]:
    joined = np.flatnonzero(relation.degree)
    if not len(joined):
        return ()
    draw = np.random.default_rng(look.seed)
    seeds = draw.choice(joined, min(look.seeds, len(joined)), replace=False)
    return receptive_field(relation, np.sort(seeds), look.hops, (), look.width)
