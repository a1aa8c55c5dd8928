"""What a set of lists does as a whole: how much of the catalogue it shows, how evenly, how varied.

These need no wanted items. Counts come from train only. Letters: R requests, k places, n items.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from polyrec.metrics.ranking import Parts

_ROWS = 1024  # requests whose pairs of places are held at once


@dataclass(frozen=True)
class Catalogue:
    """What system metrics must know of the items. None = the metrics that need it refuse."""

    items: int  # n
    counts: Tensor | None = None  # [n + 1], train events of each item
    categories: Tensor | None = None  # [n + 1], 0 = no category
    vectors: Tensor | None = None  # [n + 1, D]
    vectors_from: str = ""  # where the vectors come from; the passport says it


@dataclass(frozen=True)
class System:
    """A metric of lists. `requests`: one value a request; `whole`: one value of all lists."""

    name: str
    text: str
    of: Literal["requests", "whole"]
    value: Callable[[Tensor, Catalogue, Tensor], Parts | Tensor]  # ids [R, k], catalogue, weight
    needs: Literal["", "counts", "categories", "vectors"] = ""
    unit_range: bool = True
    version: int = 1

    @property
    def id(self) -> str:
        """Name and version, as a passport carries it."""
        return f"{self.name}/{self.version}"

    def parts(self, ids: Tensor, catalogue: Catalogue) -> Parts:
        """Each request's share, of a metric `of` requests."""
        got = self.value(ids, self._checked(catalogue), torch.ones(len(ids)))
        assert isinstance(got, Parts), f"{self.name} has no value a request"
        return got

    def of_all(self, ids: Tensor, catalogue: Catalogue, weight: Tensor | None = None) -> Tensor:
        """[B]: the value of all lists, each request counted weight [R, B] times; default once."""
        weight = torch.ones(len(ids), 1) if weight is None else weight
        got = self.value(ids, self._checked(catalogue), weight)
        assert isinstance(got, Tensor), f"{self.name} is a value a request"
        return got

    def _checked(self, catalogue: Catalogue) -> Catalogue:
        if self.needs and getattr(catalogue, self.needs) is None:
            raise ValueError(
                f"{self.name} needs the items' {self.needs}, got none; pass"
                f" Catalogue({self.needs}=...) or leave {self.name} out"
            )
        return catalogue


def shown(ids: Tensor, items: int, weight: Tensor) -> Tensor:
    """[n, B]: how often each item is listed, requests counted weight [R, B] times."""
    row, column = (x.numpy() for x in (ids > 0).nonzero(as_tuple=True))
    ones = np.ones(len(row), np.float32)
    listed = csr_matrix((ones, (ids.numpy()[row, column], row)), shape=(items + 1, len(ids)))
    return torch.from_numpy(np.asarray(listed @ weight.float().numpy()))[1:]


def _coverage(ids: Tensor, catalogue: Catalogue, weight: Tensor) -> Tensor:
    return (shown(ids, catalogue.items, weight) > 0).double().mean(0)


def _coverage_seen(ids: Tensor, catalogue: Catalogue, weight: Tensor) -> Tensor:
    assert catalogue.counts is not None
    seen = catalogue.counts[1:] > 0
    return (shown(ids, catalogue.items, weight)[seen] > 0).double().mean(0)


def _gini(ids: Tensor, catalogue: Catalogue, weight: Tensor) -> Tensor:
    counts = shown(ids, catalogue.items, weight).round().long()
    return torch.stack([_unevenness(column) for column in counts.T])


def _unevenness(counts: Tensor) -> Tensor:
    """Gini coefficient of whole numbers [n], from how many items have each count."""
    many = torch.bincount(counts).double()
    size, n = torch.arange(len(many)).double(), len(counts)
    last = many.cumsum(0)
    places = many * (2 * last - many + 1) / 2  # sum of the sorted places that share a count
    total = (size * many).sum().clamp(min=1)
    return (2 * (size * places).sum() / total - (n + 1)) / n


def _novelty(ids: Tensor, catalogue: Catalogue, weight: Tensor) -> Parts:
    assert catalogue.counts is not None
    counts = catalogue.counts.double()
    chance = (counts + 1) / (counts[1:].sum() + catalogue.items)
    surprise = torch.where(ids > 0, -chance.log2()[ids], 0.0)
    return Parts(surprise.sum(1), (ids > 0).sum(1).double())


def _diversity(ids: Tensor, catalogue: Catalogue, weight: Tensor) -> Parts:
    assert catalogue.categories is not None
    category = torch.where(ids > 0, catalogue.categories[ids], 0)
    ordered = category.sort(dim=1).values
    size = (category > 0).sum(1).double()
    # pairs of one category: each place meets the earlier places of its run
    place = torch.arange(ordered.shape[1]).expand_as(ordered)
    starts = torch.ones_like(ordered, dtype=torch.bool)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = torch.where(starts, place, 0).cummax(1).values
    same = torch.where(ordered > 0, place - first, 0).sum(1).double()
    return _over_pairs(size * (size - 1) / 2 - same, size)


def _ild(ids: Tensor, catalogue: Catalogue, weight: Tensor) -> Parts:
    assert catalogue.vectors is not None
    unit = torch.nn.functional.normalize(catalogue.vectors.float(), dim=-1)
    real = (ids > 0).float()
    # sum over pairs of cos = (|sum of unit vectors|^2 - sum of |unit|^2) / 2
    parts = [slice(first, first + _ROWS) for first in range(0, max(len(ids), 1), _ROWS)]
    sums = torch.cat([_pair_cosines(unit[ids[part]], real[part]) for part in parts])
    size = real.sum(1).double()
    return _over_pairs(size * (size - 1) / 2 - sums, size)


def _pair_cosines(unit: Tensor, mask: Tensor) -> Tensor:
    kept = (unit * mask[:, :, None]).double()
    return (kept.sum(1).square().sum(1) - kept.square().sum((1, 2))) / 2


def _over_pairs(top: Tensor, size: Tensor) -> Parts:
    """Mean over unordered pairs; a list with fewer than two items has no value."""
    defined = size >= 2
    pairs = torch.where(defined, size * (size - 1) / 2, 1.0)
    return Parts(torch.where(defined, top / pairs, 0.0), defined.double())


_ALL = (
    System(
        "coverage", "distinct items in all lists / n items of the catalogue", "whole", _coverage
    ),
    System(
        "coverage_seen",
        "distinct train items in all lists / items with a train event",
        "whole",
        _coverage_seen,
        "counts",
    ),
    System(
        "gini",
        "Gini coefficient of how often each item 1..n is listed: 0 = evenly, 1 = one item only",
        "whole",
        _gini,
    ),
    System(
        "novelty",
        "mean over list places of -log2 p, p = (train events of the item + 1) / (all + n)",
        "requests",
        _novelty,
        "counts",
        unit_range=False,
    ),
    System(
        "diversity",
        "share of unordered pairs of a list with different categories; items without a category"
        " leave the list, lists under 2 items are dropped",
        "requests",
        _diversity,
        "categories",
    ),
    System(
        "ild",
        "mean over unordered pairs of a list of 1 - cosine of item vectors",
        "requests",
        _ild,
        "vectors",
        unit_range=False,
    ),
)
SYSTEM: dict[str, System] = {metric.name: metric for metric in _ALL}
