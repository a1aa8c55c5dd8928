"""What every recipe hands to the experiment: stages to train, and how to validate and test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from polyrec.evaluate import Report, Valued
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
    validate: Callable[[nn.Module], Valued]
    judge: Callable[[Recommender, str, str], Report]
    stream: Covering | None = None  # of the first gradient stage; None = all events were used


@dataclass(frozen=True)
class Nouns:
    """What a recipe calls what its lists hold, what it learns from and who asks."""

    items: str = "items"
    events: str = "train events"
    requests: str = "requests"
    ask: str = "--history ID,ID --k 10"  # how `polyrec recommend` is asked for a list
