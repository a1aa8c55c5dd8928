"""What is computed of a graph: normalised forms, features of nodes, controls, costs."""

from polyrec.graph.ops.agree import Homophily, homophily
from polyrec.graph.ops.field import Controls, Hop, field_controls, receptive_field
from polyrec.graph.ops.local import clustering, core_number, degree
from polyrec.graph.ops.normal import NORMALS, Normal, laplacian, normalised, with_loops
from polyrec.graph.ops.order import side_by_side
from polyrec.graph.ops.overall import components, laplacian_vectors, ppr
from polyrec.graph.ops.rewire import rewire

__all__ = [
    "NORMALS",
    "Controls",
    "Homophily",
    "Hop",
    "Normal",
    "clustering",
    "components",
    "core_number",
    "degree",
    "field_controls",
    "homophily",
    "laplacian",
    "laplacian_vectors",
    "normalised",
    "ppr",
    "receptive_field",
    "rewire",
    "side_by_side",
    "with_loops",
]
