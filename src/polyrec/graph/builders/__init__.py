"""Builders: from a log, sets, vectors or a table to a graph and the account of its making."""

from polyrec.graph.builders.bipartite import bipartite
from polyrec.graph.builders.given import attributes, social
from polyrec.graph.builders.known import knowledge
from polyrec.graph.builders.near import knn
from polyrec.graph.builders.search import SearchLog, i2i, i2q, q2i, q2q, u2i
from polyrec.graph.builders.session import session
from polyrec.graph.builders.together import cooccurrence, swing

__all__ = [
    "SearchLog",
    "attributes",
    "bipartite",
    "cooccurrence",
    "i2i",
    "i2q",
    "knn",
    "knowledge",
    "q2i",
    "q2q",
    "session",
    "social",
    "swing",
    "u2i",
]
