"""How often a classifier of nodes is right, over seeds, each read at its best validation epoch.

Letters: B nodes, C classes, s seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev

from scipy.stats import t
from torch import Tensor


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
