"""Asks, judges, keeps: from a recommender and questions to numbers that can be believed."""

from polyrec.evaluate.cold import ColdItems, hidden_items, hide
from polyrec.evaluate.judge import Wanted, judge, sampled
from polyrec.evaluate.labels import LabelReport, LabelSetting, Threshold, labels, threshold_from
from polyrec.evaluate.links import OPERATORS, Links, Operator, foretold, foretold_by, hold_out
from polyrec.evaluate.logistic import Lines, one_vs_rest
from polyrec.evaluate.ranking import Asked, Placing, Setting, ranking
from polyrec.evaluate.report import (
    Evidence,
    Lists,
    Report,
    SliceValue,
    Value,
    Valued,
    Values,
    slice_table,
    table,
)
from polyrec.evaluate.store import load, rejudge, save
from polyrec.evaluate.vectors import NodeScore, Spread, classify, drawable

__all__ = [
    "OPERATORS",
    "Asked",
    "ColdItems",
    "Evidence",
    "LabelReport",
    "LabelSetting",
    "Lines",
    "Links",
    "Lists",
    "NodeScore",
    "Operator",
    "Placing",
    "Report",
    "Setting",
    "SliceValue",
    "Spread",
    "Threshold",
    "Value",
    "Valued",
    "Values",
    "Wanted",
    "classify",
    "drawable",
    "foretold",
    "foretold_by",
    "hidden_items",
    "hide",
    "hold_out",
    "judge",
    "labels",
    "load",
    "one_vs_rest",
    "ranking",
    "rejudge",
    "sampled",
    "save",
    "slice_table",
    "table",
    "threshold_from",
]
