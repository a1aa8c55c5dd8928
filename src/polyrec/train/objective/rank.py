"""Ranking: the item that answered, held against drawn ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.losses import Choosy, place
from polyrec.negatives import false_negatives
from polyrec.types import (
    Draw,
    Encoded,
    Losses,
    Negatives,
    PairBatch,
    Progress,
    Ragged,
    RankingLoss,
    Retriever,
    Sampler,
    Scores,
)

Pick = Callable[[Retriever, Tensor, Tensor], Tensor]  # model, queries BKD, targets BD -> [B]


def nearest(model: Retriever, queries: Tensor, targets: Tensor) -> Tensor:
    """The interest most similar to the row's target: the published read-out (ComiRec, eq. 8)."""
    return model.similarity(queries, targets[:, None])[..., 0].argmax(1)


def first(model: Retriever, queries: Tensor, targets: Tensor) -> Tensor:
    """The only interest, of models that have one."""
    if queries.shape[1] != 1:
        raise ValueError(f"pick=first needs one interest, the model has {queries.shape[1]}")
    return torch.zeros(len(queries), dtype=torch.int64, device=queries.device)


def faulty_to_padding(model: Retriever, queries: Tensor, targets: Tensor) -> Tensor:
    """A published fault, kept to measure what it costs: the interest nearest to item id 0.

    It trains one arbitrary interest a person and never learns who wants what. Never use it.
    """
    padding = model.items(torch.zeros(1, dtype=torch.int64, device=targets.device))
    return nearest(model, queries, padding.expand_as(targets))


PICKS: Mapping[str, Pick] = {
    "nearest": nearest,
    "first": first,
    "faulty_to_padding": faulty_to_padding,
}


@dataclass(frozen=True)
class Rank:
    """The item that answered, held against drawn ones.

    One interest answers for the row (`pick`, no gradient through the choice), so the others get
    none. Each distinct id of the batch is asked of the model once. `later` tells each row's own
    later positives, so that the log can say how many of the negatives that the loss looks at are
    false. `notes` are further numbers of the scores for the log.
    """

    loss: RankingLoss
    negatives: Sampler
    pick: Pick = nearest
    name: str = "rank"
    later: Callable[[PairBatch], Ragged] | None = None
    notes: Mapping[str, Callable[[Scores], Tensor]] = field(default_factory=dict)

    def __call__(self, model: nn.Module, batch: PairBatch, progress: Progress) -> Losses:
        scores, encoded, negatives = self.scored(model, batch, progress)
        share = progress.ranks.share(scores.weight)
        value = self.loss(scores)
        self._note(scores, negatives, batch, progress)
        extra = encoded.extra
        if progress.ranks.size > 1:
            value, extra = value * share, {name: term * share for name, term in extra.items()}
        return Losses({self.name: value}, encoded.meet, extra)

    def logits(self, model: nn.Module, batch: PairBatch, progress: Progress) -> Tensor:
        """[B, 1 + N]: what the loss saw, the positive first; for the report of a failed step."""
        scores, *_ = self.scored(model, batch, progress)
        masked = scores.neg.masked_fill(~scores.valid.expand_as(scores.neg), 0)
        return torch.cat([scores.pos[:, None], masked], 1)

    def scored(
        self, model: nn.Module, batch: PairBatch, progress: Progress
    ) -> tuple[Scores, Encoded, Negatives]:
        """What the loss sees, what the model said, and who was drawn."""
        retriever = cast(Retriever, model)
        negatives = self.negatives.sample(batch, progress)
        draws = _as_one(negatives.draws)
        encoded, target, drawn = _looked_up(retriever, batch, draws)
        query = answering(retriever, encoded.queries, target, self.pick)
        draws = [_beside(draw, query) for draw in draws]
        met = [
            _meet(retriever, query, draw, items) for draw, items in zip(draws, drawn, strict=True)
        ]
        scores = Scores(
            pos=retriever.similarity(query[:, None], target[:, None])[:, 0, 0],
            neg=met[0] if len(met) == 1 else torch.cat(met, 1),
            pos_log_q=negatives.pos_log_q.to(query.device),
            neg_log_q=_side_by_side([_of_rows(draw) for draw in draws], met),
            valid=_side_by_side([draw.valid for draw in draws], met),
            weight=batch.weight.to(query.device),
        )
        return scores, encoded, negatives

    def _note(
        self, scores: Scores, negatives: Negatives, batch: PairBatch, progress: Progress
    ) -> None:
        """Leaves the numbers that the loss alone does not tell; most are made only where logged."""
        mine: dict[str, Callable[[], Tensor]] = {
            "valid": lambda: scores.valid.float().mean(),
            "chance": lambda: self._chance(scores),
            "positive": lambda: scores.pos.detach().mean(),
            "place": lambda: place(scores),
            **{name: partial(number, scores) for name, number in self.notes.items()},
        }
        if (later := self.later) is not None:
            kept = partial(self.loss.kept, scores) if isinstance(self.loss, Choosy) else None
            mine["false"] = lambda: false_negatives(negatives, later(batch), kept and kept().cpu())
        progress.note(f"negatives/{self.name}", scores.neg.shape[1])
        for kind, number in mine.items():
            progress.note(f"{kind}/{self.name}", number)

    def _chance(self, scores: Scores) -> Tensor:
        """The loss of a model that scores every item alike."""
        blank = torch.zeros_like(scores.pos), torch.zeros_like(scores.neg)
        with torch.no_grad():
            return self.loss(replace(scores, pos=blank[0], neg=blank[1]))


