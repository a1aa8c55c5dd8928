"""An objective that time decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor, nn

from polyrec.types import Losses, Objective, Progress, Schedule


@dataclass(frozen=True)
class Vary:
    """An objective that time decides: `Vary(lambda p: Rank(partial(margin, width=m(p)), d))`."""

    make: Schedule[Objective]

    def __call__(self, model: nn.Module, batch: Any, progress: Progress) -> Losses:
        return self.make(progress)(model, batch, progress)

    def logits(self, model: nn.Module, batch: Any, progress: Progress) -> Tensor | None:
        """Those of the objective that holds now; None where it has none."""
        seen = getattr(self.make(progress), "logits", None)
        return None if seen is None else cast(Tensor, seen(model, batch, progress))
