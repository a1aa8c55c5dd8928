"""Whether vectors of nodes foretell links: some edges are kept away and asked for afterwards.

Letters: n nodes, D width, P pairs of a part, R requests (each pair from both its ends).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyrec.evaluate.labels import LabelSetting, judge_labels
from polyrec.evaluate.report import Value
from polyrec.graph import Relation
from polyrec.graph.change import edges_of, is_symmetric
from polyrec.graph.edges import from_sorted
from polyrec.metrics.intervals import interval
from polyrec.types import Scored

I64 = NDArray[np.int64]
NUMBERS = 2**23  # scores held at once while ranks are counted: 32 MB
NAMES = {"auc": "link_auc", "aupr": "link_ap"}


@dataclass(frozen=True)
class Links:
    """A graph without some of its edges; those edges, and as many pairs that are none."""

    relation: Relation  # all that may be learnt from
    whole: Relation  # for telling what is an edge, never for learning
    edges: Mapping[str, I64]  # "valid", "test" -> [P, 2], each edge once
    others: Mapping[str, I64]  # "valid", "test" -> [P, 2], linked nowhere in the whole graph
    share: float
    seed: int

    @property
    def split(self) -> str:
        """For passports."""
        return f"{self.share:.0%} of edges kept away by chance (seed {self.seed}), a third valid"


def hold_out(relation: Relation, share: float, seed: int = 0) -> Links:
    """Edges drawn by chance leave the graph in both directions: a third for valid, else test.

    A node may lose all its edges: keeping one of each would tell that the others' are missing.
    Non-edges are drawn evenly among pairs of nodes that have an edge in the whole graph, each once;
    so popular nodes are rarer in them than in edges, and a degree alone tells something.

    Raises:
        ValueError: an edge without its opposite, a share outside (0, .9], too few edges for both
            parts, or too few non-edges.
    """
    if not is_symmetric(relation):
        raise ValueError(
            f"relation {relation.key}: held edges leave in both directions, so each needs its "
            "opposite; take graph.symmetric()"
        )
    n, row = relation.sources, relation.row
    forth = row < relation.indices
    edges = np.stack([row[forth], relation.indices[forth].astype(np.int64)], 1)
    count = round(share * len(edges))
    if not 0 < share <= 0.9 or count < 2:
        raise ValueError(
            f"hold={share} of {len(edges):,} edges: above 0 and at most .9, and at least 2 edges"
        )
    draw = np.random.default_rng(seed)
    away = edges[draw.permutation(len(edges))[:count]]
    low, high = np.minimum(row, relation.indices), np.maximum(row, relation.indices)
    kept = ~np.isin(low * n + high, away[:, 0] * n + away[:, 1])
    left = from_sorted(relation.key, edges_of(relation).take(kept), (n, n))
    cut, none = max(count // 3, 1), _unlinked(relation, edges, count, draw)
    parts = {"valid": slice(None, cut), "test": slice(cut, None)}
    return Links(
        left, relation, {name: away[at] for name, at in parts.items()},
        {name: none[at] for name, at in parts.items()}, share, seed,
    )  # fmt: skip


def foretold(
    vectors: Tensor, links: Links, part: str, setting: LabelSetting = LabelSetting()
) -> dict[str, Value]:
    """How well the inner product of two vectors tells edges that were kept away; vectors [n, D].

    `link_auc`, `link_ap`: edges against as many non-edges. `link_mrr`, `link_hits@10`: the one end
    asks for the other among all nodes that are not its neighbours in the whole graph, a tie counts
    half; the mean of both directions. Intervals take pairs as independent, though they share nodes.

    Raises:
        ValueError: vectors of another number of nodes.
    """
    if len(vectors) != links.whole.sources:
        raise ValueError(f"{len(vectors):,} vectors, {links.whole.sources:,} nodes in the graph")
    setting = replace(setting, scale="logit", part=part, split=links.split)
    edges, others = (torch.from_numpy(of[part]) for of in (links.edges, links.others))
    pairs = torch.cat([edges, others])
    score = (vectors[pairs[:, 0]] * vectors[pairs[:, 1]]).sum(1)
    label = torch.cat([torch.ones(len(edges)), torch.zeros(len(others))])
    at = torch.arange(len(pairs))
    told = judge_labels(
        Scored(at, at, score, label, torch.ones(len(at)), at), "link", tuple(NAMES), setting
    )
    found = {
        name: _named(told.values[metric], name, "non-edges", links.seed)
        for metric, name in NAMES.items()
    }
    rank = _ranks(vectors, links.whole, edges)
    for name, each in (("link_mrr", 1 / rank), ("link_hits", (rank <= 10).double())):
        each = each.view(2, -1).mean(0)
        passport = replace(
            told.base, metric=name, k=10 if name == "link_hits" else None, formula=f"{name}/1",
            candidates="full", excluded="train+valid", averaging="pair", requests=len(edges),
            note="neighbours in the whole graph are no candidates; a tie counts half",
        )  # fmt: skip
        value = Value.of(float(each.mean()), len(each), interval(each, "auto", "unit"), passport)
        found[passport.name] = replace(value, unit="edges")
    return found


def _named(value: Value, name: str, candidates: str, seed: int) -> Value:
    passport = replace(
        value.passport, metric=name, candidates=candidates, candidate_seed=seed, averaging="pair"
    )
    return replace(value, passport=passport, unit="pairs")


def _unlinked(relation: Relation, edges: I64, count: int, draw: np.random.Generator) -> I64:
    """[count, 2]: pairs that are no edge, each once."""
    n, able = relation.sources, np.unique(edges)
    there = len(able) * (len(able) - 1) // 2 - len(edges)
    if there < 2 * count:
        raise ValueError(
            f"{there:,} pairs of nodes are no edge, {count:,} are needed, and drawing them wants "
            "twice as many: hold fewer edges"
        )
    linked, found = edges[:, 0] * n + edges[:, 1], np.empty(0, np.int64)
    while len(found) < count:
        pair = np.sort(able[draw.integers(0, len(able), (2 * count, 2))], 1)
        code = pair[:, 0] * n + pair[:, 1]
        code = np.concatenate([found, code[(pair[:, 0] < pair[:, 1]) & ~np.isin(code, linked)]])
        found = code[np.sort(np.unique(code, return_index=True)[1])]
    return np.stack([found[:count] // n, found[:count] % n], 1)


def _ranks(vectors: Tensor, whole: Relation, edges: Tensor) -> Tensor:
    """[2 P]: the place of each edge's other end, asked from the first ends, then the second."""
    ask, want = torch.cat([edges[:, 0], edges[:, 1]]), torch.cat([edges[:, 1], edges[:, 0]])
    start, other = torch.from_numpy(whole.indptr), torch.from_numpy(whole.indices).long()
    found = []
    size = max(NUMBERS // len(vectors), 1)
    for low in range(0, len(ask), size):
        asked, wanted = (x[low : low + size] for x in (ask, want))
        score, own = vectors[asked] @ vectors.T, torch.arange(len(asked))
        right = score[own, wanted][:, None].clone()
        many = start[asked + 1] - start[asked]
        first = (start[asked] - (many.cumsum(0) - many)).repeat_interleave(many)
        near = other[first + torch.arange(int(many.sum()))]
        score[own.repeat_interleave(many), near] = -torch.inf
        score[own, asked] = -torch.inf
        found.append(1 + (score > right).sum(1) + (score == right).sum(1).double() / 2)
    return torch.cat(found)
