"""Whether vectors of nodes foretell links: some edges are kept away and asked for afterwards.

Letters: n nodes, D width, P pairs of a part, R requests (each pair from both its ends).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyrec.evaluate.labels import LabelSetting, judge_labels
from polyrec.evaluate.logistic import one_vs_rest
from polyrec.evaluate.report import Value
from polyrec.graph import Relation
from polyrec.graph.change import edges_of, is_symmetric
from polyrec.graph.edges import from_sorted
from polyrec.metrics.intervals import interval
from polyrec.types import Scored, derived_seed

I64 = NDArray[np.int64]
NUMBERS = 2**23  # scores held at once while ranks are counted: 32 MB
NAMES = {"auc": "link_auc", "aupr": "link_ap"}
MOST_PAIRS = 2**15  # edges that lines are fitted on, and as many pairs that are none
ROWS = 2**16  # pairs whose numbers are held at once while they are scored
Operator = Literal["average", "hadamard", "l1", "l2"]
OPERATORS: Mapping[Operator, Callable[[Tensor, Tensor], Tensor]] = {  # [P, D] twice -> [P, D]
    "average": lambda u, v: (u + v) / 2,
    "hadamard": lambda u, v: u * v,
    "l1": lambda u, v: (u - v).abs(),
    "l2": lambda u, v: (u - v).square(),
}


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
    edges = _once(relation)
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
    _as_many(vectors, links)
    pairs, edges = _asked(links, part), torch.from_numpy(links.edges[part])
    score = (vectors[pairs[:, 0]] * vectors[pairs[:, 1]]).sum(1)
    found = _judged(score, links, part, setting)
    rank = _ranks(vectors, links.whole, edges)
    for name, each in (("link_mrr", 1 / rank), ("link_hits", (rank <= 10).double())):
        each = each.view(2, -1).mean(0)
        passport = replace(
            found["link_auc"].passport, metric=name, k=10 if name == "link_hits" else None,
            formula=f"{name}/1", candidates="full", candidate_seed=None, excluded="train+valid",
            requests=len(edges),
            note="neighbours in the whole graph are no candidates; a tie counts half",
        )  # fmt: skip
        value = Value.of(float(each.mean()), len(each), interval(each, "auto", "unit"), passport)
        found[passport.name] = replace(value, unit="edges")
    return found


def foretold_by(
    operators: Sequence[Operator],
    vectors: Tensor,
    links: Links,
    part: str,
    setting: LabelSetting = LabelSetting(),
) -> dict[str, Value]:
    """How well a learnt line over two vectors tells edges that were kept away; vectors [n, D].

    An operator makes of two vectors one, number by number: their `average`, their product
    (`hadamard`), their distance (`l1`) or its square (`l2`). A logistic regression reads it (L2,
    C = 1, each number brought to mean 0 and spread 1), fitted on `training_pairs` alone. Values are
    `link_auc_OPERATOR` and `link_ap_OPERATOR`, on the pairs that `foretold` judges. An average
    knows how linked its ends are, not whether to each other. Source: Grover and Leskovec 2016,
    table 1; they name neither scaling nor C.

    Raises:
        KeyError: an unknown operator.
        ValueError: vectors of another number of nodes, or no pair to learn from.
    """
    _as_many(vectors, links)
    wrong = [name for name in operators if name not in OPERATORS]
    if wrong:
        raise KeyError(f"no operator {wrong[0]!r}; there are: {', '.join(OPERATORS)}")
    edges, others = (torch.from_numpy(pairs) for pairs in training_pairs(links))
    truth = np.arange(2 * len(edges))[:, None] < len(edges)
    learnt, asked = torch.cat([edges, others]), _asked(links, part)
    found = {}
    for name in operators:
        score = _read(_made(name, vectors, learnt), truth, name, vectors, asked)
        for told, value in _judged(score, links, part, setting).items():
            note = f"logistic regression on {len(truth):,} training pairs; {value.passport.note}"
            passport = replace(value.passport, metric=f"{told}_{name}", note=note)
            found[passport.metric] = replace(value, passport=passport)
    return found


def training_pairs(links: Links, most: int = MOST_PAIRS) -> tuple[I64, I64]:
    """[P, 2] twice: edges that may be learnt from, and as many pairs that are none of them.

    None of them is judged, in any part: drawn pairs pass over judged edges and judged non-edges
    alike, so that which is which stays untold. At most `most` edges, by chance.

    Raises:
        ValueError: no edge is left, or every other pair is judged.
    """
    relation, n = links.relation, links.whole.sources
    edges = _once(relation)
    able = np.unique(edges)
    judged = np.concatenate([*links.edges.values(), *links.others.values()])
    judged = judged[np.isin(judged, able).all(1)]
    spare = len(able) * (len(able) - 1) // 2 - len(edges) - len(judged)
    count = min(len(edges), most, spare // 2)
    if count < 1:
        raise ValueError(
            f"{len(edges):,} edges and {max(spare, 0):,} other pairs are left to learn a line "
            "from, at least 1 and 2 are needed: hold fewer edges, or take the inner product alone"
        )
    draw = np.random.default_rng(derived_seed(links.seed, "training pairs"))
    kept = edges[np.sort(draw.permutation(len(edges))[:count])]
    taken = np.concatenate([edges, judged])
    return kept, _apart(able, taken[:, 0] * n + taken[:, 1], n, count, draw)


def _as_many(vectors: Tensor, links: Links) -> None:
    if len(vectors) != links.whole.sources:
        raise ValueError(f"{len(vectors):,} vectors, {links.whole.sources:,} nodes in the graph")


def _asked(links: Links, part: str) -> Tensor:
    """[2 P, 2]: the edges of a part, then as many pairs that are none."""
    return torch.from_numpy(np.concatenate([links.edges[part], links.others[part]]))


def _made(name: Operator, vectors: Tensor, pairs: Tensor) -> Tensor:
    """[P, D], float64."""
    u, v = vectors[pairs[:, 0]].double(), vectors[pairs[:, 1]].double()
    return OPERATORS[name](u, v)


def _read(
    learnt: Tensor, truth: NDArray[np.bool_], name: Operator, vectors: Tensor, asked: Tensor
) -> Tensor:
    """[P]: log odds that pairs are edges, by a line fitted on what was `learnt` [L, D]."""
    mean, spread = learnt.mean(0), learnt.std(0, correction=0)
    spread = torch.where(spread > 0, spread, 1.0)
    lines = one_vs_rest(((learnt - mean) / spread).numpy(), truth)
    told = [
        lines.scores(((_made(name, vectors, pairs) - mean) / spread).numpy())[:, 0]
        for pairs in torch.split(asked, ROWS)
    ]
    return torch.from_numpy(np.concatenate(told)).float()


def _judged(score: Tensor, links: Links, part: str, setting: LabelSetting) -> dict[str, Value]:
    """AUC and average precision of scores of the pairs that `_asked` names."""
    setting = replace(setting, scale="logit", part=part, split=links.split)
    at = torch.arange(len(score))
    label = (at < len(links.edges[part])).float()
    scored = Scored(at, at, score, label, torch.ones(len(at)), at)
    told = judge_labels(scored, "link", tuple(NAMES), setting)
    found = {}
    for metric, name in NAMES.items():
        value = told.values[metric]
        passport = replace(
            value.passport, metric=name, candidates="non-edges", candidate_seed=links.seed,
            averaging="pair",
        )  # fmt: skip
        found[name] = replace(value, passport=passport, unit="pairs")
    return found


def _once(relation: Relation) -> I64:
    """[E / 2, 2]: each edge of a symmetric relation once, the lower end first."""
    forth = relation.row < relation.indices
    return np.stack([relation.row[forth], relation.indices[forth].astype(np.int64)], 1)


def _unlinked(relation: Relation, edges: I64, count: int, draw: np.random.Generator) -> I64:
    """[count, 2]: pairs that are no edge, each once."""
    n, able = relation.sources, np.unique(edges)
    there = len(able) * (len(able) - 1) // 2 - len(edges)
    if there < 2 * count:
        raise ValueError(
            f"{there:,} pairs of nodes are no edge, {count:,} are needed, and drawing them wants "
            "twice as many: hold fewer edges"
        )
    return _apart(able, edges[:, 0] * n + edges[:, 1], n, count, draw)


def _apart(able: I64, taken: I64, n: int, count: int, draw: np.random.Generator) -> I64:
    """[count, 2]: pairs of `able` nodes, each once, whose codes (lower x n + higher) are free.

    At least twice as many must be free; the fewer are, the more are drawn at a time.
    """
    every, found = len(able) * (len(able) - 1) // 2, np.empty(0, np.int64)
    tries = 2 * count * (every // (every - len(taken)))
    while len(found) < count:
        pair = np.sort(able[draw.integers(0, len(able), (tries, 2))], 1)
        code = pair[:, 0] * n + pair[:, 1]
        code = np.concatenate([found, code[(pair[:, 0] < pair[:, 1]) & ~np.isin(code, taken)]])
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
