"""What an evaluation leaves behind: values that can be believed, and the lists they came from.

Letters: R requests, k list places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Protocol

from torch import Tensor

from polyrec.metrics.intervals import Interval
from polyrec.metrics.passport import Passport
from polyrec.metrics.ranked import match
from polyrec.metrics.slices import Slicing
from polyrec.metrics.system import Catalogue
from polyrec.types import Ragged, Ranked


@dataclass(frozen=True)
class Value:
    """One number with its interval and its birth certificate. NaN = not defined."""

    value: float
    low: float
    high: float
    n: int  # requests that have the metric
    passport: Passport
    method: str = ""
    units: int = 0  # independent units behind the interval
    unit: str = "requests"
    warning: str = ""

    @classmethod
    def of(cls, value: float, n: int, interval: Interval, passport: Passport) -> Value:
        """A value and its interval."""
        return cls(
            value,
            interval.low,
            interval.high,
            n,
            passport,
            interval.method,
            interval.units,
            interval.unit,
            interval.warning,
        )

    def to_json(self) -> dict[str, Any]:
        """JSON values; NaN becomes null."""
        out = {**asdict(self), "passport": self.passport.to_json()}
        return {name: None if x != x else x for name, x in out.items()}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Value:
        """The inverse of `to_json`."""
        given: dict[str, Any] = {n: float("nan") if x is None else x for n, x in state.items()}
        return cls(**{**given, "passport": Passport.from_json(state["passport"])})


class Valued(Protocol):
    """What training chooses by: values with their names."""

    @property
    def values(self) -> Mapping[str, Value]: ...


@dataclass(frozen=True)
class Values:
    """Values alone, where nothing else is kept."""

    values: Mapping[str, Value]


@dataclass(frozen=True)
class SliceValue:
    """A metric within a slice; `small` = shown in grey, in no test."""

    value: float
    low: float
    high: float
    n: int
    positives: int
    small: bool


@dataclass(frozen=True)
class Lists:
    """What was recommended and what was wanted, request by request."""

    key: Tensor  # [R]
    cluster: Tensor  # [R], the person
    ids: Tensor  # [R, k]
    scores: Tensor  # [R, k]
    border: Tensor  # [R], score of place k + 1; NaN = not asked
    why: Tensor  # [R], 0 = the model answered
    truth: Ragged  # [R]
    ranks: Tensor | None = None  # [sum] beside truth.values: full rank, 0 = never listed


@dataclass(frozen=True)
class Evidence:
    """All that judging needs: the same evidence always gives the same numbers."""

    lists: Lists
    base: Passport  # what holds for every value of the run
    catalogue: Catalogue
    slicings: tuple[Slicing, ...] = ()

    @cached_property
    def ranked(self) -> Ranked:
        """The lists held against what was wanted."""
        return match(self.lists.key, self.lists.cluster, self.lists.ids, self.lists.truth)


@dataclass(frozen=True)
class Report:
    """An evaluation: values, values per request, slices, and the evidence to judge again."""

    values: Mapping[str, Value]  # "recall@50"
    per_request: Mapping[str, Tensor]  # "recall@50" -> [R]; the mean is the value
    slices: Mapping[str, Mapping[str, Mapping[str, SliceValue]]]  # slicing -> slice -> metric
    evidence: Evidence

    @property
    def ranked(self) -> Ranked:
        """Lists held against what was wanted."""
        return self.evidence.ranked

    @property
    def key(self) -> Tensor:
        """[R]: the requests."""
        return self.evidence.lists.key

    @property
    def cluster(self) -> Tensor:
        """[R]: the unit of independence."""
        return self.evidence.lists.cluster

    def value(self, name: str) -> float:
        """The bare number, for selection and gates.

        Raises:
            KeyError: the report has no such value; names those it has.
        """
        if name not in self.values:
            raise KeyError(f"no value {name!r} in this report; it has {', '.join(self.values)}")
        return self.values[name].value

    def to_json(self) -> dict[str, Any]:
        """Values with intervals and passports, and slices, as JSON values."""
        slices = {
            slicing: {
                name: {metric: asdict(v) for metric, v in metrics.items()}
                for name, metrics in parts.items()
            }
            for slicing, parts in self.slices.items()
        }
        values = {name: value.to_json() for name, value in self.values.items()}
        return {"metrics": values, "slices": slices}


def table(report: Report, title: str = "") -> str:
    """The values as plain lines: metric, value, interval, n; under it what they mean.

    Values that share everything but the metric are explained by one line; the line without names
    holds for all that no other line names.
    """
    width = max((len(name) for name in report.values), default=6)
    lines = [title] if title else []
    lines.append(f"{'metric':<{width}}  {'value':>8}  {'95% interval':<18}  {'n':>9}  over")
    meanings: dict[str, list[str]] = {}
    for name, v in report.values.items():
        warning = f"  ({v.warning})" if v.warning else ""
        lines.append(
            f"{name:<{width}}  {_number(v.value):>8}  {_span(v.low, v.high):<18}  {v.n:>9,}"
            f"  {v.units:,} {v.unit}, {v.method}{warning}"
        )
        meanings.setdefault(v.passport.short(), []).append(name)
    common = max(meanings, key=lambda meaning: len(meanings[meaning]), default="")
    for meaning, names in meanings.items():
        whose = "" if meaning == common else f"{', '.join(names)}: "
        lines.append(f"  {whose}{meaning}")
    return "\n".join(lines)


def slice_table(report: Report, metric: str) -> str:
    """One metric in every slice; "small" marks slices that prove nothing."""
    lines = [f"{metric} by slice"]
    for slicing, parts in report.slices.items():
        for name, metrics in parts.items():
            if metric in metrics:
                v = metrics[metric]
                small = "  small" if v.small else ""
                lines.append(
                    f"  {slicing:<12} {name:<10} {_number(v.value):>8}"
                    f"  {_span(v.low, v.high):<18}  {v.n:>8,}{small}"
                )
    return "\n".join(lines)


def _number(x: float) -> str:
    return "—" if x != x else f"{x:.4f}"


def _span(low: float, high: float) -> str:
    return "no interval" if low != low or high != high else f"[{low:.4f}, {high:.4f}]"
