"""Embeddings: words, items in sets, nodes on walks; files that other tools read."""

from polyrec.models.embedding.nodes import (
    Edges,
    NodeVectors,
    deepwalk,
    line2,
    metapath2vec,
    metapath2vec_apart,
    node2vec,
)
from polyrec.models.embedding.text import load_text, save_text
from polyrec.models.embedding.training import Training, keep_chance
from polyrec.models.embedding.vectors import ITEM2VEC, Item2Vec, formed, sets
from polyrec.models.embedding.words import Word2Vec

__all__ = [
    "ITEM2VEC",
    "Edges",
    "Item2Vec",
    "NodeVectors",
    "Training",
    "Word2Vec",
    "deepwalk",
    "formed",
    "keep_chance",
    "line2",
    "load_text",
    "metapath2vec",
    "metapath2vec_apart",
    "node2vec",
    "save_text",
    "sets",
]
