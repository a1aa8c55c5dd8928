"""The ceiling: a recommender that knows the truth, so no model can do better but by luck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from polyrec import index
from polyrec.data.vocab import Vocab
from polyrec.types import Ragged, Requests, TopK
from polyrec.worlds.people import People, arrival, funnel
from polyrec.worlds.retail import Retail
from polyrec.worlds.shelf import CLOSING, F64, Shelf

LIMIT = 2 * 2**30  # bytes
Horizon = Literal["rest", "next"]


@dataclass(frozen=True)
class Truth:
    """What the shop knows of itself: people's interests and the items' chances.

    Rows are the shop's own numbers (0-based); `user_keys` and `item_keys` name them.
    """

    world: Retail
    shelf: Shelf
    people: People
    user_keys: tuple[str, ...]
    item_keys: tuple[str, ...]

    @property
    def interests(self) -> F64:
        """[U, C]: the chance that a person's next click lies in a category; rows sum to 1.

        Raises:
            ValueError: the table would take more than 2 GB.
        """
        needed = 8 * self.world.users * self.world.categories
        if needed > LIMIT:
            raise ValueError(
                f"the oracle of {self.world.users:,} people and {self.world.categories:,} "
                f"categories takes {needed / 2**30:.1f} GB, limit {LIMIT / 2**30:.0f} GB: "
                "use a smaller world"
            )
        people, noise = self.people, funnel(self.world).clicked_noise
        held = np.arange(people.interests.shape[1]) < people.count[:, None]
        mixed = np.tile(noise * self.shelf.chance, (len(people), 1))
        rows = np.repeat(np.arange(len(people)), people.count)
        share = (1 - noise) / np.repeat(people.count, people.count)
        mixed[rows, people.interests[held]] += share
        return mixed


class Oracle:
    """Ranks by the true chance of being clicked: the category's chance times the item's share.

    A person who is not in the truth gets everybody's chances and `why` 1. `requests.time` says
    whether fresh items are there yet; without it they are.
    """

    def __init__(self, truth: Truth, vocabs: Mapping[str, Vocab], horizon: Horizon) -> None:
        known = truth.interests
        everybody = truth.shelf.chance[None, :]
        rows = _rows(vocabs["actor"], truth.user_keys)
        mixed = np.where((rows >= 0)[:, None], known[rows], everybody)
        self._known = torch.from_numpy(rows >= 0)
        self._mixed = torch.from_numpy(mixed.astype(np.float32))  # [U + 1, C]
        self._items = _item_vectors(truth, vocabs["target"])  # [n + 1, 2 C]
        self._arrival = arrival(truth.world)
        self._horizon = horizon

    def recommend(
        self,
        requests: Requests,
        k: int,
        exclude: Ragged | None = None,
        among: Tensor | None = None,
    ) -> TopK:
        """The k items most likely to be clicked."""
        queries = self._queries(requests)[:, None, :]
        ids, scores = index.top(queries, self._items, k, exclude=exclude, among=among)
        return TopK(ids, scores, (~self._known[requests.actor]).long())

    def score(self, requests: Requests, ids: Tensor) -> Tensor:
        """[R, M]: the chance that each named item is what will be clicked."""
        return torch.einsum("rc,rmc->rm", self._queries(requests), self._items[ids])

    def _queries(self, requests: Requests) -> Tensor:
        """[R, 2 C]: chances of categories before fresh items arrive, and after."""
        mixed, late = self._mixed[requests.actor], self._late(requests)[:, None]
        return torch.cat([mixed * (1 - late), mixed * late], dim=1)

    def _late(self, requests: Requests) -> Tensor:
        """[R]: the chance that what is asked for happens after fresh items have arrived."""
        if requests.time is None:
            return torch.ones(len(requests))
        if self._horizon == "next":
            return (requests.time >= self._arrival).float()
        left = (CLOSING - requests.time).clamp(min=1).double()
        return ((CLOSING - self._arrival) / left).clamp(0, 1).float()


def oracle(truth: Truth, vocabs: Mapping[str, Vocab], horizon: Horizon = "rest") -> Oracle:
    """The recommender that knows the truth, speaking the ids of a data set's vocabularies.

    Args:
        horizon: "rest" is the ceiling where all later clicks are wanted (a cut of the sequence),
            "next" where the click at `requests.time` is (leave-one-out). They differ only in
            worlds with fresh items: a later click may fall on one that is not there yet.
    """
    return Oracle(truth, vocabs, horizon)


def _rows(vocab: Vocab, keys: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """[size + 1]: the shop's number of each id, -1 for id 0 and for keys it does not know."""
    rows = np.full(vocab.size + 1, -1, dtype=np.int64)
    rows[vocab.ids(keys)] = np.arange(len(keys))
    rows[0] = -1
    return rows


def _item_vectors(truth: Truth, vocab: Vocab) -> Tensor:
    """[n + 1, 2 C]: an item's share of its category before fresh items arrive, and after."""
    rows = _rows(vocab, truth.item_keys)
    real = np.flatnonzero(rows >= 0)
    size = truth.world.categories
    vectors = np.zeros((len(rows), 2 * size), dtype=np.float32)
    category = truth.shelf.category[rows[real]]
    for era in (0, 1):
        vectors[real, category + era * size] = truth.shelf.weight[era, rows[real]]
    return torch.from_numpy(vectors)
