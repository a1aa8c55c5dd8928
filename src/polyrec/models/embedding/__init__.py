"""Embeddings: words, items in sets, nodes on walks; files that other tools read."""

from polyrec.models.embedding.asking import ItemVectors, mean_of
from polyrec.models.embedding.cold import (
    CategoryMean,
    Computed,
    KnnMean,
    Placed,
    SideMean,
    Strategy,
    Warm,
    cold_start,
    extended,
)
from polyrec.models.embedding.eges import EGES, Sides, bge, ges, sides_of
from polyrec.models.embedding.fitted import Clusters, Inductive, Tree, side_features
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
    "CategoryMean",
    "Clusters",
    "Computed",
    "Edges",
    "Inductive",
    "Item2Vec",
    "ItemVectors",
    "KnnMean",
    "NodeVectors",
    "Placed",
    "SideMean",
    "Sides",
    "Strategy",
    "Training",
    "Tree",
    "Warm",
    "Word2Vec",
    "bge",
    "cold_start",
    "deepwalk",
    "extended",
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
    "side_features",
    "sides_of",
]
