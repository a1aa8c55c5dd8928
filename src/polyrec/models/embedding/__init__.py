"""Embeddings: words, items in sets, nodes on walks; files that other tools read."""

from polyrec.models.embedding.asking import ItemVectors, mean_of
from polyrec.models.embedding.eges import EGES, Sides, bge, ges, sides_of
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
    "EGES",
    "ITEM2VEC",
    "Edges",
    "Item2Vec",
    "ItemVectors",
    "NodeVectors",
    "Sides",
    "Training",
    "Word2Vec",
    "bge",
    "deepwalk",
    "formed",
    "ges",
    "keep_chance",
    "line2",
    "load_text",
    "mean_of",
    "metapath2vec",
    "metapath2vec_apart",
    "node2vec",
    "save_text",
    "sets",
    "sides_of",
]
