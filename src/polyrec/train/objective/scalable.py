"""Cross-entropy in buckets of states and items that lie the same way: for large catalogues."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.losses.scalable import Buckets, in_buckets, scalable_cross_entropy
from polyrec.train.objective.rank import Pick, answering, nearest
from polyrec.types import Encoded, Losses, PairBatch, Progress, Retriever

_AT_ONCE = 65_536  # item vectors computed at a time


@dataclass(frozen=True)
class Scalable:
    """The item that answered, held against the hardest items along random directions.

    Near the full cross-entropy at a fraction of its memory: from about 50,000 items on. States in
    no bucket learn nothing this step; `coverage/` says how many did. Needs a similarity with
    vectors.

    Arguments:
        items: n.
        near: items of a bucket.
        reach: directions, and states of a bucket, are `reach` * sqrt(rows) each.
        directions: "random" ones, or "mix", random combinations of the states, which lie where
            the states are but ask the model for every item with gradient.

    Source: Mezentsev et al. 2024 (SCE); 2 * sqrt(rows) and 256 items are the authors' settings.

    Raises:
        ValueError: the similarity has no vectors.
    """

    items: int
    near: int = 256
    reach: float = 2.0
    directions: Literal["random", "mix"] = "random"
    pick: Pick = nearest
    name: str = "rank"

    def __post_init__(self) -> None:
        if self.near < 2 or self.reach <= 0:
            raise ValueError(f"scalable: near={self.near}, reach={self.reach}; need >= 2 and > 0")
        if self.directions not in ("random", "mix"):
            raise ValueError(f"scalable: directions={self.directions!r}, use random or mix")

    def __call__(self, model: nn.Module, batch: PairBatch, progress: Progress) -> Losses:
        retriever, random = cast(Retriever, model), progress.generator("directions")
        asks = ((batch.weight > 0) & (batch.positives > 0)).nonzero().squeeze(1)
        if len(asks) == 0:
            return Losses({})
        number = max(1, round(self.reach * math.sqrt(len(asks))))
        ids, along, near = self._before(retriever, batch, number, random)
        encoded = retriever(batch.requests, ids)
        targets = torch.searchsorted(ids, batch.positives.contiguous()).clamp(max=len(ids) - 1)
        states, items = self._sides(retriever, encoded, targets)
        if not bool(torch.isfinite(states).all() & torch.isfinite(items).all()):
            return Losses({self.name: torch.tensor(torch.nan)}, encoded.meet, encoded.extra)
        if along is None:
            mix = torch.randn(number, len(asks), generator=random)
            along = mix.to(states.device) @ states[asks].detach()
            near = in_buckets(along, items, self.near, torch.arange(len(ids))) + 1
        places = torch.searchsorted(ids, near).to(states.device)
        buckets = Buckets(in_buckets(along, states, number, asks).to(states.device), places)
        loss, covered = scalable_cross_entropy(states, items, targets.to(states.device), buckets)
        weight = torch.where(covered.cpu(), batch.weight, 0).to(loss)
        progress.note(f"coverage/{self.name}", lambda: covered.cpu()[asks].float().mean())
        progress.note(f"negatives/{self.name}", places.shape[1])
        progress.note(f"chance/{self.name}", math.log(1 + places.shape[1]))
        share = progress.ranks.share(weight)
        value = (loss * weight).sum() / weight.sum().clamp(min=torch.finfo(loss.dtype).tiny)
        extra = {name: term * share for name, term in encoded.extra.items()}
        return Losses({self.name: value * share}, encoded.meet, extra)

    def _before(
        self, model: Retriever, batch: PairBatch, number: int, random: torch.Generator
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Ids to ask the model for, ascending; directions and the ids near each, where they do
        not depend on the states."""
        every = torch.arange(1, self.items + 1)
        if self.directions == "mix":
            return every, None, every[:0]
        with torch.no_grad():
            parts = [
                _told(model.similarity.as_vectors(item=model.items(ids)))
                for ids in torch.split(every, _AT_ONCE)
            ]
        vectors = torch.cat(parts)
        along = torch.randn(number, vectors.shape[1], generator=random)
        if not bool(torch.isfinite(vectors).all()):
            return every, along, every[:1].expand(number, 1)  # reported with the loss
        near = in_buckets(along, vectors, self.near, every - 1) + 1
        return torch.unique(torch.cat([batch.positives, near.flatten()])), along, near

    def _sides(self, model: Retriever, encoded: Encoded, targets: Tensor) -> tuple[Tensor, Tensor]:
        """States [B, D'] and items [M, D'] in inner-product form."""
        wanted = F.embedding(targets.to(encoded.items.device), encoded.items)
        query = answering(model, encoded.queries, wanted, self.pick)
        return (
            _told(model.similarity.as_vectors(query=query)),
            _told(model.similarity.as_vectors(item=encoded.items)),
        )


def _told(vectors: Tensor | None) -> Tensor:
    if vectors is None:
        raise ValueError(
            "scalable: this similarity has no vectors (exact scoring only): use dot or cosine, or "
            "a sampled softmax"
        )
    return vectors
