"""What became of the edges when a graph was built: kept, merged, dropped and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from polyrec.graph.csr import Relation

FEW = 5  # neighbours that a published query ranker samples of each node
QUANTILES = {"min": 0.0, "median": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
Spread = Mapping[str, float]  # a name of QUANTILES, or "mean" -> value


@dataclass(frozen=True)
class BuildReport:
    """The account of one relation; a graph of several has one for each.

    `dropped` counts by rule, in the unit the rule speaks of (edges, events, sets or users).
    """

    edges: int
    merged: int = 0  # edges that fell together with an equal one
    dropped: Mapping[str, int] = field(default_factory=dict)  # rule -> how many
    isolated: Mapping[str, int] = field(default_factory=dict)  # node type -> nodes without edges
    out_degree: Spread = field(default_factory=dict)
    in_degree: Spread = field(default_factory=dict)
    few: float = 0.0  # share of the source nodes with fewer than 5 edges
    time: tuple[int, int] | None = None  # first and last, milliseconds

    def with_dropped(self, rules: Mapping[str, int]) -> BuildReport:
        """The same account with more rules; those that dropped nothing are left out."""
        more = {rule: count for rule, count in rules.items() if count}
        return replace(self, dropped={**self.dropped, **more})

    def lines(self) -> Iterator[str]:
        """The account for people, a line a fact."""
        merged = f", {self.merged:,} equal ones merged into them" if self.merged else ""
        yield f"{self.edges:,} edges{merged}"
        for rule, count in self.dropped.items():
            yield f"dropped: {count:,} {rule}"
        for kind, count in ((k, n) for k, n in self.isolated.items() if n):
            yield f"{count:,} nodes of type {kind} have no edge"
        if self.few:
            yield f"{self.few:.1%} of the source nodes have fewer than {FEW} outgoing edges"
        if self.time is not None:
            first, last = (datetime.fromtimestamp(t / 1000, UTC).date() for t in self.time)
            yield f"edges from {first} to {last}"


def account(
    relation: Relation, merged: int = 0, dropped: Mapping[str, int] | None = None
) -> BuildReport:
    """The report of a finished relation."""
    arriving = np.bincount(relation.indices, minlength=relation.targets)
    source, _, target = relation.key
    if source == target:
        isolated = {source: int(((relation.degree == 0) & (arriving == 0)).sum())}
    else:
        isolated = {source: int((relation.degree == 0).sum()), target: int((arriving == 0).sum())}
    time = relation.time
    report = BuildReport(
        edges=relation.edges,
        merged=merged,
        isolated=isolated,
        out_degree=spread(relation.degree),
        in_degree=spread(arriving),
        few=float((relation.degree < FEW).mean()) if relation.sources else 0.0,
        time=None if time is None or not len(time) else (int(time.min()), int(time.max())),
    )
    return report.with_dropped(dropped or {})


def spread(values: NDArray[np.integer] | NDArray[np.floating]) -> dict[str, float]:
    """Quantiles and mean of a column; empty for an empty one.

    >>> spread(np.array([1, 2, 6]))["median"]
    2.0
    """
    if not len(values):
        return {}
    found = np.quantile(values, [*QUANTILES.values()])
    return dict(zip(QUANTILES, found.tolist(), strict=True)) | {"mean": float(values.mean())}
