"""From one or several sources of negatives to what a loss needs: ids, log_q, and who is masked.

A source draws ids and knows how often it would draw any id. With several sources every id, the
positives too, gets the sum over the sources (the balance heuristic), whoever drew it: so a mixture
needs no code of its own in a loss.

Letters: B rows, S sequences, G sets, N ids of a set.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Literal, Protocol, Self, TypeVar

import torch
from torch import Tensor

from polyrec.negatives.masks import outside_lists, outside_target, sequence_of
from polyrec.types import NOTHING, Draw, Negatives, PairBatch, Progress

Share = Literal["batch", "sequence", "row"]
SHARES: tuple[Share, ...] = ("batch", "sequence", "row")
Sized = TypeVar("Sized")


@dataclass(frozen=True)
class Drawn:
    """One source's ids before masking.

    `expected(ids, sets)` is the expected number of times each id is in the named set; 0 where the
    source never draws it. `least` stands in for 0 where no source of the mixture draws the id.
    `own` is the same for the rows' targets, where a source leaves them out but would draw them.
    """

    ids: Tensor  # [G, N]
    row: Tensor  # [B]
    expected: Callable[[Tensor, Tensor], Tensor]
    valid: Tensor | None = None  # bool, broadcasts to [B, N]
    mask_history: bool = False
    least: float = 0.0
    per_set: bool = False  # the expected counts differ between sets
    own: Tensor | None = None  # [B]; None = expected(positives, row)
    hard: bool = False  # drawn because the model scores it high


class Source(Protocol):
    """What a mixture is made of; `per_set` = the expected counts differ between sets."""

    @property
    def share(self) -> Share: ...
    @property
    def per_set(self) -> bool: ...
    def draw(self, batch: PairBatch, progress: Progress, purpose: str) -> Drawn: ...
    def sample(self, batch: PairBatch, progress: Progress) -> Negatives: ...


class Sizable(Source, Protocol):
    """A source whose number of negatives can be chosen."""

    def with_count(self, count: int) -> Self: ...


def sets_of(batch: PairBatch, share: Share) -> tuple[int, Tensor]:
    """G and [B]: how many sets a sharing level needs, and which one each row meets."""
    rows = batch.positives.numel()
    if share == "batch":
        return 1, torch.zeros(rows, dtype=torch.int64)
    if share == "row" or batch.requests.asked is None:
        return rows, torch.arange(rows)
    return len(batch.requests.history), sequence_of(batch.requests)


def own_purpose(purpose: str, share: Share, progress: Progress) -> str:
    """Shared draws are the same in every process; a row's own differ between processes."""
    return purpose if share == "batch" else f"{purpose}/rank{progress.ranks.rank}"


def meet(drawn: Sequence[Drawn], batch: PairBatch, progress: Progress) -> Negatives:
    """Masks the draws and gives every id ln of its expected count over all sources."""
    positives = batch.positives
    least = sum(one.least for one in drawn)
    expected = sum((_own(d, positives) for d in drawn), torch.zeros(()))
    if least > 0:
        _note_uncounted(expected[positives != NOTHING], progress)
    draws = tuple(
        Draw(one.ids, one.row, _log_q(drawn, one, least), _valid(one, batch)) for one in drawn
    )
    return Negatives(draws, _log(expected, least))


def check_count(count: int, items: int, unique: bool) -> None:
    """Refuses what cannot be drawn, before anything is drawn."""
    if items < 1:
        raise ValueError(f"negatives: items={items}, need at least 1")
    if count < 1:
        raise ValueError(
            f"negatives: count={count}, need at least 1; for a loss without negatives use Answer"
        )
    if unique and count >= items:
        raise ValueError(
            f"{count:,} unique negatives from {items:,} items: use <= {items - 1:,}, "
            "or negatives=all for the full softmax"
        )


def resized(source: Sized, count: int, items: int, unique: bool) -> Sized:
    """The same source with another number of negatives; its tables are shared, not made again."""
    check_count(count, items, unique)
    again = copy(source)
    object.__setattr__(again, "count", count)
    return again


def check_share(share: str) -> None:
    """Refuses an unknown sharing level."""
    if share not in SHARES:
        raise ValueError(f"negatives: share={share!r}, use one of {', '.join(SHARES)}")


def check_counts(counts: Tensor | None, items: int) -> Tensor:
    """[n + 1] float64: the items' counts, of the right length, not negative, not all 0."""
    if counts is None:
        raise ValueError(
            f"counts=None, need {items + 1:,} (one an item and entry 0 for nothing): pass "
            "facts.counts, or use Uniform"
        )
    if counts.dim() != 1 or counts.numel() != items + 1:
        raise ValueError(
            f"counts has {counts.numel():,} entries, {items:,} items need {items + 1:,} (entry 0 "
            "is nothing): pass the counts of the same vocabulary"
        )
    counts = counts.double()
    if not bool(torch.isfinite(counts).all()) or bool((counts < 0).any()):
        raise ValueError("counts holds a negative or a non-finite entry: counts are >= 0")
    if float(counts[1:].sum()) == 0:
        raise ValueError(f"counts of all {items:,} items are 0: count the training events")
    return counts


def _own(one: Drawn, positives: Tensor) -> Tensor:
    return one.expected(positives, one.row) if one.own is None else one.own


def _log_q(drawn: Sequence[Drawn], one: Drawn, least: float) -> Tensor:
    """[G, N]; [B, N] for a shared set beside sets of their own, in which its ids count too."""
    finer = [d for d in drawn if d.per_set and d.ids.shape[0] > 1]
    beside = finer[0] if finer and one.ids.shape[0] == 1 else one
    sets = torch.arange(beside.ids.shape[0])[:, None]
    log_q = _log(sum((d.expected(one.ids, sets) for d in drawn), torch.zeros(())), least)
    return log_q if beside is one else log_q[beside.row]


def _log(expected: Tensor, least: float) -> Tensor:
    """NaN where no source draws the id and none says what it is worth."""
    stand_in = least if least > 0 else torch.nan
    return torch.where(expected > 0, expected, stand_in).log().float()


def _note_uncounted(expected: Tensor, progress: Progress) -> None:
    uncounted = int((expected <= 0).sum())
    if uncounted:
        progress.note("positives_without_count", uncounted)
        warnings.warn(
            f"{uncounted} positives have count 0 in the sampler's counts; their log_q is that of "
            "the rarest item it can draw: count the events that train",
            stacklevel=4,
        )


def _valid(one: Drawn, batch: PairBatch) -> Tensor:
    valid = outside_target(one.ids, one.row, batch.positives)
    if one.valid is not None:
        valid &= one.valid
    if one.mask_history:
        valid &= outside_lists(one.ids, one.row, batch.requests, batch.requests.history)
    return valid
