"""The ceiling: a recommender that knows the truth, so no model can do better but by luck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from polyrec import index
from polyrec.data.vocab import Vocab
from polyrec.types import Ragged, Requests, TopK
from polyrec.worlds.people import People, arrival, funnel
from polyrec.worlds.retail import Retail
from polyrec.worlds.shelf import F64, Shelf

LIMIT = 2 * 2**30  # bytes


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
    """Ranks by the true chance of being clicked next: category's chance times item's share.

    A person who is not in the truth gets everybody's chances and `why` 1. `requests.time` says
    whether fresh items are there yet; without it they are.
    """

    def __init__(self, truth: Truth, vocabs: Mapping[str, Vocab]) -> None:
        known = truth.interests
        everybody = truth.shelf.chance[None, :]
        rows = _rows(vocabs["actor"], truth.user_keys)
        mixed = np.where((rows >= 0)[:, None], known[rows], everybody)
        self._known = torch.from_numpy(rows >= 0)
        self._mixed = torch.from_numpy(mixed.astype(np.float32))  # [U + 1, C]
        self._items = _item_vectors(truth, vocabs["target"])  # [2, n + 1, C]
        self._arrival = arrival(truth.world)

    def recommend(
        self,
        requests: Requests,
        k: int,
        exclude: Ragged | None = None,
        among: Tensor | None = None,
    ) -> TopK:
        """The k items most likely to be clicked next."""
        era, mixed = self._asked(requests)
        ids = torch.zeros(len(requests), k, dtype=torch.int64)
        scores = torch.zeros(len(requests), k)
        for one in sorted(set(era.tolist())):
            rows = torch.nonzero(era == one).squeeze(1)
            barred = None if exclude is None else exclude.select(rows)
            ids[rows], scores[rows] = index.top(
                mixed[rows][:, None, :], self._items[one], k, exclude=barred, among=among
            )
        return TopK(ids, scores, (~self._known[requests.actor]).long())

    def score(self, requests: Requests, ids: Tensor) -> Tensor:
        """[R, M]: the chance that each named item is the next click."""
        era, mixed = self._asked(requests)
        return torch.einsum("rc,rmc->rm", mixed, self._items[era[:, None], ids])

    def _asked(self, requests: Requests) -> tuple[Tensor, Tensor]:
        """[R] eras and [R, C] chances of categories."""
        if requests.time is None:
            era = torch.ones(len(requests), dtype=torch.int64)
        else:
            era = (requests.time >= self._arrival).long()
        return era, self._mixed[requests.actor]


def oracle(truth: Truth, vocabs: Mapping[str, Vocab]) -> Oracle:
    """The recommender that knows the truth, speaking the ids of a data set's vocabularies."""
    return Oracle(truth, vocabs)


def _rows(vocab: Vocab, keys: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """[size + 1]: the shop's number of each id, -1 for id 0 and for keys it does not know."""
    rows = np.full(vocab.size + 1, -1, dtype=np.int64)
    rows[vocab.ids(keys)] = np.arange(len(keys))
    rows[0] = -1
    return rows


def _item_vectors(truth: Truth, vocab: Vocab) -> Tensor:
    """[2, n + 1, C]: an item's share of its category in each era, zero elsewhere."""
    rows = _rows(vocab, truth.item_keys)
    real = np.flatnonzero(rows >= 0)
    vectors = np.zeros((2, len(rows), truth.world.categories), dtype=np.float32)
    vectors[:, real, truth.shelf.category[rows[real]]] = truth.shelf.weight[:, rows[real]]
    return torch.from_numpy(vectors)
