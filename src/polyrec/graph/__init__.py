"""Graphs: typed, in compressed rows, built from logs and edge lists."""

from polyrec.graph.csr import Graph, Key, Relation
from polyrec.graph.walks import DeepWalks, MetapathWalks, Node2VecWalks, Walks, isolated, offsets

__all__ = [
    "DeepWalks",
    "Graph",
    "Key",
    "MetapathWalks",
    "Node2VecWalks",
    "Relation",
    "Walks",
    "isolated",
    "offsets",
]
