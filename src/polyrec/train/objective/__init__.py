"""From a model and a batch to losses: ranking against negatives, labels, or what time decides."""

from polyrec.train.objective.answer import Answer
from polyrec.train.objective.rank import (
    PICKS,
    Pick,
    Rank,
    faulty_to_padding,
    first,
    nearest,
)
from polyrec.train.objective.scalable import Scalable
from polyrec.train.objective.vary import Vary

__all__ = [
    "PICKS",
    "Answer",
    "Pick",
    "Rank",
    "Scalable",
    "Vary",
    "faulty_to_padding",
    "first",
    "nearest",
]
