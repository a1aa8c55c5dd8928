"""Graphs: typed, in compressed rows, built from logs and edge lists."""

from polyrec.graph.account import BuildReport
from polyrec.graph.change import (
    Flat,
    before,
    extended,
    flat,
    is_symmetric,
    renumbered,
    strongest,
    symmetric,
)
from polyrec.graph.csr import Graph, Key, Relation
from polyrec.graph.edges import Edges, relation_of
from polyrec.graph.interactions import Interactions
from polyrec.graph.walks import DeepWalks, MetapathWalks, Node2VecWalks, Walks, isolated, offsets

__all__ = [
    "BuildReport", "DeepWalks", "Edges", "Flat", "Graph", "Interactions", "Key", "MetapathWalks",
    "Node2VecWalks", "Relation", "Walks", "before", "extended", "flat", "is_symmetric", "isolated",
    "offsets", "relation_of", "renumbered", "strongest", "symmetric",
]  # fmt: skip
