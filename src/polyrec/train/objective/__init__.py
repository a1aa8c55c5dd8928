"""From a model and a batch to losses: ranking against negatives, labels, or what time decides."""

from polyrec.train.objective.answer import Answer
from polyrec.train.objective.beside import WithContrast, WithDecay
from polyrec.train.objective.degrees import DegreeWeighted, Weights
from polyrec.train.objective.member import OfMember
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
    "DegreeWeighted",
    "OfMember",
    "Pick",
    "Rank",
    "Scalable",
    "Vary",
    "Weights",
    "WithContrast",
    "WithDecay",
    "faulty_to_padding",
    "first",
    "nearest",
]
