"""Settings of a node classifier, each with its reason, and the named sets of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from polyrec.recipes.config import setting

Model = Literal[
    "majority", "mlp", "gcn", "chebnet", "sage_mean", "sage_gcn", "sage_pool", "sage_lstm", "gat",
    "gatv2", "rgcn", "han", "hgt", "sehgnn", "simple_hgn", "blind",
]  # fmt: skip


@dataclass(frozen=True)
class Config:
    """Settings of one run; defaults are those of the renormalised adjacency's paper."""

    # what is learnt from
    data: str = setting(
        "", "an .npz of a graph with features, classes and a split; empty: a simulated library"
    )
    world: Literal["papers", "papers_even", "papers_tiny"] = setting(
        "papers", "papers, authors and words; even: types are worth little"
    )
    features: Literal["rows", "raw", "ids"] = setting(
        "rows", "each node's features sum to 1, as published; ids: none, a vector a node"
    )
    seed: int = setting(1, "of weights, dropout and draws", least=0, below=2**62)
    # the model
    model: Model = setting("gcn", "which layers")
    hidden: int = setting(16, "published; of a head, where there are heads", least=1)
    depth: int = setting(2, "layers, so hops that a node sees", least=1)
    heads: int = setting(8, "published, side by side; the last layer has one", least=1)
    terms: int = setting(3, "of a Chebyshev filter: two hops a layer", least=1)
    # training
    learn: Literal["classes", "walks"] = setting(
        "classes", "walks: vectors from who meets whom on short walks, classes read off afterwards"
    )
    dropout: float = setting(0.5, "published", least=0, below=1)
    decay: float = setting(5e-4, "published; of the first layer, or of all for attention", least=0)
    lr: float = setting(0.01, "published", above=0)
    epochs: int = setting(200, "published", least=1)
    patience: int = setting(200, "evaluations without a new best on valid; 200: off", least=1)
    fanouts: str = setting("", "neighbours drawn a hop, such as 25,10; empty: the whole graph")
    batch: int = setting(64, "nodes a batch, where neighbours are drawn; pairs of walks", least=1)
    walk: int = setting(5, "steps; who is met on them is a positive", least=1)
    negatives: int = setting(20, "published: shared by the batch, from degree^.75", least=1)
    # judging
    hold: float = setting(
        0.0,
        "share of edges kept away for vectors to foretell; a third is valid",
        least=0,
        below=0.9,
    )
    operators: Literal["none", "all", "average", "hadamard", "l1", "l2"] = setting(
        "none", "node2vec's: lines learnt on pairs of vectors foretell edges beside the dot product"
    )
    select_by: Literal["accuracy,-loss", "accuracy", "-loss"] = setting(
        "accuracy,-loss", "on validation; of equal accuracies the lowest loss"
    )
    log_every: int = setting(50, "steps between lines of the log", least=1)


ATTENTION = {"hidden": 8, "dropout": 0.6, "lr": 0.005, "epochs": 1_000, "patience": 100}
# Papers and words as two types: "uses" and "cites", and both read backwards.
TYPED = {"hidden": 16, "heads": 4, "lr": 0.005}
WALKS = {"learn": "walks", "model": "sage_mean", "hidden": 64, "decay": 0.0, "dropout": 0.0,
         "epochs": 10, "batch": 512}  # fmt: skip
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "majority": {"model": "majority", "learn": "classes", "fanouts": ""},
    "mlp": {"model": "mlp"},
    "gcn": {},
    "chebnet": {"model": "chebnet"},
    "sage_mean": {"model": "sage_mean"},
    "sage_gcn": {"model": "sage_gcn"},
    "sage_pool": {"model": "sage_pool"},
    "sage_lstm": {"model": "sage_lstm", "epochs": 50},
    "sage_sampled": {"model": "sage_mean", "fanouts": "25,10", "epochs": 50},
    # Without classes: the published loss on pairs of walks, then a logistic regression.
    "sage_walks": {**WALKS},
    "gcn_walks": {**WALKS, "model": "gcn"},
    "sage_links": {**WALKS, "hold": 0.15, "operators": "all"},
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
RIVALS = ("majority",)
TRAINING = frozenset({"lr", "epochs", "patience", "log_every"})
LENGTH = "epochs"
