"""What sources say a classifier of nodes should reach on the standard splits.

Nobody here has read these rows in their sources yet, so none is printed as published.
"""

from __future__ import annotations

from polyrec.recipes.expected import Curve, Expected

_GCN = "Kipf and Welling 2017, table 2"
_GAT = "Velickovic et al. 2018, table 2"
EXPECTED: tuple[Expected, ...] = tuple(
    Expected(variant, data, "accuracy", value, tolerance, source, checked=False)
    for variant, data, value, tolerance, source in (
        ("gcn", "cora", 0.815, 0.005, _GCN),
        ("gcn", "citeseer", 0.703, 0.005, _GCN),
        ("gat", "cora", 0.830, 0.007, _GAT),
        ("gat", "citeseer", 0.725, 0.007, _GAT),
        ("chebnet", "cora", 0.812, 0.01, _GCN),
        ("chebnet", "citeseer", 0.698, 0.01, _GCN),
        ("mlp", "cora", 0.551, 0.02, _GCN),
        ("mlp", "citeseer", 0.465, 0.02, _GCN),
    )
)
CURVES: tuple[Curve, ...] = ()
