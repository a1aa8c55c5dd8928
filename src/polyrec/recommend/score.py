"""Answers by a score for every item: closed forms."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from polyrec import index
from polyrec.recommend.parts import answering, in_parts, parts
from polyrec.types import NOTHING, Ragged, Requests, Scorer, TopK


class Score:
    """The best items of a model that scores the whole catalogue, in blocks of requests.

    It passes on what the model says of an empty history; wrap it in `Fallback` where that is
    nothing.
    """

    def __init__(self, scorer: Scorer, budget_mb: int = 512) -> None:
        self.budget_mb = budget_mb
        with answering(scorer):
            self.scorer = scorer.prepare()

    def recommend(
        self,
        requests: Requests,
        k: int,
        exclude: Ragged | None = None,
        among: Tensor | None = None,
    ) -> TopK:
        """The k best of each request; id 0 and -inf where fewer are left."""

        def best(part: Requests, ban: Ragged | None) -> tuple[Tensor, Tensor]:
            block = self._block(part)
            return index.top_scores(block, len(part), k, ban, among, self.budget_mb)

        ids, scores = in_parts(best, requests, exclude)
        return TopK(ids, scores, torch.zeros(len(requests), dtype=torch.int64))

    def pool(
        self,
        requests: Requests,
        k: int,
        exclude: Ragged | None = None,
        among: Tensor | None = None,
    ) -> TopK:
        """One list a request: the best k themselves."""
        return self.recommend(requests, k, exclude, among)

    def ranks(self, requests: Requests, truth: Ragged, exclude: Ragged | None = None) -> Tensor:
        """[sum]: the place at which `recommend` would list each wanted item; 0 = never."""
        found = []
        for part, rows in parts(requests):
            ban = None if exclude is None else exclude.select(rows)
            block, wanted = self._block(part), truth.select(rows)
            found.append(
                index.ranks_scores(block, len(part), wanted, ban, budget_mb=self.budget_mb)
            )
        return torch.cat(found)

    def _block(self, requests: Requests) -> Callable[[slice], Tensor]:
        """[rows, n + 1]: the scores of some of the requests."""

        def block(rows: slice) -> Tensor:
            with answering(self.scorer):
                return self.scorer.scores(requests.select(torch.arange(rows.start, rows.stop)))

        return block

    def score(self, requests: Requests, ids: Tensor) -> Tensor:
        """[R, M]: the score of given candidates; -inf for id 0."""
        out = torch.full(ids.shape, -torch.inf)
        for part, rows in parts(requests, 1_024):
            with answering(self.scorer):
                scores = self.scorer.scores(part).gather(1, ids[rows])
            out[rows] = scores.masked_fill(ids[rows] == NOTHING, -torch.inf)
        return out
