"""Graphs: typed, in compressed rows, built from logs and edge lists."""

from polyrec.graph.csr import Graph, Key, Relation

__all__ = ["Graph", "Key", "Relation"]
