"""What is known of each event of a history: what was done, and how long ago.

Letters: S rows, E events in all of them, D width, c codes an event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from polyrec.nn.embed import ItemTable
from polyrec.requests import Ragged
from polyrec.types import Requests

Gap = Literal["previous", "next", "ask"]
GAPS: tuple[Gap, ...] = get_args(Gap)
How = Literal["add", "gate"]
BUCKETS = 34  # unknown, no neighbour, then [2^b - 1, 2^(b+1) - 1) seconds: b = 31 is 68 years
UNKNOWN, ALONE = 0, 1


class EventFeatures(nn.Module):
    """Puts an event's action and its gaps in time on its item's vector.

    Two steps, because a model keeps only some events: `codes` reads the whole request and gives
    small numbers, one row an event; the model picks the rows of the events it keeps and calls the
    module on these. All embeddings start at zero, so an added feature starts as none; what is
    unknown (an absent column, a live request without times) stays exactly nothing.

    Action: "add" adds an embedding of it; "gate" takes v * sigmoid(u + a) with u learned from 0
    and a the action's embedding (public solutions of the TencentGR competition), so that an
    exposure may count for less than a click in every dimension of its own.

    Gaps, in buckets of doubling length: "previous", since the event before; "next", until the event
    after, and for the last one until the question is asked, so known in time for every question
    of a sequence; "ask", until the question, for one question a row only.

    Args:
        kinds: how many actions the log has; 0 = leave the action out.

    Raises:
        ValueError: no feature is left, or a gap or way is none of those named here.
    """

    def __init__(
        self, dim: int, kinds: int, gaps: Sequence[Gap] = ("previous",), how: How = "add"
    ) -> None:
        super().__init__()
        wrong = [gap for gap in gaps if gap not in GAPS]
        if wrong or len(set(gaps)) < len(gaps):
            raise ValueError(f"gaps {', '.join(gaps)}: each at most once, of {', '.join(GAPS)}")
        if how not in get_args(How):
            raise ValueError(f"event features how={how!r}: choose from {', '.join(get_args(How))}")
        if kinds < 0 or (kinds == 0 and (how == "gate" or not gaps)):
            raise ValueError(
                f"event features of {kinds} actions, gaps {[*gaps]}, how={how!r}: name a gap to "
                "add, or give the number of actions of the log"
            )
        self.kinds, self.gaps, self.how = kinds, tuple(gaps), how
        added = (kinds if how == "add" else 0) + BUCKETS * len(gaps)
        self.added = _from_zero(added, dim) if added else None
        self.action = _from_zero(kinds, dim) if how == "gate" else None
        self.open = nn.Parameter(torch.zeros(dim)) if how == "gate" else None

    def codes(self, requests: Requests) -> Tensor:
        """[E, 1 + gaps], int64: action (0 unknown) and buckets (0 unknown) of every event.

        Reads `aligned["kind"]`, `aligned["time"]` (milliseconds) and `time`; what is absent is
        unknown.

        Raises:
            ValueError: an action that the log did not have; events out of order; an event after the
                question; "ask" where a row holds several questions.
        """
        columns = [self._actions(requests)] if self.kinds else []
        columns += [self._buckets(requests, gap) for gap in self.gaps]
        return torch.stack(columns, dim=1)

    def forward(self, values: Tensor, codes: Tensor) -> Tensor:
        """[E, D], [E, c] -> [E, D]: the vectors with their features on them."""
        codes = codes.to(values.device)
        if self.action is not None and self.open is not None:
            values = values * torch.sigmoid(self.open + self.action(codes[:, 0]))
            codes = codes[:, 1:]
        if self.added is None:
            return values
        before = torch.tensor(self._before(codes.shape[1]), device=codes.device)
        added: Tensor = self.added(torch.where(codes > UNKNOWN, codes + before, 0))
        return values + added.sum(dim=1)

    def _before(self, columns: int) -> list[int]:
        """[c]: rows of the table before each column's own."""
        first = [] if self.how == "gate" or not self.kinds else [0]
        start = self.kinds if first else 0
        return (first + [start + BUCKETS * i for i in range(len(self.gaps))])[:columns]

    def _actions(self, requests: Requests) -> Tensor:
        kind = requests.aligned.get("kind")
        if kind is None:
            return torch.zeros(len(requests.history.values), dtype=torch.int64)
        if len(kind) and not 0 <= int(kind.min()) <= int(kind.max()) < self.kinds:
            raise ValueError(
                f"actions {int(kind.min())}..{int(kind.max())} in a history; the log has "
                f"{self.kinds}, counted from 0: leave the column out where it is not known"
            )
        return kind.long() + 1

    def _buckets(self, requests: Requests, gap: Gap) -> Tensor:
        time, rows = requests.aligned.get("time"), requests.history
        if time is None:
            return torch.zeros(len(rows.values), dtype=torch.int64)
        if gap == "previous":
            return _since(time, rows)
        if gap == "ask":
            return _until_asked(time, requests)
        return _until_next(time, requests)


