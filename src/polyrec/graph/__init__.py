"""Graphs: typed, in compressed rows, built from logs and edge lists."""

from polyrec.graph.account import BuildReport
from polyrec.graph.change import Flat, before, extended, flat, is_symmetric, strongest, symmetric
from polyrec.graph.csr import Graph, Key, Relation
from polyrec.graph.edges import Edges, relation_of
from polyrec.graph.interactions import Interactions

__all__ = [
    "BuildReport",
    "Edges",
    "Flat",
    "Graph",
    "Interactions",
    "Key",
    "Relation",
    "before",
    "extended",
    "flat",
    "is_symmetric",
    "relation_of",
    "strongest",
    "symmetric",
]
