"""A look inside a retriever: are its interests apart, its vectors spread, its answers its own?

256 fixed requests and 10,000 fixed item pairs, the same for every run on the same data, so that
probes can be compared. What the numbers mean is said where they are read: docs/trust.md.

Letters: R requests, K interests, D width, n items.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec import index
from polyrec.data import Questions
from polyrec.types import Retriever, derived_seed

REQUESTS = 256
PAIRS = 10_000
SPECTRUM_ROWS = 2_000
LIST = 50


def fixed_requests(questions: Questions) -> Questions:
    """The 256 requests that every probe of this part asks (all, where there are fewer)."""
    draw = torch.Generator().manual_seed(derived_seed("probe", questions.hash))
    rows = torch.randperm(len(questions), generator=draw)[:REQUESTS]
    return questions.select(rows.sort().values)


def probe(model: Retriever, questions: Questions, counts: Tensor) -> dict[str, Any]:
    """What `probe.json` holds of one checkpoint.

    Args:
        model: in eval mode, prepared.
        questions: the part to draw the fixed requests from.
        counts: [n + 1], train events of each item.
    """
    asked = fixed_requests(questions)
    with torch.no_grad():
        ask = _asking(model, asked)
        queries = ask()
        ids = torch.arange(counts.numel())
        items = model.items(ids)
        first = asked.truth.values[asked.truth.start[:-1].clamp(max=asked.truth.values.numel() - 1)]
        return {
            "requests": len(asked),
            "interests": queries.shape[1],
            "cosine": _cosines(queries),
            **_picks(model, queries, items, first),
            **_recalls(model, queries, items, asked),
            **_items(items, questions.hash),
            "member_width": getattr(model, "member_width", None),  # where a committee answers
            **_lists(model, queries, items, counts),
            "two_evaluations": float((ask() - queries).abs().max()),
        }


def _asking(model: Retriever, asked: Questions) -> Callable[[], Tensor]:
    rows = torch.arange(len(asked))
    return lambda: model.queries(asked.requests(rows))


def _cosines(queries: Tensor) -> list[list[float]]:
    """[K, K]: mean over requests of the cosine between two interests."""
    unit = F.normalize(queries, dim=-1)
    return [[round(value, 6) for value in row] for row in (unit @ unit.mT).mean(0).tolist()]


def _picks(model: Retriever, queries: Tensor, items: Tensor, first: Tensor) -> dict[str, Any]:
    """Which interest is nearest to the first wanted item; how often another target changes it."""
    own = model.similarity(queries, items[first][:, None, :]).squeeze(-1).argmax(-1)
    other = first.roll(1)
    foreign = model.similarity(queries, items[other][:, None, :]).squeeze(-1).argmax(-1)
    differ = first != other
    shares = torch.bincount(own, minlength=queries.shape[1]) / max(len(own), 1)
    unchanged = (own == foreign)[differ].double().mean() if bool(differ.any()) else None
    return {
        "answer_shares": [round(share, 6) for share in shares.tolist()],
        "picks_unchanged_under_permuted_targets": None if unchanged is None else float(unchanged),
    }


def _recalls(model: Retriever, queries: Tensor, items: Tensor, asked: Questions) -> dict[str, Any]:
    """Recall@50 of all interests together, and of the best one alone."""
    vectors = model.similarity.as_vectors(query=queries)
    table = model.similarity.as_vectors(item=items)
    if vectors is None or table is None:
        return {"recall_all": None, "recall_best_single": None}
    k = min(LIST, items.shape[0] - 1)

    def recall(of: Tensor) -> float:
        ids, _ = index.top(of.contiguous(), table, k)
        wanted = asked.truth
        found = (ids[wanted.row] == wanted.values[:, None]).any(-1).double()
        per = torch.zeros(len(asked), dtype=torch.float64).index_add_(0, wanted.row, found)
        return float((per / wanted.lengths.clamp(min=1)).mean())

    single = [recall(vectors[:, one : one + 1]) for one in range(vectors.shape[1])]
    return {"recall_all": recall(vectors), "recall_best_single": max(single)}


def _items(items: Tensor, name: str) -> dict[str, Any]:
    """Spread of the item vectors: cosine of random pairs, singular values, row 0."""
    draw = torch.Generator().manual_seed(derived_seed("pairs", name))
    pairs = torch.randint(1, items.shape[0], (2, PAIRS), generator=draw)
    cosine = F.cosine_similarity(items[pairs[0]], items[pairs[1]], dim=-1)
    rows = torch.randperm(items.shape[0] - 1, generator=draw)[:SPECTRUM_ROWS] + 1
    spectrum = torch.linalg.svdvals(items[rows].double())
    energy = spectrum**2 / (spectrum**2).sum().clamp(min=1e-30)
    rank = torch.exp(-(energy * energy.clamp(min=1e-30).log()).sum())
    return {
        "item_pair_cosine": float(cosine.mean()),
        "singular_values": [round(value, 6) for value in spectrum.tolist()],
        "effective_rank": float(rank),
        "norm_of_nothing": float(items[0].norm()),
    }


def _lists(model: Retriever, queries: Tensor, items: Tensor, counts: Tensor) -> dict[str, Any]:
    """How the lists of the fixed requests look: coverage, popularity, the widest gap."""
    vectors = model.similarity.as_vectors(query=queries)
    table = model.similarity.as_vectors(item=items)
    if vectors is None or table is None:
        return {"coverage": None, "overlap_with_popularity": None, "largest_gap": None}
    k = min(LIST, items.shape[0] - 1)
    ids, scores = index.top(vectors, table, k)
    popular = torch.zeros_like(counts, dtype=torch.bool)
    popular[counts[1:].argsort(descending=True, stable=True)[:k] + 1] = True
    return {
        "nothing_recommended": int((ids == 0).sum()),
        "coverage": len(torch.unique(ids)) / (items.shape[0] - 1),
        "overlap_with_popularity": float(popular[ids].double().mean()),
        "largest_gap": float((scores[:, 0] - scores[:, -1]).max()),
    }
