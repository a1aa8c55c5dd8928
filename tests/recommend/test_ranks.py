"""The full rank of a wanted item is its place in the whole list."""

import pytest
import torch
from torch import nn

from polyrec.models import YouTubeDNN
from polyrec.recommend import Fallback, Retrieve, Score
from polyrec.types import Ragged, Requests

ITEMS = 60
COUNTS = torch.arange(ITEMS + 1) % 7


class Distance(nn.Module):
    """A similarity without an inner-product form."""

    def forward(self, query, item):
        return -torch.cdist(query, item)

    def as_vectors(self, query=None, item=None):
        return None


def retriever(similarity=None):
    torch.manual_seed(1)
    return Retrieve(YouTubeDNN(ITEMS, 16, similarity=similarity), ITEMS, COUNTS)


class Sums(nn.Module):
    """Scores by the sum of the history: nothing for an empty one."""

    def prepare(self):
        return self

    def scores(self, requests):
        sums = torch.tensor(
            [
                float(requests.history.select(torch.tensor([r])).values.sum())
                for r in range(len(requests))
            ]
        )
        return torch.sin(sums[:, None] * torch.arange(ITEMS + 1))


@pytest.mark.parametrize(
    "make",
    [
        retriever,
        lambda: retriever(Distance()),
        lambda: Score(Sums()),
        lambda: Fallback(Score(Sums()), COUNTS),
    ],
)
def test_the_rank_is_the_place_in_the_whole_list(make):
    rec = make()
    history = Ragged.of([[3, 4], [], [9], []])
    requests = Requests(torch.zeros(4, dtype=torch.int64), history)
    truth = Ragged.of([[5, 3], [7, 0], [1], [60, 2]])
    places = rec.ranks(requests, truth, history).tolist()
    lists = rec.recommend(requests, ITEMS, exclude=history).ids.tolist()
    want = [
        lists[r].index(i) + 1 if i and i in lists[r] else 0
        for r, i in zip(truth.row.tolist(), truth.values.tolist(), strict=True)
    ]
    assert places == want


def test_without_popularity_nothing_is_placed_for_an_empty_history():
    torch.manual_seed(1)
    rec = Retrieve(YouTubeDNN(ITEMS, 16), ITEMS)
    requests = Requests(torch.zeros(1, dtype=torch.int64), Ragged.of([[]]))
    assert rec.ranks(requests, Ragged.of([[5]])).tolist() == [0]
