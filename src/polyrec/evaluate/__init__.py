"""Asks, judges, keeps: from a recommender and questions to numbers that can be believed."""

from polyrec.evaluate.judge import Wanted, judge, sampled
from polyrec.evaluate.labels import LabelReport, LabelSetting, Threshold, labels, threshold_from
from polyrec.evaluate.ranking import Asked, Placing, Setting, ranking
from polyrec.evaluate.report import (
    Evidence,
    Lists,
    Report,
    SliceValue,
    Value,
    slice_table,
    table,
)
from polyrec.evaluate.store import load, rejudge, save

__all__ = [
    "Asked",
    "Evidence",
    "LabelReport",
    "LabelSetting",
    "Lists",
    "Placing",
    "Report",
    "Setting",
    "SliceValue",
    "Threshold",
    "Value",
    "Wanted",
    "judge",
    "labels",
    "load",
    "ranking",
    "rejudge",
    "sampled",
    "save",
    "slice_table",
    "table",
    "threshold_from",
]
