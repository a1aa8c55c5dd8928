"""Which items a model finds hard for each actor, searched now and then and kept in between.

The first ranks of what an actor does not have are mostly things the actor would like: false
negatives. So a window of ranks below them is kept. What an actor is known to like never enters,
but it is remembered which of it would have: the correction of a target needs it.

Letters: A actors, W width of the window, R requests of a block, K interests, D width, E known
positives.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from polyrec import index
from polyrec.types import NOTHING, Progress, Ragged, Requests, Retriever, derived_seed

Blocks = Iterable[tuple[Tensor, Requests]]  # actors [R] and a request of each
Query = Literal["model", "mean_items"]
_ITEMS = 65_536  # item vectors computed at a time
_PAIRS = 16_384  # scores of known positives computed at a time


class HardCache(nn.Module):
    """Each actor's items at the model's ranks [first, last): the memory of `HardWindow`.

    Goes into the stage's `keeps`; `train.hard_hook` refreshes it. Between refreshes windows are
    stale, which the note `age/hard` counts in steps.

    Arguments:
        known: [A + 1], the train positives of each actor, row 0 that of nobody: never in a window.
        ranks: the window, counted from 0: (10, 100) leaves the ten best out.
        query: "model" asks the model; "mean_items" searches with the mean of the history's item
            vectors, as published code does.
        budget_mb: refuses windows that need more.

    Raises:
        ValueError: the ranks are not 0 <= first < last.
        MemoryError: A x W ids do not fit the budget.
    """

    window: Tensor
    beside: Tensor
    refreshed: Tensor

    def __init__(
        self,
        items: int,
        known: Ragged,
        ranks: tuple[int, int] = (10, 100),
        query: Query = "model",
        budget_mb: int = 512,
    ) -> None:
        super().__init__()
        first, last = ranks
        if not 0 <= first < last:
            raise ValueError(f"hard window: ranks={ranks}, need 0 <= first < last, as (10, 100)")
        if query not in ("model", "mean_items"):
            raise ValueError(f"hard window: query={query!r}, use model or mean_items")
        actors, need = len(known) - 1, len(known) * (last - first) * 4 / 2**20
        if need > budget_mb:
            raise MemoryError(
                f"hard windows of {actors:,} actors x {last - first} items need {need:,.0f} MB, "
                f"budget_mb={budget_mb:,}: use a narrower window, or raise budget_mb"
            )
        self.items, self.actors, self.ranks, self.query = items, actors, ranks, query
        self._known = known
        self._keys = torch.unique(self._key(known.row, known.values.long()))
        self._warned = False
        self.register_buffer("window", torch.zeros(len(known), last - first, dtype=torch.int32))
        self.register_buffer("beside", torch.zeros(self._keys.numel(), dtype=torch.bool))
        self.register_buffer("refreshed", torch.zeros(2, dtype=torch.int64))  # stage, step + 1

    @torch.no_grad()
    def refresh(self, model: Retriever, blocks: Blocks, progress: Progress) -> dict[str, float]:
        """Searches the windows of all actors in `blocks` anew; call it in eval mode.

        Returns:
            for the log: actors searched, their mean window, and the share of it that is new.
        """
        search = _Search(model.prepare(), self.items)
        actors = size = new = 0
        for actor, requests in blocks:
            if requests.asked is not None or len(requests) != len(actor):
                raise ValueError(
                    f"hard window: {len(actor)} actors with {len(requests)} questions, need one "
                    "question an actor, after its last event"
                )
            before = self.window[actor]
            self._search(search, actor, requests)
            now = self.window[actor]
            actors, size = actors + len(actor), size + int((now > 0).sum())
            new += size_of_new(before, now)
        self.refreshed.copy_(torch.tensor([_stage_key(progress), progress.step + 1]))
        return {
            "actors": actors,
            "window": size / max(actors, 1),
            "new": new / max(size, 1),
        }

    def of(self, actor: Tensor) -> Tensor:
        """[R, W], int64: the windows of these actors, ascending; zeros come first."""
        known = torch.where(actor <= self.actors, actor, NOTHING)
        windows: Tensor = self.window[known.cpu()].long()
        return windows

    def stands_beside(self, actor: Tensor, ids: Tensor) -> Tensor:
        """[R], bool: known positives that would be in their actor's window if it did not know."""
        if self._keys.numel() == 0:
            return torch.zeros(ids.shape, dtype=torch.bool)
        wanted = self._key(actor, ids)
        place = torch.searchsorted(self._keys, wanted).clamp(max=self._keys.numel() - 1)
        beside: Tensor = (self._keys[place] == wanted) & self.beside[place]
        return beside

    def age(self, progress: Progress) -> int | None:
        """Steps since the windows were searched; None where another stage did it.

        Raises:
            ValueError: they never were.
        """
        stage, step = self.refreshed.tolist()
        if step == 0:
            raise ValueError(
                "hard windows are empty, need a search first: give the stage "
                "hooks=[hard_hook(cache, ...)] and keeps={'hard': cache}"
            )
        return progress.step + 1 - step if stage == _stage_key(progress) else None

    def _search(self, search: _Search, actor: Tensor, requests: Requests) -> None:
        first, last = self.ranks
        queries = search.queries(requests, self.query)
        known = self._known.select(actor)
        ids, scores = search.top(queries, last, known)
        self.window[actor] = ids[:, first:].sort(1).values.int()
        self._warn(int((ids[:, -1] == NOTHING).sum()))
        above = scores[:, first - 1] if first else torch.full((len(actor),), torch.inf)
        row, ids = known.row, known.values.long()
        own = search.pairs(queries, row, ids)
        inside = (own <= above[row]) & (own > scores[row, -1]) & (ids != NOTHING)
        self.beside[torch.searchsorted(self._keys, self._key(actor[row], ids))] = inside

    def _key(self, actor: Tensor, ids: Tensor) -> Tensor:
        return actor * (self.items + 1) + ids

    def _warn(self, short: int) -> None:
        if short and not self._warned:
            self._warned = True
            first, last = self.ranks
            warnings.warn(
                f"hard window: ranks {first} to {last} of {self.items:,} items less what an actor "
                f"knows: {short:,} actors of a block have fewer, their window is shrunk",
                stacklevel=4,
            )