def _as_one(draws: Sequence[Draw]) -> Sequence[Draw]:
    """Several sets that the whole batch shares, side by side as one: one product for all."""
    if len(draws) == 1 or any(len(draw.ids) > 1 or _a_row_each(draw.log_q) for draw in draws):
        return draws
    log_q = [draw.log_q.expand(1, draw.ids.shape[1]) for draw in draws]
    rows = len(draws[0].row)
    valid = [draw.valid.expand(rows, draw.ids.shape[1]) for draw in draws]
    ids = torch.cat([draw.ids for draw in draws], 1)
    return [Draw(ids, draws[0].row, torch.cat(log_q, 1), torch.cat(valid, 1))]


def _a_row_each(log_q: Tensor) -> bool:
    return log_q.ndim == 2 and len(log_q) > 1


def answering(model: Retriever, queries: Tensor, target: Tensor, pick: Pick) -> Tensor:
    """[B, D]: the one interest of each row [B, K, D] that learns from its target [B, D]."""
    with torch.no_grad():
        chosen = pick(model, queries.detach(), target.detach())
    at = chosen[:, None, None].expand(-1, 1, queries.shape[2])
    return queries.gather(1, at)[:, 0]


def _looked_up(
    model: Retriever, batch: PairBatch, draws: Sequence[Draw]
) -> tuple[Encoded, Tensor, list[Tensor]]:
    """The model's answer, the targets [B, D], and each draw's items [G * N, D].

    Each distinct id is asked once. A draw of the whole catalogue in order holds every target, so
    it is asked as it stands.
    """
    if len(draws) == 1 and _is_catalogue(draws[0].ids):
        encoded = model(batch.requests, draws[0].ids[0])
        at = (batch.positives - 1).clamp(min=0)  # a row without a positive meets nobody
        return encoded, _rows(encoded.items, at), [encoded.items]
    asked = [batch.positives, *(draw.ids.flatten() for draw in draws)]
    ids, place = torch.unique(torch.cat(asked), return_inverse=True)
    encoded = model(batch.requests, ids)
    target, *drawn = torch.split(_rows(encoded.items, place), [len(part) for part in asked])
    return encoded, target, drawn


def _is_catalogue(ids: Tensor) -> bool:
    """Whether a single set holds 1, 2, ... in order."""
    if len(ids) != 1 or ids[0, 0] != 1:
        return False
    return torch.equal(ids[0], torch.arange(1, ids.shape[1] + 1, device=ids.device))


def _rows(table: Tensor, places: Tensor) -> Tensor:
    """Gathers rows; an embedding's backward adds repeats in a fixed order, indexing's may not."""
    return F.embedding(places.to(table.device), table)


def _beside(draw: Draw, query: Tensor) -> Draw:
    """A draw where the model computes: samplers draw on the processor."""
    if draw.row.device == query.device:
        return draw
    parts = (draw.ids, draw.row, draw.log_q, draw.valid)
    return Draw(*(part.to(query.device) for part in parts))


def _meet(model: Retriever, query: Tensor, draw: Draw, items: Tensor) -> Tensor:
    """[B, N]: each row's query [B, D] against the set of negatives [G * N, D] that it meets."""
    sets = len(draw.ids)
    if sets == 1:
        return model.similarity(query, items)
    items = items.view(*draw.ids.shape, -1)
    each = len(query) // sets
    parts = torch.arange(sets, device=draw.row.device).repeat_interleave(each)
    if torch.equal(draw.row, parts):  # each row its own, or parts of one size in order
        rows: Tensor = model.similarity(query.reshape(sets, each, -1), items)
        return rows.flatten(0, 1)
    order = draw.row.argsort(stable=True)
    row = draw.row[order]
    begin = torch.searchsorted(row, torch.arange(sets, device=row.device))
    place = torch.arange(len(row), device=row.device) - begin[row]
    padded = query.new_zeros(sets, int(place.max()) + 1, query.shape[1])
    scores = model.similarity(padded.index_put((row, place), query[order]), items)
    return scores[row, place][order.argsort()]


def _of_rows(draw: Draw) -> Tensor:
    """log_q [G, N] (or what broadcasts to it) as something that broadcasts to [B, N]."""
    if draw.log_q.ndim < 2 or len(draw.log_q) == 1 or len(draw.ids) == 1:
        return draw.log_q
    return draw.log_q[draw.row]


def _side_by_side(parts: Sequence[Tensor], like: Sequence[Tensor]) -> Tensor:
    """One tensor that broadcasts to [B, sum of N]: several sources' columns beside each other."""
    if len(parts) == 1:
        return parts[0]
    return torch.cat([part.expand_as(score) for part, score in zip(parts, like, strict=True)], 1)
