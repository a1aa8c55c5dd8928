"""What every recipe hands to the experiment: stages to train, and how to validate and test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from polyrec.evaluate import Report
from polyrec.train import Solve, Stage
from polyrec.types import Recommender, Stream


class Covering(Stream, Protocol):
    """A stream that can say which train events it has used."""

    def coverage(self, seed: int, steps: int) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class Plan:
    """A recipe's training and judging, ready to run.

    `validate` is asked while training; `judge` says everything about a recommender on a part
    ("valid" or "test"), with the checkpoint named in the passports.
    """

    stages: Sequence[Stage | Solve]
    validate: Callable[[nn.Module], Report]
    judge: Callable[[Recommender, str, str], Report]
    stream: Covering | None = None  # of the first gradient stage; None = all events were used
