"""Files of graphs as plain arrays: edge lists, adjacency lists, node labels, Planetoid archives.

They are no event logs, so they are no entry of READERS; `polyrec.graph.reading` makes graphs of
what is read here. Nothing that unpickles is opened.
"""

from polyrec.data.readers.graphs.edges import EdgeFile, read_adjacency, read_edges
from polyrec.data.readers.graphs.form import FORMS, GraphForm, recognise_graph
from polyrec.data.readers.graphs.labels import LabelFile, NodeLabels, read_labels
from polyrec.data.readers.graphs.planetoid import Planetoid, read_planetoid
from polyrec.data.readers.graphs.tokens import numbered

__all__ = [
    "FORMS",
    "EdgeFile",
    "GraphForm",
    "LabelFile",
    "NodeLabels",
    "Planetoid",
    "numbered",
    "read_adjacency",
    "read_edges",
    "read_labels",
    "read_planetoid",
    "recognise_graph",
]
