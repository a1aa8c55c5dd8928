"""Terms beside a ranking objective: the size of a batch's own vectors, and a contrast of views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from polyrec.losses import info_nce
from polyrec.train.objective.rank import Rank
from polyrec.types import Losses, Objective, PairBatch, Progress


@dataclass(frozen=True)
class WithDecay:
    """A ranking, and weight / 2B times the squares of the vectors that the batch is made of.

    Those that are trained (E^0), not what propagation makes of them: each row's person, its
    positive and its valid negatives, as often as they occur. Goes with models that have a graph
    (`of.own` over nodes). Source: He et al. 2020 (LightGCN), eq. 15, with its code's 1/B.
    """

    rank: Rank
    weight: float = 1e-4
    name: str = "decay"

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise ValueError(f"decay={self.weight}: need >= 0; usual 1e-5 to 1e-3")

    def __call__(self, model: nn.Module, batch: PairBatch, progress: Progress) -> Losses:
        losses = self.rank(model, batch, progress)
        of: Any = graph_of(model)
        negatives = self.rank.negatives.sample(batch, progress)  # pure: the same draw again
        parts = [of.people_nodes(batch.requests), of.item_nodes(batch.positives)]
        for draw in negatives.draws:
            ids, rows = draw.ids[draw.row], len(draw.row)
            parts.append(of.item_nodes(ids[draw.valid.expand(rows, ids.shape[1])]))
        squares = cast(Tensor, of.own(torch.cat(parts))).square().sum()
        share = progress.ranks.share(batch.weight)
        value = self.weight / 2 / len(batch.positives) * squares * share
        return Losses(losses.values, losses.meet, {**losses.extra, self.name: value})

    def logits(self, model: nn.Module, batch: PairBatch, progress: Progress) -> Tensor:
        """Those of the ranking, for the report of a failed step."""
        return self.rank.logits(model, batch, progress)


@dataclass(frozen=True)
class WithContrast:
    """An objective, and weight times InfoNCE between two views of the batch's nodes.

    People against people and answers against answers, each distinct one once. Goes with models
    whose prepared view has a `pair`. Source: Wu et al. 2021 (SGL), eq. 10 and 11.
    """

    of: Objective
    weight: float = 0.1
    tau: float = 0.2
    name: str = "contrast"

    def __post_init__(self) -> None:
        if self.weight < 0 or self.tau <= 0:
            raise ValueError(
                f"contrast={self.weight}, tau={self.tau}: need a weight >= 0 and tau > 0"
            )

    def __call__(self, model: nn.Module, batch: PairBatch, progress: Progress) -> Losses:
        losses = self.of(model, batch, progress)
        view: Any = model
        graph = graph_of(model)
        people = graph.people_nodes(batch.requests).unique()
        items = graph.item_nodes(batch.positives).unique()
        first, second = view.pair(torch.cat([people, items]))
        sides = zip(*(torch.split(x, [len(people), len(items)]) for x in (first, second)))  # noqa: B905
        value = torch.stack([info_nce(a, b, self.tau) for a, b in sides]).sum()
        progress.note(f"{self.name}/loss", value.detach())
        share = progress.ranks.share(batch.weight)
        extra = {**losses.extra, self.name: self.weight * value * share}
        return Losses(losses.values, losses.meet, extra)

    def logits(self, model: nn.Module, batch: PairBatch, progress: Progress) -> Tensor | None:
        """Those of the objective inside, for the report of a failed step."""
        seen = getattr(self.of, "logits", None)
        return None if seen is None else cast(Tensor, seen(model, batch, progress))


def graph_of(model: Any) -> Any:
    """The model with nodes: itself, or what a prepared view is of.

    Raises:
        TypeError: it has no nodes.
    """
    found = getattr(model, "of", model)
    if not hasattr(found, "item_nodes"):
        raise TypeError(f"{type(found).__name__} has no nodes of a graph: use LightGCN or its kin")
    return found
