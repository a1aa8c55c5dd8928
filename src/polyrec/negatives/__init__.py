"""Samplers: what the positives are held against, with ln of its expected count.

Each has `sample(batch, progress) -> Negatives`, pure in the progress given (`InBatchStreaming`
aside, which learns). Padding is never a negative, nor is a row's own positive.
"""

from __future__ import annotations

from polyrec.negatives.frequency import LogUniform, Popular
from polyrec.negatives.inbatch import InBatch, InBatchStreaming
from polyrec.negatives.masks import false_negatives
from polyrec.negatives.mixed import Mixed, deal
from polyrec.negatives.simple import All, Uniform
from polyrec.negatives.source import Drawn, Share, Source

SAMPLERS: dict[str, type] = {
    "uniform": Uniform,
    "log_uniform": LogUniform,
    "popular": Popular,
    "in_batch": InBatch,
    "in_batch_streaming": InBatchStreaming,
    "mixed": Mixed,
    "all": All,
}

__all__ = [
    "SAMPLERS",
    "All",
    "Drawn",
    "InBatch",
    "InBatchStreaming",
    "LogUniform",
    "Mixed",
    "Popular",
    "Share",
    "Source",
    "Uniform",
    "deal",
    "false_negatives",
]
