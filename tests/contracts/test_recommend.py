"""Every recommender that is listed lists real items, best first, and the same whoever else asks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from polyrec.models import ComiRecSA
from polyrec.nn import Interests
from polyrec.recommend import RECOMMENDERS, Diverse, Fallback, Retrieve, Score
from polyrec.types import Ragged, Recommender, Requests

ITEMS = 40
COUNTS = torch.cat([torch.zeros(1, dtype=torch.int64), torch.arange(ITEMS, 0, -1)])
CATEGORIES = torch.arange(ITEMS + 1) % 5 + 1
each = pytest.mark.parametrize("name", RECOMMENDERS)


class Likeness(nn.Module):
    """A scorer of the whole catalogue: items near in number are alike."""

    items_count = ITEMS

    def prepare(self) -> Likeness:
        return self

    def scores(self, requests: Requests) -> Tensor:
        last = requests.history.values[requests.history.start[1:] - 1]
        return -(torch.arange(ITEMS + 1) - last[:, None]).abs().float()


def model() -> ComiRecSA:
    torch.manual_seed(1)
    return ComiRecSA(ITEMS, 8, Interests(2, 6, hidden=4), "tf1")


MAKE: dict[str, Callable[[], Recommender]] = {
    "retrieve": lambda: Retrieve(model(), ITEMS, COUNTS),
    "score": lambda: Score(Likeness()),
    "fallback": lambda: Fallback(Score(Likeness()), COUNTS),
    "diverse": lambda: Diverse(Retrieve(model(), ITEMS, COUNTS), CATEGORIES, 0.1),
}


def ask(*rows: list[int]) -> Requests:
    return Requests(torch.zeros(len(rows), dtype=torch.int64), Ragged.of(rows))


SOME = ([3, 9, 4], [17], [40, 1, 22, 8], [5, 5, 6])


def test_every_recommender_has_an_example() -> None:
    assert set(MAKE) == set(RECOMMENDERS)
    assert all(isinstance(make(), RECOMMENDERS[name]) for name, make in MAKE.items())


@each
def test_a_list_holds_real_items_each_once(name: str) -> None:
    ids = MAKE[name]().recommend(ask(*SOME), 12).ids
    assert ids.shape == (4, 12)
    assert 1 <= int(ids.min()) <= int(ids.max()) <= ITEMS
    assert all(len(set(row)) == 12 for row in ids.tolist())


@each
def test_what_is_excluded_is_never_listed(name: str) -> None:
    requests = ask(*SOME)
    ids = MAKE[name]().recommend(requests, 12, exclude=requests.history).ids
    for row, banned in zip(ids.tolist(), SOME, strict=True):
        assert not set(row) & set(banned)


@each
def test_an_answer_does_not_depend_on_who_else_asks(name: str) -> None:
    rec = MAKE[name]()
    together = rec.recommend(ask(*SOME), 7).ids
    alone = torch.cat([rec.recommend(ask(row), 7).ids for row in SOME])
    assert torch.equal(together, alone)


@each
def test_asked_twice_the_answer_is_the_same(name: str) -> None:
    rec = MAKE[name]()
    first, again = (rec.recommend(ask(*SOME), 9) for _ in range(2))
    assert torch.equal(first.ids, again.ids)
    assert torch.equal(first.scores, again.scores)


@each
def test_a_listed_score_is_the_score_of_the_item(name: str) -> None:
    rec = MAKE[name]()
    found = rec.recommend(ask(*SOME), 9)
    assert torch.allclose(rec.score(ask(*SOME), found.ids), found.scores, atol=1e-5)


@each
def test_a_recommender_says_what_it_is(name: str) -> None:
    assert (RECOMMENDERS[name].__doc__ or "").strip()
