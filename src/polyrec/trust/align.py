"""Lays reports side by side: the same requests in the same order, one row a seed.

Letters: S seeds, R requests, U independent units (people, or requests where each is its own).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from polyrec.evaluate.report import Value
from polyrec.metrics.passport import comparable


class Judged(Protocol):
    """What a comparison reads of a report."""

    @property
    def values(self) -> Mapping[str, Value]: ...
    @property
    def per_request(self) -> Mapping[str, Tensor]: ...
    @property
    def key(self) -> Tensor: ...
    @property
    def cluster(self) -> Tensor: ...


@dataclass(frozen=True)
class Table:
    """Both sides over the same units; the mean of a row is that seed's value."""

    a: Tensor  # [S_a, U], float64
    b: Tensor  # [S_b, U]
    requests: int
    clustered: bool
    binary: bool  # all values 0 or 1, each request its own unit


def check(a: Sequence[Judged], b: Sequence[Judged], metric: str) -> None:
    """Both sides have the metric and mean the same by it.

    Raises:
        ValueError: a side is empty, or passports differ (names the field).
        KeyError: a report lacks the metric.
    """
    if not a or not b:
        raise ValueError("compare: each side needs at least one report")
    for report in (*a, *b):
        if metric not in report.values:
            raise KeyError(f"compare: no {metric!r} in a report; it has {', '.join(report.values)}")
        comparable(a[0].values[metric].passport, report.values[metric].passport)


def align(
    a: Sequence[Judged],
    b: Sequence[Judged],
    metric: str,
    requests: Literal["same", "intersect"] = "same",
    among: Tensor | None = None,
) -> Table:
    """Per-request values of both sides, summed within people where one asks twice.

    Args:
        among: keys of the only requests that count: a slice. None = all.

    Raises:
        ValueError: the reports hold different requests and `requests` is "same".
    """
    every = [*a, *b]
    keys = [report.key for report in every]
    if requests == "same":
        _same(keys)
    common = torch.unique(keys[0])
    for key in keys[1:]:
        common = common[torch.isin(common, key)]
    if among is not None:
        common = common[torch.isin(common, among)]
    if not len(common):
        raise ValueError("compare: the reports share no request; judge both on one part")
    rows = [_places(key, common) for key in keys]
    x = torch.stack([r.per_request[metric][at] for r, at in zip(every, rows, strict=True)]).double()
    defined = ~x.isnan().any(0)
    x, cluster = x[:, defined], every[0].cluster[rows[0]][defined]
    if x.shape[1] < 2:
        raise ValueError(f"compare: {x.shape[1]} requests have {metric} on both sides; need 2")
    people = torch.unique(cluster, return_inverse=True)[1]
    clustered = int(people.max()) + 1 < x.shape[1]
    binary = not clustered and bool(((x == 0) | (x == 1)).all())
    count = x.shape[1]
    if clustered:
        units = int(people.max()) + 1
        x = x.new_zeros(len(x), units).index_add_(1, people, x) * units / count
    return Table(x[: len(a)], x[len(a) :], count, clustered, binary)


def _same(keys: Sequence[Tensor]) -> None:
    first = keys[0].sort().values
    for key in keys[1:]:
        if torch.equal(first, key.sort().values):
            continue
        both = int(torch.isin(first, key).sum())
        missing = [*first[~torch.isin(first, key)].tolist(), *key[~torch.isin(key, first)].tolist()]
        raise ValueError(
            f"compare: the reports hold different requests: {len(first)} and {len(key)},"
            f" {both} in both; missing on one side: {', '.join(map(str, missing[:3]))}, ...;"
            " compare the common ones with --intersect"
        )


def _places(key: Tensor, common: Tensor) -> Tensor:
    """Where each common key stands."""
    ordered, order = key.sort(stable=True)
    return order[torch.searchsorted(ordered, common)]
