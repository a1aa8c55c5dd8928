"""From settings to the model."""

from __future__ import annotations

from typing import cast

from torch import nn

from polyrec import models
from polyrec.data import Facts
from polyrec.graph import Graph
from polyrec.models.closed_form import Filter, SpectralCF, bspm, gf_cf, turbo_cf
from polyrec.models.embedding import side_features
from polyrec.models.graphs.collaborative import (
    SGL,
    Committee,
    Factors,
    LightGCN,
    SimGCL,
    SimpleX,
    Sizes,
    UltraGCN,
    XSimGCL,
)
from polyrec.models.graphs.collaborative.bipartite import Start
from polyrec.models.graphs.collaborative.free import Begin
from polyrec.models.graphs.pinsage import PinSAGERetriever, important, roomy
from polyrec.nn import Cosine, Dot
from polyrec.recipes.graphs.config import Config

SPECTRAL = ("gf_cf", "turbo_cf", "bspm")
Trained = LightGCN | Factors | SimpleX | Committee
OWN = {
    "ultragcn": "bce",
    "simplex": "ccl",
    "pinsage": "margin",
}  # losses of their papers; the others': bpr
CLOSED = ("popular", "item_knn", "rp3beta", "slim", "ease", "ials", *SPECTRAL)


def model(config: Config, facts: Facts) -> nn.Module:
    """An untrained model of the setting's kind, with its graph where the facts hold one.

    Facts that come from a run's folder hold none: there the graph comes with the weights.
    """
    if config.model in CLOSED:
        return _closed(config, facts)
    if config.model == "pinsage":
        return _pinsage(config, facts)
    made = _trained(config, Sizes(facts.actors, facts.items, int(facts.counts.sum())))
    made.add_module("similarity", similarity(config))
    if isinstance(facts.graph, Graph):
        made.connect(facts.graph.only)
    return made


def loss(config: Config) -> str:
    """What the model is trained by: its paper's loss, or the one asked for."""
    return OWN.get(config.model, "bpr") if config.loss == "own" else config.loss


def similarity(config: Config) -> nn.Module:
    """Losses over many shared negatives rank by cosine, the others by the inner product."""
    scale = {"ccl": 1.0, "softmax": config.temperature}.get(loss(config))
    return Dot() if scale is None else Cosine(scale)


def spectral(config: Config) -> Filter:
    """The filter that the settings describe."""
    match config.model:
        case "gf_cf":
            return gf_cf(config.rank, config.low_pass, config.svd)
        case "turbo_cf":
            return turbo_cf(config.order, config.people_power, config.entry_power)
    ideal = Filter(rank=config.rank, beta=config.low_pass, merge=config.merge, svd=config.svd)
    return bspm(config.until, 1, config.scheme, ideal)


def _pinsage(config: Config, facts: Facts) -> PinSAGERetriever:
    """Neighbours by visits; the items' columns as features, else a vector an item."""
    table, held, found = facts.tables.get("target"), facts.graph, None
    if isinstance(held, Graph):
        found = important(held.only, config.neighbours, seed=config.seed)
    features = None if table is None else side_features(table)
    return PinSAGERetriever(
        roomy(found, facts.items, config.neighbours), features, config.dim, config.layers,
        config.ask,
    )  # fmt: skip


def _trained(config: Config, sizes: Sizes) -> Trained:
    dim, layers = config.dim, config.layers
    match config.model:
        case "mf":
            return Factors(sizes, dim, lean=config.lean)
        case "ultragcn":
            begin = cast(Begin, _start(config, "tiny"))
            known = config.item_neighbours, begin, config.lean
            members = [UltraGCN(sizes, dim, *known) for _ in range(config.members)]
            return members[0] if len(members) == 1 else Committee(members)
        case "simplex":
            return SimpleX(sizes, dim, config.own)
        case "sgl":
            return SGL(sizes, dim, layers, config.drop)
        case "simgcl":
            return SimGCL(sizes, dim, layers, config.noise)
        case "xsimgcl":
            return XSimGCL(sizes, dim, layers, config.noise, config.contrast_layer)
    return LightGCN(sizes, dim, layers, cast(Start, _start(config, "normal")))


def _start(config: Config, own: str) -> str:
    """Where vectors begin; the model itself refuses what it does not know.

    Runs stored when `tiny` was the default of all models hold it for those it is not a start of.
    """
    stored = config.start == "tiny" and config.model != "ultragcn"
    return own if stored or config.start == "own" else config.start


def _closed(config: Config, facts: Facts) -> nn.Module:
    items, budget = facts.items, config.memory_mb
    match config.model:
        case "popular":
            return models.MostPopular(items)
        case "item_knn":
            return models.ItemKNN(items, config.neighbours, config.shrink, budget)
        case "rp3beta":
            alpha, beta = config.walk_alpha, config.walk_beta
            return models.RP3beta(items, config.neighbours, alpha, beta, budget_mb=budget)
        case "slim":
            return models.SLIM(items, config.neighbours, config.l1, config.l2, budget)
        case "ease":
            return models.EASE(items, config.l2, budget)
        case "ials":
            numbers = config.alpha0, config.reg, config.sweeps
            return models.IALS(items, config.dim, *numbers, budget)
    edges = int(facts.counts.sum())
    return SpectralCF(items, facts.actors, edges, spectral(config), budget)
