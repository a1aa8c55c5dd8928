"""The objective of one member of a committee."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from polyrec.train.objective.degrees import DegreeWeighted
from polyrec.types import Losses, Progress, derived_seed


@dataclass(frozen=True, eq=False)
class OfMember:
    """A member learns as if it were alone: its own rows, negatives and loss.

    Each member is a task with a stream of its own; the sum of their losses moves nobody's
    vectors but their own.

    Arguments:
        number: which of the model's `members`.
        name: of its loss, one for each member.
    """

    objective: DegreeWeighted
    number: int
    name: str

    def __call__(self, model: Any, batch: Any, progress: Progress) -> Losses:
        found = self.objective(model.members[self.number], batch, self._apart(progress))
        (value,) = found.values.values()
        return Losses({self.name: value}, found.meet, found.extra)

    def logits(self, model: Any, batch: Any, progress: Progress) -> Tensor:
        """What the loss saw, for the report of a failed step."""
        return self.objective.logits(model.members[self.number], batch, self._apart(progress))

    def _apart(self, progress: Progress) -> Progress:
        return replace(progress, seed=derived_seed(progress.seed, "member", self.number))
