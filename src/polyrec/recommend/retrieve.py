"""Answers by vectors: the nearest of a request's interests decides."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn

from polyrec import index
from polyrec.models import popularity
from polyrec.nn import known
from polyrec.recommend.fallback import filled, placed
from polyrec.recommend.parts import AT_ONCE, answering, in_parts, parts, without_history
from polyrec.types import NOTHING, Ragged, Requests, Retriever, TopK

log = logging.getLogger(__name__)
ENCODED = 512  # requests encoded at a time: their events stay near the processor
ITEMS = 65_536  # items whose vectors are computed at a time
MET = 1 << 22  # scores of single interests held at a time, where there are no vectors: 16 MB


class Retrieve:
    """The best items by the maximum over a request's K queries, exactly.

    Item vectors are computed once, in blocks: a recommender belongs to one state of the model.
    A similarity without vectors is scored exhaustively, against item vectors of the model's own:
    kept where they fit into the budget, else computed again for each block of requests.
    """

    def __init__(
        self, model: Retriever, items: int, counts: Tensor | None = None, budget_mb: int = 512
    ) -> None:
        """`counts` [n + 1]: popularity, for requests without history; None leaves them empty."""
        if counts is not None and len(counts) != items + 1:
            raise ValueError(f"counts of {len(counts) - 1} items for a model of {items}")
        self.items = items
        self.popular = None if counts is None else popularity(counts)
        self.budget_mb = budget_mb
        self.encoded = ENCODED if _on_processor(model) else AT_ONCE
        with answering(model):
            self.model = model.prepare()
        self.vectors = self._each(self._indexed)
        self.own = None if self.vectors is not None else self._each(self._small)

    def recommend(
        self,
        requests: Requests,
        k: int,
        exclude: Ragged | None = None,
        among: Tensor | None = None,
    ) -> TopK:
        """The k best of each request; id 0 and -inf where fewer are left."""

        def best(part: Requests, ban: Ragged | None) -> tuple[Tensor, Tensor]:
            if self.vectors is None:
                block = self._block(part)
                return index.top_scores(block, len(part), k, ban, among, self.budget_mb)
            return index.top(self._queries(part), self.vectors, k, ban, among, self.budget_mb)

        found = self._answered(in_parts(best, requests, exclude))
        return filled(found, without_history(requests), self.popular, exclude, among)

    def pool(
        self,
        requests: Requests,
        k: int,
        exclude: Ragged | None = None,
        among: Tensor | None = None,
    ) -> TopK:
        """Each interest's own best k: together they hold whatever `recommend` lists."""
        vectors = self.vectors
        if vectors is None:
            raise ValueError(
                "this similarity has no vectors (exact scoring only), so interests have no lists "
                "of their own; use dot or cosine"
            )

        def best(part: Requests, ban: Ragged | None) -> tuple[Tensor, Tensor]:
            queries = self._queries(part)
            if ban is not None:
                ban = ban.select(torch.arange(len(part)).repeat_interleave(queries.shape[1]))
            alone = queries.flatten(0, 1)[:, None]
            ids, scores = index.top(alone, vectors, k, ban, among, self.budget_mb)
            return _merged(ids.view(len(part), -1), scores.view(len(part), -1))

        found = self._answered(in_parts(best, requests, exclude))
        return filled(found, without_history(requests), self.popular, exclude, among)

    def ranks(self, requests: Requests, truth: Ragged, exclude: Ragged | None = None) -> Tensor:
        """[sum]: the place at which `recommend` would list each wanted item; 0 = never."""
        found = []
        for part, rows in parts(requests):
            wanted = truth.select(rows)
            ban = None if exclude is None else exclude.select(rows)
            if self.vectors is None:
                block, budget = self._block(part), self.budget_mb
                found.append(index.ranks_scores(block, len(part), wanted, ban, budget_mb=budget))
            else:
                found.append(index.ranks(self._queries(part), self.vectors, wanted, ban))
        bare = without_history(requests)
        return placed(torch.cat(found), bare, self.popular, truth, exclude)

    def score(self, requests: Requests, ids: Tensor) -> Tensor:
        """[R, M]: the score of given candidates; -inf for id 0."""
        out = torch.full(ids.shape, -torch.inf)
        a_row = 4 * 2 * max(1, ids.shape[1]) * self._width()
        for part, rows in parts(requests, min(AT_ONCE, self.budget_mb * 2**20 // a_row)):
            mine, queries = ids[rows], self._queries(part)
            with answering(self.model):
                if self.vectors is None:
                    scores = self.model.similarity(queries, self._own(mine)).cpu()
                else:
                    scores = (queries @ self.vectors[mine].transpose(1, 2)).cpu()
            out[rows] = scores.amax(1).masked_fill(mine == NOTHING, -torch.inf)
        return out

    def _queries(self, requests: Requests) -> Tensor:
        """[R, K, D'], in inner-product form where there is one."""
        with answering(self.model):
            blocks = [self.model.queries(part) for part, _ in parts(requests, self.encoded)]
            queries = torch.cat(blocks) if len(blocks) > 1 else blocks[0]
            vectors = self.model.similarity.as_vectors(query=queries)
        lengths = known(requests).lengths
        if few := int(((lengths > 0) & (lengths < queries.shape[1])).sum()):
            log.info("%d requests have fewer events than %d interests", few, queries.shape[1])
        return queries if vectors is None else vectors

    def _each(self, form: Callable[[Tensor], Tensor | None]) -> Tensor | None:
        """[n + 1, D'], the form of every item's vector; None where there is none."""
        out: Tensor | None = None
        with answering(self.model):
            for ids in torch.split(torch.arange(self.items + 1), ITEMS):
                part = form(self.model.items(ids))
                if part is None:
                    return None
                if out is None:
                    out = part.new_empty(self.items + 1, part.shape[1])
                out[ids[0] : ids[-1] + 1] = part
        return out

    def _indexed(self, vectors: Tensor) -> Tensor | None:
        """The vectors in inner-product form; None = exact scoring only."""
        form = self.model.similarity.as_vectors(item=vectors)
        return form

    def _small(self, vectors: Tensor) -> Tensor | None:
        """The vectors themselves, where those of all items fit into the budget."""
        need = (self.items + 1) * vectors.shape[1] * vectors.element_size()
        return vectors if need <= self.budget_mb * 2**20 else None

    def _own(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D], vectors as the similarity takes them."""
        return self.model.items(ids) if self.own is None else self.own[ids]

    def _width(self) -> int:
        """Numbers of an item's vector."""
        if self.vectors is not None:
            return self.vectors.shape[1]
        with answering(self.model):
            return self._own(torch.zeros(1, dtype=torch.int64)).shape[1]

    def _block(self, requests: Requests) -> Callable[[slice], Tensor]:
        """[rows, n + 1] of the whole catalogue, for a similarity without vectors."""
        queries = self._queries(requests)

        def block(rows: slice) -> Tensor:
            mine = queries[rows]
            out = torch.empty(len(mine), self.items + 1)
            with answering(self.model):
                for ids in torch.split(torch.arange(self.items + 1), ITEMS):
                    to = slice(int(ids[0]), int(ids[-1]) + 1)
                    vectors = self.model.items(ids) if self.own is None else self.own[to]
                    step = max(1, MET // (len(ids) * queries.shape[1]))
                    for at in torch.split(torch.arange(len(mine)), step):
                        out[at, to] = self.model.similarity(mine[at], vectors[None]).amax(1).cpu()
            return out

        return block

    def _answered(self, found: tuple[Tensor, Tensor]) -> TopK:
        return TopK(*found, why=torch.zeros(len(found[0]), dtype=torch.int64))


def _on_processor(model: object) -> bool:
    return not isinstance(model, nn.Module) or all(w.is_cpu for w in model.parameters())


def _merged(ids: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    """Best first, each id once, with its largest score; the gaps at the end are id 0 and -inf."""
    ids, scores = _ordered(ids, scores)
    by_id = ids.sort(dim=1, stable=True)
    again = torch.zeros_like(ids, dtype=torch.bool)
    again[:, 1:] = by_id.values[:, 1:] == by_id.values[:, :-1]
    repeat = torch.zeros_like(again).scatter(1, by_id.indices, again)
    return _ordered(ids.masked_fill(repeat, NOTHING), scores.masked_fill(repeat, -torch.inf))


def _ordered(ids: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    by_score = scores.sort(dim=1, descending=True, stable=True)
    return ids.gather(1, by_score.indices), by_score.values
