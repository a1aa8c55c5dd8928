"""Graph layers: x and who reads whom in, x out."""

from polyrec.nn.convs.adjacency import NORMS, Adjacency, Norm
from polyrec.nn.convs.along import Features, project, width_of
from polyrec.nn.convs.gat import GAT, GATv2
from polyrec.nn.convs.gcn import (
    GCN,
    Chebyshev,
    Spectral,
    Spectrum,
    band_pass,
    high_pass,
    largest_eigenvalue,
    low_pass,
)
from polyrec.nn.convs.metapaths import (
    HAN,
    Carried,
    SeHGNN,
    carried,
    carried_labels,
    chained,
    metapaths,
    reached,
)
from polyrec.nn.convs.relational import HGT, RGCN, Blind, SimpleHGN
from polyrec.nn.convs.sage import AGGREGATES, SAGE, Aggregate, PinSAGE, in_time
from polyrec.nn.convs.typed import Typed

__all__ = [
    "AGGREGATES",
    "GAT",
    "GCN",
    "HAN",
    "HGT",
    "NORMS",
    "RGCN",
    "SAGE",
    "Adjacency",
    "Aggregate",
    "Blind",
    "Carried",
    "Chebyshev",
    "Features",
    "GATv2",
    "Norm",
    "PinSAGE",
    "SeHGNN",
    "SimpleHGN",
    "Spectral",
    "Spectrum",
    "Typed",
    "band_pass",
    "carried",
    "carried_labels",
    "chained",
    "high_pass",
    "in_time",
    "largest_eigenvalue",
    "low_pass",
    "metapaths",
    "project",
    "reached",
    "width_of",
]
