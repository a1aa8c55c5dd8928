"""How often a classifier of nodes is right: one run with intervals over nodes, or over seeds.

A node's classes in order, likeliest first, are a list, and its class is the one thing wanted: what
holds for lists (storing, judging again, paired comparison) holds for classes.

Letters: B or R nodes, C classes, s seeds, S resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import mean, stdev
from typing import TypeVar

import torch
import torch.nn.functional as F
from scipy.stats import t
from torch import Tensor

from polyrec.evaluate.judge import Wanted, judge
from polyrec.evaluate.report import Report, Value, Values
from polyrec.metrics.intervals import Interval, interval, percentiles, resampled_whole
from polyrec.metrics.passport import Passport
from polyrec.metrics.slices import Slicing, by_edges

V = TypeVar("V")
DEGREES = (1, 2, 6, 21, 101)  # where the slices by neighbours begin
MOST_CLASSES = 100  # beyond it a slice a class says little


def accuracy(logits: Tensor, label: Tensor) -> float:
    """Share of rows whose largest logit is their class; [B, C], int64 [B].

    Raises:
        ValueError: no row, or a row without a class.
    """
    if not len(label):
        raise ValueError("accuracy of 0 nodes: take another part")
    if int(label.min()) < 0:
        raise ValueError("a node without a class cannot be judged: leave it out of the part")
    return float((logits.argmax(1) == label).double().mean())


def told_of(logits: Tensor, label: Tensor) -> Values:
    """Accuracy and mean cross-entropy, for choosing on; [B, C], int64 [B]."""
    right = accuracy(logits, label)
    hit, lost = (logits.argmax(1) == label).double(), F.cross_entropy(logits, label)
    base, n = Passport("accuracy", averaging="request", requests=len(label)), len(label)
    none = Interval(float("nan"), float("nan"), "none", n)
    return Values(
        {
            "accuracy": Value.of(right, n, interval(hit, "wilson"), base),
            "loss": Value.of(float(lost), n, none, replace(base, metric="loss")),
        }
    )


def classes_told(lists: Report, logits: Tensor, label: Tensor, degree: Tensor) -> Report:
    """Accuracy, macro-F1, loss and mean reciprocal rank, and accuracy by degree and by class.

    Args:
        lists: each node's classes (ids from 1) in order, as `ranking` stores them, all C long.
        logits: [R, C]; `label` and `degree` int64 [R].
    """
    classes = logits.shape[1]
    slicings = [by_edges("degree", degree, DEGREES)]
    if classes <= MOST_CLASSES:
        slicings.append(Slicing("class", label, tuple(str(c) for c in range(classes))))
    evidence = replace(lists.evidence, slicings=tuple(slicings))
    first = judge(evidence, Wanted(("hit_rate",), (1,)))
    last = judge(evidence, Wanted(("mrr",), (classes,)))
    guess = evidence.lists.ids[:, 0] - 1
    each = F.cross_entropy(logits, label, reduction="none").double()
    hit = first.values["hit_rate@1"]
    base = replace(hit.passport, k=None)
    lost = interval(each, "auto", "free")
    values = {
        "accuracy": replace(hit, passport=replace(base, metric="accuracy", formula="accuracy/1")),
        "macro_f1": _macro(guess, label, classes, replace(base, metric="macro_f1")),
        "loss": Value.of(
            float(each.mean()), len(each), lost,
            replace(base, metric="loss", formula="cross_entropy/1"),
        ),
        **last.values,
    }  # fmt: skip
    per_request = {**_renamed(first.per_request), "loss": each, **last.per_request}
    slices = {
        slicing: {name: _renamed(metrics) for name, metrics in parts.items()}
        for slicing, parts in first.slices.items()
    }
    return Report(values, per_request, slices, evidence)


def _renamed(of: Mapping[str, V]) -> dict[str, V]:
    return {name.replace("hit_rate@1", "accuracy"): value for name, value in of.items()}


def _macro(guess: Tensor, label: Tensor, classes: int, passport: Passport) -> Value:
    """The mean over classes of F1; 0 for a class that neither is nor is told."""
    whole = macro_f1(guess, label, classes)
    n = len(label)
    draws = resampled_whole(whole, n)
    low, high = percentiles(draws)
    value = float(whole(torch.ones(n, 1))[0])
    told = replace(passport, formula="macro_f1/1", averaging="whole")
    return Value.of(value, n, Interval(low, high, "boot", n), told)


def macro_f1(guess: Tensor, label: Tensor, classes: int) -> Callable[[Tensor], Tensor]:
    """A statistic of weights [R, S] -> [S]: the mean over classes of F1.

    >>> at = macro_f1(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 2)
    >>> round(float(at(torch.ones(3, 1))), 4)
    0.6667
    """
    said, true = (F.one_hot(x, classes).double() for x in (guess, label))

    def statistic(weight: Tensor) -> Tensor:
        w = weight.double()
        both = said.T @ w + true.T @ w
        return (2 * ((said * true).T @ w) / both.clamp(min=1e-12)).mean(0)

    return statistic


@dataclass(frozen=True)
class Trial:
    """One seed: what it reached on test where validation was best, and what it cost."""

    seed: int
    test: float  # read once, after training
    valid: float  # the best of all epochs: chosen, so too high by choice
    epoch: int  # where that was
    epochs: int  # trained
    seconds: float  # of processor time, whatever else the machine does


@dataclass(frozen=True)
class NodeReport:
    """Accuracy over seeds. The interval is of the seeds' mean: the split stays one and the same."""

    trials: tuple[Trial, ...]
    nodes: int  # judged on test
    unjudged: int  # of the test part, without a class
    parameters: int
    selected_on: str = "valid accuracy, of equals the lowest loss"

    @property
    def value(self) -> float:
        """Mean test accuracy."""
        return mean(trial.test for trial in self.trials)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % by Student's t over seeds; NaN for one seed."""
        return spread([trial.test for trial in self.trials])

    @property
    def seconds_an_epoch(self) -> float:
        """Processor time of training and validation, whole graph or all its batches."""
        return sum(r.seconds for r in self.trials) / sum(r.epochs for r in self.trials)

    def line(self) -> str:
        """The report in one line.

        >>> trials = (Trial(1, .81, .8, 40, 200, 2.0), Trial(2, .83, .8, 60, 200, 2.0))
        >>> NodeReport(trials, 1000, 0, 23063).line()
        'accuracy .8200 [.6929, .9471] over 2 seeds, 1,000 nodes, selected on valid accuracy'
        """
        low, high = (f"{x:.4f}".removeprefix("0") for x in self.interval)
        span = f"[{low}, {high}]" if len(self.trials) > 1 else "(no interval)"
        count = f"{len(self.trials)} seed{'s' * (len(self.trials) > 1)}"
        bare = f", {self.unjudged} more have no class" if self.unjudged else ""
        return (
            f"accuracy {self.value:.4f} {span} over {count}, "
            f"{self.nodes:,} nodes{bare}, selected on {self.selected_on.split(',')[0]}"
        ).replace("accuracy 0.", "accuracy .", 1)


def spread(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of a mean by Student's t, [low, high]; NaN for one value."""
    if len(values) < 2:
        return float("nan"), float("nan")
    half = float(t.ppf(0.975, len(values) - 1)) * stdev(values) / sqrt(len(values))
    return mean(values) - half, mean(values) + half
