"""Asks a predictor about rows with labels and judges its probabilities, task by task.

Letters: R rows of a task's own space (weight above 0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from polyrec.evaluate.report import Value
from polyrec.metrics.curve import auc_each, best_threshold
from polyrec.metrics.intervals import Interval, interval, percentiles, resampled_whole
from polyrec.metrics.intervals.auc import auc_interval
from polyrec.metrics.label import LABEL, LabelMetric, as_logits, check, decided
from polyrec.metrics.passport import Passport
from polyrec.types import Predictor, Scored

_WORK = 200_000_000  # rows times resamples of a bootstrap; beyond it 200 resamples must do


class LabelRows(Protocol):
    """Rows with labels, and who they belong to."""

    @property
    def key(self) -> Tensor: ...  # [R]
    @property
    def cluster(self) -> Tensor: ...  # [R], the person
    @property
    def labels(self) -> Mapping[str, Tensor]: ...  # task -> [R]
    @property
    def weight(self) -> Mapping[str, Tensor]: ...  # task -> [R], 0 = outside its space


@dataclass(frozen=True)
class Threshold:
    """Where a probability becomes a yes, and where that number comes from."""

    value: float
    source: str  # "valid", or "given" for a number typed in


@dataclass(frozen=True)
class LabelSetting:
    """What an evaluation of labels depends on, or says in its passports."""

    scale: Literal["probability", "logit"] = "probability"  # what the predictor returns
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)  # task -> threshold
    part: str = ""
    data: str = ""
    split: str = ""
    selected_on: str = ""
    checkpoint: str = ""
    seeds: tuple[int, ...] = ()
    recalibrated: str = "no"  # no | platt on valid | isotonic on valid


@dataclass(frozen=True)
class LabelReport:
    """One task's values, what each row adds to them, and the rows."""

    values: Mapping[str, Value]
    per_request: Mapping[str, Tensor]  # "auc" -> [R]; the mean is the value
    scored: Scored
    base: Passport

    @property
    def key(self) -> Tensor:
        """[R]"""
        return self.scored.key

    @property
    def cluster(self) -> Tensor:
        """[R]: the person."""
        return self.scored.cluster


def labels(
    pred: Predictor, rows: LabelRows, metrics: Sequence[str], setting: LabelSetting
) -> dict[str, LabelReport]:
    """A report for each task that the predictor and the rows share, each on its own space.

    Raises:
        KeyError: an unknown metric.
        ValueError: a broken score, no row in a task's space, or a decision metric without a
            threshold frozen on validation.
    """
    for name in metrics:
        if name not in LABEL:
            near = get_close_matches(name, LABEL, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise KeyError(f"no label metric {name!r}: allowed are {', '.join(LABEL)}{hint}")
    with torch.no_grad():
        told = pred.predict(rows)
    out = {}
    for task, label in rows.labels.items():
        scored = _scored(task, told[task], rows, label)
        out[task] = judge_labels(scored, task, metrics, setting)
    return out


def threshold_from(report: LabelReport) -> Threshold:
    """The threshold of largest F1, chosen on validation.

    Raises:
        ValueError: the report is not of the validation part.
    """
    if report.base.part != "valid":
        raise ValueError(
            f"threshold: chosen on part {report.base.part!r}, allowed is 'valid'; without a"
            " validation part give one with --threshold 0.5 (it is stamped on the value)"
        )
    logit = best_threshold(report.scored)
    return Threshold(float(torch.tensor(logit, dtype=torch.float64).sigmoid()), "valid")


def judge_labels(
    scored: Scored, task: str, metrics: Sequence[str], setting: LabelSetting
) -> LabelReport:
    """Values of one task. `scored.score` is on the setting's scale; a report keeps logits."""
    check(scored)
    if setting.scale == "probability":
        scored = replace(scored, score=as_logits(scored.score))
    base = Passport(
        metric=task,
        candidates="given",
        requests=len(scored.key),
        weights="rows",
        averaging="row",
        part=setting.part,
        data=setting.data,
        split=setting.split,
        selected_on=setting.selected_on,
        checkpoint=setting.checkpoint,
        seeds=setting.seeds,
        note=_note(scored, setting),
    )
    values, each = {}, {}
    for name in metrics:
        metric = LABEL[name]
        rows, passport = scored, replace(base, metric=f"{task} {name}", formula=metric.id)
        if metric.threshold:
            at = _threshold(task, setting)
            source = f"{at.value:.2f} from {at.source}"
            passport = replace(passport, threshold=source)
            logit = float(as_logits(torch.tensor(at.value)))
            rows = decided(scored, logit)
        values[name] = _value(rows, metric, passport)
        if metric.each is not None:
            each[name] = auc_each(scored) if name == "auc" else metric.each(rows)
    return LabelReport(values, each, scored, base)


def _scored(task: str, score: Tensor, rows: LabelRows, label: Tensor) -> Scored:
    weight = rows.weight[task]
    inside = weight > 0
    if not bool(inside.any()):
        raise ValueError(f"labels: 0 rows of task {task!r} after filtering; use a larger part")
    cluster = rows.cluster[inside]
    return Scored(rows.key[inside], cluster, score[inside], label[inside], weight[inside], cluster)


def _note(scored: Scored, setting: LabelSetting) -> str:
    rate = float((scored.label * scored.weight).sum() / scored.weight.sum())
    again = "" if setting.recalibrated == "no" else f", recalibrated: {setting.recalibrated}"
    return f"base rate {rate:.4f}{again}"


def _threshold(task: str, setting: LabelSetting) -> Threshold:
    if task not in setting.thresholds:
        raise ValueError(
            f"labels: task {task!r} has no threshold; choose it on validation"
            " (threshold_from) or give one with --threshold 0.5 (it is stamped on the value)"
        )
    return setting.thresholds[task]


def _value(scored: Scored, metric: LabelMetric, passport: Passport) -> Value:
    value = float(metric.whole(scored, torch.ones(len(scored.key), 1))[0])
    people = torch.unique(scored.cluster, return_inverse=True)[1]
    several = people if int(people.max()) + 1 < len(people) else None
    n = len(scored.key)
    if value != value:
        positives = int((scored.label > 0).sum())
        nothing = Interval(value, value, "none", n, "rows", f"{positives} positives of {n} rows")
        return Value.of(value, n, nothing, passport)
    if metric.name == "auc":
        return Value.of(value, n, auc_interval(scored, several), passport)
    if metric.each is not None:
        each = metric.each(scored)
        return Value.of(value, n, interval(each, "auto", "free", scored.cluster), passport)
    if metric.name in ("precision", "recall") and several is None:
        at = scored.score > 0 if metric.name == "precision" else scored.label > 0
        if bool(at.any()):
            right = (scored.score * scored.label)[at]
            return Value.of(value, n, interval(right, "wilson"), passport)
    draws = 2000 if n * 2000 <= _WORK else 200
    got = resampled_whole(_whole(metric, scored), n, people, draws)
    low, high = percentiles(got[~got.isnan()])
    return Value.of(
        value, n, Interval(low, high, "boot", int(people.max()) + 1, "people"), passport
    )


def _whole(metric: LabelMetric, scored: Scored) -> Any:
    return lambda weight: metric.whole(scored, weight)
