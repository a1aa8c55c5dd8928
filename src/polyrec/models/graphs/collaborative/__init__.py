"""Collaborative filtering on the graph of people and items: propagated, contrasted, or neither."""

from polyrec.models.graphs.collaborative.bipartite import Bipartite, Sizes, Start
from polyrec.models.graphs.collaborative.committee import Committee
from polyrec.models.graphs.collaborative.contrast import SGL, SimGCL, XSimGCL
from polyrec.models.graphs.collaborative.free import Factors, Free, SimpleX, UltraGCN
from polyrec.models.graphs.collaborative.lightgcn import LightGCN, Smoothed

__all__ = [
    "SGL", "Bipartite", "Committee", "Factors", "Free", "LightGCN", "SimGCL", "SimpleX", "Sizes",
    "Smoothed", "Start", "UltraGCN", "XSimGCL",
]  # fmt: skip
