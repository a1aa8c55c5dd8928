"""How well scores tell labels apart, and how well they are probabilities: the catalogue.

A metric that needs both classes is NaN with one: never .5, never 0. A row of weight 0 lies
outside the task's space.

Letters: R rows, B columns of row weights (resamples).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from polyrec.metrics.curve import Curve, auc, auc_each, average_precision, curve
from polyrec.types import Scored

Scale = Literal["score", "logit", "probability"]
_CLIP = 1e-7  # of probabilities only; logits need none
BINS = 15


@dataclass(frozen=True)
class LabelMetric:
    """`whole`: the value under row weights [R, B]. `each`: values [R] whose mean it is, if any."""

    name: str
    text: str
    whole: Callable[[Scored, Tensor], Tensor]  # -> [B]
    each: Callable[[Scored], Tensor] | None = None
    scale: Scale = "score"  # what it reads: any score, or a logit
    threshold: bool = False  # reads 0/1 decisions in place of scores
    version: int = 1

    @property
    def id(self) -> str:
        """Name and version, as a passport carries it."""
        return f"{self.name}/{self.version}"


def check(scored: Scored) -> None:
    """Raises:
    ValueError: a score that is not finite, a label other than 0 and 1, weights below 0 or all 0.
    """
    bad = ~torch.isfinite(scored.score)
    if bool(bad.any()):
        row = int(bad.nonzero()[0])
        raise ValueError(
            f"labels: row {int(scored.key[row])} has score {float(scored.score[row])};"
            " scores must be finite"
        )
    if not bool(((scored.label == 0) | (scored.label == 1)).all()):
        raise ValueError("labels: a label is neither 0 nor 1")
    if bool((scored.weight < 0).any()) or float(scored.weight.sum()) <= 0:
        raise ValueError(
            f"labels: weights must be >= 0 with a positive sum, got {float(scored.weight.sum())}"
        )


def decided(scored: Scored, threshold: float) -> Scored:
    """0/1 decisions in place of scores."""
    return replace(scored, score=(scored.score >= threshold).double())


def logloss_each(scored: Scored) -> Tensor:
    """[R]: cross-entropy from logits, weighted so that the mean is the weighted mean."""
    loss = binary_cross_entropy_with_logits(
        scored.score.double(), scored.label.double(), reduction="none"
    )
    return loss * scored.weight.double() / scored.weight.double().mean()


def as_logits(probability: Tensor) -> Tensor:
    """Probabilities, clipped at 1e-7, as logits."""
    p = probability.double().clamp(_CLIP, 1 - _CLIP)
    return p.log() - (-p).log1p()


def calibration_error(scored: Scored, bins: int = BINS) -> float:
    """Sum over equal-mass bins of (rows / R) |mean p - mean y|; read it beside the reference."""
    p, y = scored.score.double().sigmoid(), scored.label.double()
    order = p.argsort()
    cell = torch.arange(len(p)) * bins // len(p)
    gap = torch.bincount(cell, (p - y)[order], bins)
    return float(gap.abs().sum() / len(p))


def calibration_reference(scored: Scored, draws: int = 200, seed: int = 0) -> float:
    """What a perfectly calibrated model with the same scores would show: mean over label draws."""
    generator = torch.Generator().manual_seed(seed)
    p = scored.score.double().sigmoid()
    errors = [
        calibration_error(replace(scored, label=torch.bernoulli(p, generator=generator)))
        for _ in range(draws)
    ]
    return sum(errors) / draws


def pair_accuracy(preferred: Tensor, other: Tensor) -> Tensor:
    """[pairs]: 1 where the preferred scores higher, half where equal; unit = the pair."""
    return (preferred > other).double() + (preferred == other).double() / 2


def _mean(each: Callable[[Scored], Tensor]) -> Callable[[Scored, Tensor], Tensor]:
    def whole(scored: Scored, weight: Tensor) -> Tensor:
        value, w = each(scored)[:, None], weight.double()
        own = scored.weight.double()[:, None]
        own = own / own.mean()
        return (value * w).sum(0) / (own * w).sum(0)

    return whole


def _entropy(scored: Scored, weight: Tensor) -> Tensor:
    w = scored.weight.double()[:, None] * weight.double()
    rate = (w * scored.label.double()[:, None]).sum(0) / w.sum(0)
    base = -(torch.xlogy(rate, rate) + torch.xlogy(1 - rate, 1 - rate))
    return _mean(logloss_each)(scored, weight) / base.where(base > 0, torch.nan)


def _ratio(scored: Scored, weight: Tensor) -> Tensor:
    w = scored.weight.double()[:, None] * weight.double()
    p, y = logsigmoid(scored.score.double()).exp()[:, None], scored.label.double()[:, None]
    seen = (w * y).sum(0)
    return (w * p).sum(0) / seen.where(seen > 0, torch.nan)


def _decision(kind: Literal["f1", "precision", "recall"]) -> Callable[[Scored, Tensor], Tensor]:
    def whole(scored: Scored, weight: Tensor) -> Tensor:
        w = scored.weight.double()[:, None] * weight.double()
        said, is_so = scored.score.double()[:, None], scored.label.double()[:, None]
        hit, named, real = (w * said * is_so).sum(0), (w * said).sum(0), (w * is_so).sum(0)
        under = {"f1": (named + real) / 2, "precision": named, "recall": real}[kind]
        return torch.where(under > 0, hit / under, 0.0)

    return whole


def _by_curve(value: Callable[[Curve], Tensor]) -> Callable[[Scored, Tensor], Tensor]:
    return lambda scored, weight: value(curve(scored, weight))


_ALL = (
    LabelMetric("auc", "P(positive above negative) + half P(equal)", _by_curve(auc), each=auc_each),
    LabelMetric(
        "aupr",
        "sum of recall steps x precision over distinct thresholds",
        _by_curve(average_precision),
    ),
    LabelMetric(
        "logloss",
        "mean cross-entropy, from logits",
        _mean(logloss_each),
        each=logloss_each,
        scale="logit",
    ),
    LabelMetric(
        "normalised_entropy",
        "logloss / logloss of always saying the base rate",
        _entropy,
        scale="logit",
    ),
    LabelMetric("calibration", "sum of p / sum of labels", _ratio, scale="logit"),
    LabelMetric(
        "f1", "2 hits / (named + real) at a frozen threshold", _decision("f1"), threshold=True
    ),
    LabelMetric(
        "precision", "hits / named, at a frozen threshold", _decision("precision"), threshold=True
    ),
    LabelMetric(
        "recall", "hits / real, at a frozen threshold", _decision("recall"), threshold=True
    ),
)
LABEL: dict[str, LabelMetric] = {metric.name: metric for metric in _ALL}