def buckets(milliseconds: Tensor) -> Tensor:
    """2 + floor(log2(1 + seconds)): gaps of doubling length.

    >>> buckets(torch.tensor([0, 999, 1_000, 60_000, 86_400_000])).tolist()
    [2, 2, 3, 7, 18]
    """
    seconds = milliseconds.div(1000, rounding_mode="floor").double()
    return (2 + torch.log2(1 + seconds).floor().long()).clamp(max=BUCKETS - 1)


def _since(time: Tensor, rows: Ragged) -> Tensor:
    """[E]: from the event before; the first of a row has none."""
    gap = _differences(time, rows)
    out = buckets(gap.clamp(min=0))
    out[_firsts(rows)] = ALONE
    return out


def _until_next(time: Tensor, requests: Requests) -> Tensor:
    """[E]: to the event after; from the last of a row to the question, unknown without its time."""
    rows = requests.history
    out = torch.zeros(len(time), dtype=torch.int64)
    if not len(time):
        return out
    gap = _differences(time, rows)
    out[:-1] = buckets(gap[1:].clamp(min=0))
    last = (rows.start[1:] - 1)[rows.lengths > 0]
    out[last] = UNKNOWN
    if requests.time is not None:
        asked = requests.time[rows.lengths > 0]
        out[last] = buckets(_not_negative(asked - time[last]))
    return out


def _until_asked(time: Tensor, requests: Requests) -> Tensor:
    """[E]: to the question of the row."""
    if requests.asked is not None:
        raise ValueError(
            "gap 'ask' in rows of several questions: all but the last would see when the row "
            "ends; use gap 'next'"
        )
    if requests.time is None:
        return torch.zeros(len(time), dtype=torch.int64)
    asked = requests.time.repeat_interleave(requests.history.lengths)
    return buckets(_not_negative(asked - time))


def _differences(time: Tensor, rows: Ragged) -> Tensor:
    """[E]: to the value before, whatever row it is in; 0 for the very first."""
    gap = torch.zeros_like(time)
    gap[1:] = time[1:] - time[:-1]
    inside = torch.ones(len(time), dtype=torch.bool)
    inside[_firsts(rows)] = False
    if bool(((gap < 0) & inside).any()):
        at = int(((gap < 0) & inside).nonzero()[0])
        row = int(torch.searchsorted(rows.start, at, right=True)) - 1
        raise ValueError(
            f"history of row {row} goes back in time at its event {at - int(rows.start[row])}: "
            "histories are oldest first; sort it"
        )
    return gap


def _firsts(rows: Ragged) -> Tensor:
    return rows.start[:-1][rows.lengths > 0]


def _not_negative(gap: Tensor) -> Tensor:
    if bool((gap < 0).any()):
        raise ValueError(
            f"an event {-int(gap.min()):,} ms after its question: a history holds what happened "
            "before it; cut the history, or leave the times out"
        )
    return gap


def _from_zero(size: int, dim: int) -> ItemTable:
    table = ItemTable(size, dim)
    nn.init.zeros_(table.weight)
    return table
