"""Settings of a node classifier, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from polyrec.recipes.config import setting
from polyrec.recipes.expected import Expected

Model = Literal[
    "mlp", "gcn", "chebnet", "sage_mean", "sage_gcn", "sage_pool", "sage_lstm", "gat", "gatv2",
    "rgcn", "han", "hgt", "sehgnn", "simple_hgn", "blind",
]  # fmt: skip


@dataclass(frozen=True)
class Config:
    """Settings of one run; defaults are those of the renormalised adjacency's paper."""

    data: str = setting("", "an .npz of a graph with features, classes and a split")
    model: Model = setting("gcn", "which layers")
    features: Literal["rows", "raw", "ids"] = setting(
        "rows", "each node's features sum to 1, as published; ids: none, a vector a node"
    )
    hidden: int = setting(16, "published; of a head, where there are heads", least=1)
    depth: int = setting(2, "layers, so hops that a node sees", least=1)
    heads: int = setting(8, "published, side by side; the last layer has one", least=1)
    terms: int = setting(3, "of a Chebyshev filter: two hops a layer", least=1)
    dropout: float = setting(0.5, "published", least=0, below=1)
    decay: float = setting(5e-4, "published; of the first layer, or of all for attention", least=0)
    lr: float = setting(0.01, "published", above=0)
    epochs: int = setting(200, "published", least=1)
    patience: int = setting(200, "evaluations without a new best on valid; 200: off", least=1)
    fanouts: str = setting("", "neighbours drawn a hop, such as 25,10; empty: the whole graph")
    batch: int = setting(64, "nodes a batch, where neighbours are drawn", least=1)
    seed: int = setting(1, "of weights, dropout and draws", least=0, below=2**62)


ATTENTION = {"hidden": 8, "dropout": 0.6, "lr": 0.005, "epochs": 1_000, "patience": 100}
# Papers and words as two types: "uses" and "cites", and both read backwards.
TYPED = {"hidden": 16, "heads": 4, "lr": 0.005}
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "mlp": {"model": "mlp"},
    "gcn": {},
    "chebnet": {"model": "chebnet"},
    "sage_mean": {"model": "sage_mean"},
    "sage_gcn": {"model": "sage_gcn"},
    "sage_pool": {"model": "sage_pool"},
    "sage_lstm": {"model": "sage_lstm", "epochs": 50},
    "sage_sampled": {"model": "sage_mean", "fanouts": "25,10", "epochs": 50},
    # Trained until nothing improves for 100 evaluations, as its authors do.
    "gat": {"model": "gat", **ATTENTION},
    "gatv2": {"model": "gatv2", **ATTENTION},
    "gcn_ids": {"features": "ids"},
    # The last one is the control: types are ignored.
    **{
        name: {"model": name, **TYPED}
        for name in ("rgcn", "han", "hgt", "sehgnn", "simple_hgn", "blind")
    },
}
DEFAULT = "gcn"

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
