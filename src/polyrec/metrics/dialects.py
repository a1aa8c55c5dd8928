"""The same words mean other formulas elsewhere: each dialect applied to the same lists.

A dialect holds what a library or paper computes under a metric's name, as read in its code. Our
own is `polyrec`. What has not been read is not offered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

import torch
from torch import Tensor

from polyrec.metrics.ranked import Hits
from polyrec.metrics.ranking import (
    RANKING,
    Formula,
    Parts,
    average_precision,
    discount,
    gain,
    ideal,
    over,
)


@dataclass(frozen=True)
class Dialect:
    """What a library computes under each name. `open`: names whose code nobody here has read."""

    name: str
    doc: str
    formulas: Mapping[str, Formula]
    open: tuple[str, ...] = ()
    truth: str = "set"  # "list": repeats count in the denominator
    own: frozenset[str] = field(default_factory=frozenset)  # names that differ from ours

    def formula(self, metric: str) -> Formula:
        """The dialect's definition of `metric`.

        Raises:
            KeyError: the dialect has no such metric, or its definition is not verified.
        """
        if metric in self.formulas:
            return self.formulas[metric]
        if metric in self.open:
            raise KeyError(f"{self.name}: its {metric} is not verified; use dialect 'polyrec'")
        allowed = ", ".join(sorted(self.formulas))
        near = get_close_matches(metric, self.formulas, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise KeyError(f"no ranking metric {metric!r} in {self.name}: it has {allowed}{hint}")


def dialect(name: str) -> Dialect:
    """The dialect of that name.

    Raises:
        KeyError: no such dialect.
    """
    if name not in DIALECTS:
        near = get_close_matches(name, DIALECTS, 1, 0.3)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise KeyError(f"no dialect {name!r}: allowed are {', '.join(DIALECTS)}{hint}")
    return DIALECTS[name]


def _by(top: Tensor, bottom: Tensor) -> Parts:
    return Parts(top / bottom, torch.ones_like(top))


def _pooled(top: Tensor, bottom: Tensor) -> Parts:
    return Parts(top.double(), bottom.double())


def _all_places(h: Hits) -> Parts:
    return _by(gain(h), ideal(torch.full_like(h.wanted, h.k)))


def _by_truth_place(h: Hits) -> Parts:
    return _by(h.total(discount(h.place)), ideal(h.count))


_NDCG_OVER_HITS = Formula(
    "ndcg", "sum of h_j g(j) / sum of g(1..hits)", lambda h: _by(gain(h), ideal(h.count))
)
_LISTED = Formula(
    "recall", "hits / length of the truth list, repeats counted", lambda h: over(h.count, h.listed)
)
_MAP_ALL = Formula(
    "map",
    "sum over hits of (hits in the top j) / j, divided by n",
    lambda h: over(average_precision(h), h.wanted),
)


def _dialect(
    name: str,
    doc: str,
    names: str,
    *own: Formula,
    open: tuple[str, ...] = (),
    truth: str = "set",
) -> Dialect:
    mine = {f.name: f for f in own}
    formulas = {metric: mine.get(metric, RANKING[metric]) for metric in names.split()}
    return Dialect(name, doc, formulas, open, truth, frozenset(mine))


_FIVE = "ndcg recall precision hit_rate map"
_SIX = f"{_FIVE} mrr"
_EVERY = (
    Dialect("polyrec", "The standard forms; the default.", RANKING),
    _dialect("recbole", "RecBole 1.2.1: as ours.", _SIX),
    _dialect("replay", "RePlay 0.22: as ours.", _SIX),
    _dialect("cornac", "Cornac: as ours.", "ndcg recall precision hit_rate", open=("map",)),
    _dialect(
        "implicit",
        "implicit 0.7.3: precision pools hits over the reachable ones of all requests.",
        "ndcg precision map",
        Formula(
            "precision",
            "total hits / total of min(n, k)",
            lambda h: _pooled(h.count, h.reachable),
            "free",
            "pooled",
        ),
    ),
    _dialect(
        "torch-rechub",
        "torch-rechub: its Hit is the pooled recall.",
        "ndcg recall precision hit_rate",
        Formula(
            "hit_rate",
            "total hits / total wanted",
            lambda h: _pooled(h.count, h.wanted),
            "free",
            "pooled",
        ),
        open=("map", "mrr"),
    ),
    _dialect(
        "rectools",
        "RecTools 0.19: the ideal list is full of hits; MAP over all wanted.",
        _SIX,
        Formula("ndcg", "sum of h_j g(j) / sum of g(1..k)", _all_places),
        _MAP_ALL,
    ),
    _dialect(
        "rectools-achievable",
        "RecTools 0.19 with divide_by_achievable: NDCG as ours, MAP over all wanted.",
        _SIX,
        _MAP_ALL,
    ),
    _dialect(
        "rectools-map-k",
        "RecTools 0.19 with divide_by_achievable, and MAP over k.",
        _SIX,
        Formula(
            "map",
            "sum over hits of (hits in the top j) / j, divided by k",
            lambda h: over(average_precision(h), torch.full_like(h.wanted, h.k)),
        ),
    ),
    _dialect(
        "librecommender",
        "LibRecommender: ideal and MAP over the hits made.",
        "ndcg recall precision map",
        _NDCG_OVER_HITS,
        Formula(
            "map",
            "sum over hits of (hits in the top j) / j, divided by hits",
            lambda h: over(average_precision(h), h.count),
        ),
    ),
    _dialect(
        "comirec-master",
        "ComiRec's public code since December 2020: ideal over the hits made; repeats counted.",
        "ndcg recall hit_rate",
        _NDCG_OVER_HITS,
        _LISTED,
        truth="list",
    ),
    _dialect(
        "comirec-paper",
        "ComiRec's paper: the discount follows the truth list's order, not the model's.",
        "ndcg recall hit_rate",
        Formula("ndcg", "sum of h_j g(place in truth) / sum of g(1..hits)", _by_truth_place),
        _LISTED,
        truth="list",
    ),
    _dialect(
        "ndcg-all-wanted",
        "The ideal list holds every wanted item, beyond k too.",
        "ndcg",
        Formula(
            "ndcg", "sum of h_j g(j) / sum of g(1..n)", lambda h: _by(gain(h), ideal(h.wanted))
        ),
    ),
)
DIALECTS: dict[str, Dialect] = {one.name: one for one in _EVERY}