def size_of_new(before: Tensor, now: Tensor) -> int:
    """How many ids of `now` [R, W] are not in the same row of `before`; both ascending."""
    stride = int(max(before.amax(), now.amax(), torch.tensor(0))) + 1 if now.numel() else 1
    shift = torch.arange(len(now))[:, None] * stride
    return int(((now > 0) & ~torch.isin(now + shift, before + shift)).sum())


def _stage_key(progress: Progress) -> int:
    return derived_seed("stage", progress.stage)


class _Search:
    """A state of the model as the index sees it: by vectors, or scored exhaustively."""

    def __init__(self, model: Retriever, items: int) -> None:
        self.model, self.items = model, items
        self.vectors = self._vectors()

    def queries(self, requests: Requests, query: Query) -> Tensor:
        """[R, K, D], in inner-product form where there is one."""
        if query == "model":
            found = self.model.queries(requests)
        else:
            found = self._mean_items(requests.history)
        vectors = self.model.similarity.as_vectors(query=found)
        return found if vectors is None else vectors.float().cpu()

    def top(self, queries: Tensor, k: int, exclude: Ragged) -> tuple[Tensor, Tensor]:
        """Ids and scores [R, k], best first; id 0 and -inf where too few are left."""
        if self.vectors is not None:
            return index.top(queries, self.vectors, k, exclude)

        def block(rows: slice) -> Tensor:
            every = self.model.items(torch.arange(self.items + 1))
            return self.model.similarity(queries[rows], every[None]).amax(1).float().cpu()

        return index.top_scores(block, len(queries), k, exclude)

    def pairs(self, queries: Tensor, row: Tensor, ids: Tensor) -> Tensor:
        """[E]: the score of each row's id."""
        parts = list(self._pairs(queries, row, ids))
        return torch.cat(parts) if parts else torch.zeros(0)

    def _pairs(self, queries: Tensor, row: Tensor, ids: Tensor) -> Iterator[Tensor]:
        for some, those in zip(torch.split(row, _PAIRS), torch.split(ids, _PAIRS), strict=True):
            if self.vectors is not None:
                item = self.vectors[those][..., None]
                yield (queries[some] @ item)[..., 0].amax(1)
            else:
                item = self.model.items(those)[:, None]
                yield self.model.similarity(queries[some], item)[..., 0].amax(1).cpu()

    def _mean_items(self, history: Ragged) -> Tensor:
        known = history.values != NOTHING
        row = history.row[known]
        vectors = self.model.items(history.values[known])
        row = row.to(vectors.device)
        total = vectors.new_zeros(len(history), vectors.shape[1]).index_add(0, row, vectors)
        number = torch.bincount(row, minlength=len(history)).clamp(min=1)
        return (total / number[:, None])[:, None]

    def _vectors(self) -> Tensor | None:
        """[n + 1, D'], or None = exact scoring only."""
        parts = []
        for ids in torch.split(torch.arange(self.items + 1), _ITEMS):
            part = self.model.similarity.as_vectors(item=self.model.items(ids))
            if part is None:
                return None
            parts.append(part.float().cpu())
        return torch.cat(parts)
