"""Samplers: what the positives are held against, with ln of its expected count.

Each has `sample(batch, progress) -> Negatives`, pure in the progress given (`InBatchStreaming`
aside, which learns, and `HardWindow`, which remembers what a hook found). Padding is never a
negative, nor is a row's own positive.
"""

from __future__ import annotations

from polyrec.negatives.cache import HardCache
from polyrec.negatives.frequency import LogUniform, Popular
from polyrec.negatives.hard import HardWindow
from polyrec.negatives.inbatch import InBatch, InBatchStreaming
from polyrec.negatives.known import MaskKnown, Unseen
from polyrec.negatives.masks import false_negatives
from polyrec.negatives.mixed import Mixed, deal
from polyrec.negatives.simple import All, Uniform
from polyrec.negatives.source import Drawn, Share, Source
from polyrec.negatives.varying import CURRICULUM, Blend, Curriculum, Varying

SAMPLERS: dict[str, type] = {
    "uniform": Uniform,
    "log_uniform": LogUniform,
    "popular": Popular,
    "in_batch": InBatch,
    "in_batch_streaming": InBatchStreaming,
    "mixed": Mixed,
    "all": All,
    "hard_window": HardWindow,
    "mask_known": MaskKnown,
    "unseen": Unseen,
    "varying": Varying,
    "curriculum": Curriculum,
}

__all__ = [
    "CURRICULUM",
    "SAMPLERS",
    "All",
    "Blend",
    "Curriculum",
    "Drawn",
    "HardCache",
    "HardWindow",
    "InBatch",
    "InBatchStreaming",
    "LogUniform",
    "MaskKnown",
    "Mixed",
    "Popular",
    "Share",
    "Source",
    "Uniform",
    "Unseen",
    "Varying",
    "deal",
    "false_negatives",
]
