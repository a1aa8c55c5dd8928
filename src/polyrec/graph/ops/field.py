"""How much of the graph a node's answer needs, hop by hop, and what makes it less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyrec.graph.change import strongest
from polyrec.graph.csr import Relation
from polyrec.graph.ops.overall import checked_seeds, ppr
from polyrec.kernels.graphs.structure import reached

BYTES_A_NUMBER = 4
ROUGH = 1e-4  # enough to know a node's largest PageRanks; bounds the work at 1 / (tolerance alpha)


@dataclass(frozen=True)
class Hop:
    """What the seeds see within so many hops, themselves included."""

    hop: int
    mean: float  # distinct nodes
    p99: float
    share: float  # the mean, as a share of the graph
    bytes: float  # the mean's vectors of the width asked, float32


def receptive_field(
    relation: Relation,
    seeds: NDArray[np.integer],
    hops: int = 3,
    fanout: Sequence[int] = (),
    width: int = 64,
    seed: int = 0,
) -> tuple[Hop, ...]:
    """For each hop from 0: the distinct nodes that a seed's vector is made of.

    An L-layer graph network sees L hops, a walk with window 10 up to 10. Attention weights
    change what each node counts, not how many are read.

    Args:
        fanout: at most so many sampled neighbours a node, one number a hop; () = all.
        width: numbers in a node's vector.
        seed: of the samples.

    Raises:
        ValueError: hops < 1, a fan-out below 1, more hops than fan-outs, no seed, or one that is
            no node.
    """
    if hops < 1 or width < 1:
        raise ValueError(f"hops={hops}, width={width}; both at least 1; for example 2 and 64")
    if fanout and (len(fanout) < hops or min(fanout) < 1):
        raise ValueError(
            f"fanout={tuple(fanout)} for {hops} hops; one number of at least 1 for each hop; "
            "() takes all neighbours"
        )
    if relation.key[0] != relation.key[2]:
        raise ValueError(f"relation {relation.key} joins two node types; take flat(graph).relation")
    if not len(seeds):
        raise ValueError("no seeds; name at least one node to look from")
    most = np.asarray(fanout[:hops] if fanout else [0] * hops, np.int64)
    found = reached(relation.indptr, relation.indices, checked_seeds(relation, seeds), most, seed)
    return tuple(_hop(hop, found[:, hop], relation.sources, width) for hop in range(hops + 1))


@dataclass(frozen=True)
class Controls:
    """The ways to see less. Each is held against all neighbours on the same seeds."""

    hops: int = 3
    fanout: int = 10  # sampled neighbours a node
    heaviest: int = 10  # neighbours kept by weight
    important: int = 10  # nodes kept by how often short walks visit them
    local: int = 100  # nodes of the local subgraph
    width: int = 64


def field_controls(
    relation: Relation, seeds: NDArray[np.integer], controls: Controls = Controls(), seed: int = 0
) -> dict[str, tuple[Hop, ...]]:
    """The receptive field of the seeds under each control, by name.

    `importance` replaces a node's neighbours by those that walks with restart visit most, one or
    more hops away, found as its largest personalised PageRanks; `local subgraph` reads the seed's
    own largest and nothing else, whatever the number of layers.
    """
    hops, width = controls.hops, controls.width
    nodes = np.arange(relation.sources)
    visited = _important(relation, nodes, controls.important)
    near = ppr(relation, seeds, controls.local, tolerance=ROUGH).degree
    found = {
        "all neighbours": receptive_field(relation, seeds, hops, (), width),
        f"fan-out {controls.fanout}": receptive_field(
            relation, seeds, hops, (controls.fanout,) * hops, width, seed
        ),
        f"heaviest {controls.heaviest}": receptive_field(
            strongest(relation, controls.heaviest), seeds, hops, (), width
        ),
        f"importance {controls.important}": receptive_field(visited, seeds, hops, (), width),
        f"local subgraph {controls.local}": (_hop(0, near, relation.sources, width),),
    }
    if hops > 1:
        found["one layer less"] = found["all neighbours"][:-1]
    return found


def _important(relation: Relation, nodes: NDArray[np.integer], k: int) -> Relation:
    """Each node's k largest personalised PageRanks as its neighbours, itself left out."""
    found = ppr(relation, nodes, k + 1, tolerance=ROUGH)
    other = found.row != found.indices
    counts = np.bincount(found.row[other], minlength=relation.sources)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    weight = found.weights[other]
    kept = Relation(relation.key, indptr, found.indices[other], relation.targets, weight)
    return strongest(kept, k)


def _hop(hop: int, found: NDArray[np.integer], nodes: int, width: int) -> Hop:
    mean = float(found.mean())
    p99 = float(np.quantile(found, 0.99))
    return Hop(hop, mean, p99, mean / max(nodes, 1), mean * width * BYTES_A_NUMBER)
