"""Hard windows: what is searched, what is drawn, what is corrected, what is refused."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from polyrec.index import top
from polyrec.losses import sampled_softmax
from polyrec.negatives import (
    HardCache,
    HardWindow,
    MaskKnown,
    Mixed,
    Popular,
    Uniform,
    false_negatives,
)
from polyrec.nn import Dot
from polyrec.types import PairBatch, Progress, Ragged, Requests, Retriever, Scores

ITEMS, ACTORS, DIM = 300, 12, 8


class Vectors(nn.Module):
    """A model whose queries and items are given."""

    def __init__(self, queries: Tensor, items: Tensor, similarity: nn.Module | None = None) -> None:
        super().__init__()
        self.given, self.table = queries, items
        self.similarity = similarity or Dot()

    def prepare(self) -> Vectors:
        return self

    def queries(self, requests: Requests) -> Tensor:
        return self.given[requests.actor][:, None]

    def items(self, ids: Tensor) -> Tensor:
        return self.table[ids]


class Unindexed(nn.Module):
    """The plain product, scored exhaustively."""

    def forward(self, query: Tensor, item: Tensor) -> Tensor:
        return query @ item.transpose(-1, -2)

    def as_vectors(self, query: Tensor | None = None, item: Tensor | None = None) -> None:
        return None


def vectors(similarity: nn.Module | None = None) -> Retriever:
    draw = torch.Generator().manual_seed(1)
    items = torch.randn(ITEMS + 1, DIM, generator=draw)
    items[0] = 0
    return cast(Retriever, Vectors(torch.randn(ACTORS + 1, DIM, generator=draw), items, similarity))


def known(each: int = 25) -> Ragged:
    """[A + 1]: some items of every actor, unsorted, one of them twice."""
    draw = torch.Generator().manual_seed(2)
    rows: list[list[int]] = [[]]
    for _ in range(ACTORS):
        own = (torch.randperm(ITEMS, generator=draw)[:each] + 1).tolist()
        rows.append([*own, own[0]])
    return Ragged.of(rows)


def requests(actor: Tensor, lists: Ragged) -> Requests:
    return Requests(actor, lists.select(actor))


def blocks(lists: Ragged, size: int = 5) -> Iterator[tuple[Tensor, Requests]]:
    for actor in torch.split(torch.arange(1, ACTORS + 1), size):
        yield actor, requests(actor, lists)


def searched(lists: Ragged, model: Retriever | None = None, **settings: Any) -> HardCache:
    cache = HardCache(ITEMS, lists, **settings)
    cache.refresh(model or vectors(), blocks(lists), Progress(stage="s"))
    return cache


def batch(actor: Tensor, positives: Tensor, lists: Ragged) -> PairBatch:
    return cast(
        PairBatch,
        SimpleNamespace(
            requests=requests(actor, lists),
            positives=positives,
            weight=torch.ones(len(actor)),
        ),
    )


@pytest.mark.parametrize("similarity", [Dot(), Unindexed()], ids=["indexed", "exhaustive"])
def test_a_window_holds_the_ranks_below_the_best_of_what_the_actor_lacks(
    similarity: nn.Module,
) -> None:
    lists, model = known(), vectors(similarity)
    cache = searched(lists, model)
    for actor in range(1, ACTORS + 1):
        scores = cast(Any, model).given[actor] @ cast(Any, model).table.T
        scores[0] = -torch.inf
        scores[lists.select(torch.tensor([actor])).values] = -torch.inf
        ranked = scores.argsort(descending=True)[10:100]
        assert set(cache.of(torch.tensor([actor]))[0].tolist()) == set(ranked.tolist())


def test_known_positives_that_would_stand_in_the_window_are_remembered() -> None:
    lists, model = known(), vectors()
    cache = searched(lists, model)
    for actor in range(1, ACTORS + 1):
        own = torch.unique(lists.select(torch.tensor([actor])).values)
        for item in own.tolist():
            others = own[own != item]
            scores = cast(Any, model).given[actor] @ cast(Any, model).table.T
            scores[0], scores[others] = -torch.inf, -torch.inf
            rank = int((scores > scores[item]).sum())
            found = cache.stands_beside(torch.tensor([actor]), torch.tensor([item]))
            assert bool(found) == (10 <= rank < 100)


def test_the_mean_of_the_history_can_be_the_query() -> None:
    lists, model = known(), vectors()
    cache = searched(lists, model, query="mean_items")
    table = cast(Any, model).table
    mean = table[lists.select(torch.tensor([3])).values].mean(0)
    ids, _ = top(mean[None, None], table, 100, lists.select(torch.tensor([3])))
    assert set(cache.of(torch.tensor([3]))[0].tolist()) == set(ids[0, 10:].tolist())


def test_a_target_whose_rank_lies_in_the_window_counts_though_it_is_never_drawn() -> None:
    lists = known()
    cache = searched(lists)
    actor = torch.repeat_interleave(torch.arange(1, ACTORS + 1), 26)
    positives = lists.values
    mixed = Mixed((Uniform(ITEMS, 30), HardWindow(cache, 18)))
    found = mixed.sample(batch(actor, positives, lists), Progress(stage="s"))
    beside = cache.stands_beside(actor, positives)
    assert 0 < int(beside.sum()) < len(beside)
    expected = 30 / ITEMS + torch.where(beside, 18 / 90, 0.0)
    assert torch.allclose(found.pos_log_q.exp(), expected)


def test_a_shared_draw_beside_windows_counts_the_window_of_each_row() -> None:
    lists = known()
    cache, actor = searched(lists), torch.arange(1, ACTORS + 1)
    mixed = Mixed((Uniform(ITEMS, 40), HardWindow(cache, 18)))
    wide, near = mixed.sample(batch(actor, actor, lists), Progress(stage="s")).draws
    inside = (wide.ids[0][None, :, None] == cache.of(actor)[:, None]).any(2)
    assert torch.allclose(wide.log_q.exp(), 40 / ITEMS + torch.where(inside, 0.2, 0.0))
    assert torch.allclose(near.log_q.exp(), torch.tensor(40 / ITEMS + 0.2))


def test_uniform_popular_and_hard_together_estimate_the_sum_of_the_softmax() -> None:
    """64 + 64 + 32 from a window of 90, thousands of draws: within 3 standard errors."""
    lists, model = known(), vectors()
    counts = (1000 / torch.arange(ITEMS + 1).clamp(min=1)).floor()
    hard = HardWindow(searched(lists, model), 32)
    mixed = Mixed((Uniform(ITEMS, 64), Popular(ITEMS, counts, 64), hard))
    actor = torch.tensor([3])
    s = (cast(Any, model).given[3] @ cast(Any, model).table.T).double()
    target = lists.select(actor).values[:1]
    found = []
    for step in range(3000):
        now = mixed.sample(batch(actor, target, lists), Progress(stage="s", step=step))
        parts = [
            (draw.valid * s[draw.ids].exp() / draw.log_q.double().exp()).sum() for draw in now.draws
        ]
        found.append(float(sum(parts)))
    estimate = torch.tensor(found).double()
    truth = float(s[1:].exp().sum() - s[target].exp())
    assert abs(float(estimate.mean()) - truth) < 3 * float(estimate.std()) / math.sqrt(3000)


def test_hard_draws_left_out_of_the_correction_weigh_more() -> None:
    lists = known()
    hard = HardWindow(searched(lists), 18)
    now = batch(torch.arange(1, 5), torch.arange(1, 5), lists)
    plain = Mixed((Uniform(ITEMS, 30), hard), hard_correction="none").sample(now, Progress())
    assert torch.allclose(plain.draws[1].log_q.exp(), torch.tensor(30 / ITEMS))
    assert torch.allclose(plain.pos_log_q.exp(), torch.tensor(30 / ITEMS))


def test_a_softmax_refuses_hard_draws_that_nothing_corrects() -> None:
    lists = known()
    only = Mixed((HardWindow(searched(lists), 18),), hard_correction="none")
    found = only.sample(batch(torch.tensor([1]), torch.tensor([1]), lists), Progress())
    scores = Scores(
        torch.zeros(1), torch.zeros(1, 18), found.pos_log_q, found.draws[0].log_q,
        found.draws[0].valid, torch.ones(1),
    )  # fmt: skip
    with pytest.raises(ValueError, match="log_q is NaN"):
        sampled_softmax(scores)


def test_an_actor_without_a_window_meets_nobody() -> None:
    lists = known()
    now = batch(torch.tensor([0, 3]), torch.tensor([5, 5]), lists)
    draw = HardWindow(searched(lists), 7).sample(now, Progress(stage="s")).draws[0]
    valid = draw.valid.expand(2, 7)
    assert not bool(valid[0].any())
    assert bool(valid[1].all())


def test_a_window_wider_than_the_rest_of_the_catalogue_shrinks_with_one_warning() -> None:
    lists = Ragged.of([[], list(range(1, 251)), [1]])
    model = vectors()
    cache, progress = HardCache(ITEMS, lists), Progress()
    some = torch.tensor([1, 2])
    with pytest.warns(UserWarning, match="their window is shrunk"):
        cache.refresh(model, [(some, requests(some, lists))], progress)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.refresh(model, [(some, requests(some, lists))], progress)
    assert (cache.of(some) > 0).sum(1).tolist() == [40, 90]


def test_age_is_the_number_of_steps_since_the_search() -> None:
    lists, progress = known(), Progress(stage="s", step=7)
    HardWindow(searched(lists), 3).sample(
        batch(torch.tensor([1]), torch.tensor([1]), lists), progress
    )
    assert progress.noted()["age/hard"] == 7


def test_a_search_says_how_much_of_the_windows_is_new() -> None:
    lists, model = known(), vectors()
    cache = HardCache(ITEMS, lists)
    first = cache.refresh(model, blocks(lists), Progress())
    assert first == {"actors": ACTORS, "window": 90, "new": 1.0}
    assert cache.refresh(model, blocks(lists), Progress())["new"] == 0


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: HardCache(9, known(), ranks=(5, 5)), ValueError, "need 0 <= first < last"),
        (lambda: HardCache(9, known(), query="mean"), ValueError, "use model or mean_items"),
        (
            lambda: HardCache(9, Ragged(torch.zeros(0).long(), torch.zeros(9_000_001).long())),
            MemoryError,
            "hard windows of 8,999,999 actors x 90 items need 3,090 MB, budget_mb=512",
        ),
        (
            lambda: HardWindow(HardCache(9, known()), 3, share="batch"),
            ValueError,
            "use sequence or row",
        ),
        (
            lambda: HardWindow(HardCache(ITEMS, known()), 3).sample(
                batch(torch.tensor([1]), torch.tensor([1]), known()), Progress()
            ),
            ValueError,
            "hard windows are empty",
        ),
        (lambda: Mixed((Uniform(9, 1),), "some"), ValueError, "use mixture or none"),
    ],
)
def test_a_hard_window_refuses_what_it_cannot_do(make: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def planted() -> tuple[Retriever, Ragged, Ragged]:
    """A world of 60 people who like what lies near them: what is known, and what comes later."""
    draw = torch.Generator().manual_seed(4)
    items, people = 2000, 60
    table = torch.randn(items + 1, DIM, generator=draw)
    table[0] = 0
    queries = torch.randn(people + 1, DIM, generator=draw)
    chance = torch.softmax(1.5 * queries @ table[1:].T, 1)
    liked = torch.multinomial(chance, 60, generator=draw) + 1
    start = 30 * torch.arange(people + 1).clamp(min=0)
    start = torch.cat([start.new_zeros(1), start])
    first, later = liked[1:, :30].reshape(-1), liked[1:, 30:].reshape(-1)
    model = cast(Retriever, Vectors(queries, table))
    return model, Ragged(first, start), Ragged(later, start)


def test_the_default_window_avoids_the_false_negatives_of_the_first_ranks() -> None:
    model, lists, later = planted()
    everyone = torch.arange(1, 61)
    now = batch(everyone, lists.values[lists.start[everyone]], lists)
    share = {}
    for ranks in ((0, 10), (10, 100)):
        cache = HardCache(2000, lists, ranks=ranks)
        cache.refresh(model, [(everyone, requests(everyone, lists))], Progress())
        drawn = HardWindow(cache, 200).sample(now, Progress())
        share[ranks] = float(false_negatives(drawn, later.select(everyone)))
    assert share[0, 10] >= 3 * share[10, 100]


def test_the_mask_of_what_is_known_removes_every_false_negative_of_the_log() -> None:
    _, lists, _ = planted()
    everyone = torch.arange(1, 61)
    now = batch(everyone, lists.values[lists.start[everyone]], Ragged.of([[]] * 61))
    ahead = lists.select(everyone)
    plain = Uniform(2000, 400)
    before = plain.sample(now, Progress())
    after = MaskKnown(plain, lists).sample(now, Progress())
    assert float(false_negatives(before, ahead)) == pytest.approx(29 / 2000, rel=0.2)
    assert float(false_negatives(after, ahead)) == 0
    gone = before.draws[0].valid & ~after.draws[0].valid
    seen = (before.draws[0].ids[:, None] == ahead.padded(30)[:, :, None]).any(1)
    assert torch.equal(gone, seen & before.draws[0].valid)


def test_all_questions_of_a_sequence_share_the_list_of_its_actor() -> None:
    history = Ragged.of([[1, 2, 3], [4, 5]])
    asked = Requests(torch.tensor([2, 1]), history, asked=torch.tensor([0, 1, 3]))
    now = cast(
        PairBatch,
        SimpleNamespace(requests=asked, positives=torch.tensor([2, 3, 5]), weight=torch.ones(3)),
    )
    lists = Ragged.of([[], [4, 5, 6], [1, 2, 3, 7]])
    draw = MaskKnown(Uniform(8, 60), lists).sample(now, Progress()).draws[0]
    for row, own in enumerate(([1, 2, 3, 7], [1, 2, 3, 7], [4, 5, 6])):
        assert torch.equal(draw.valid[row], ~torch.isin(draw.ids[0], torch.tensor(own)))


def test_all_questions_of_a_sequence_share_the_window_of_its_actor() -> None:
    lists = known()
    cache = searched(lists)
    history = Ragged.of([[1, 2, 3], [4, 5]])
    asked = Requests(torch.tensor([2, 1]), history, asked=torch.tensor([0, 1, 3]))
    now = cast(
        PairBatch,
        SimpleNamespace(requests=asked, positives=torch.tensor([2, 3, 5]), weight=torch.ones(3)),
    )
    draw = HardWindow(cache, 50).sample(now, Progress(stage="s")).draws[0]
    assert draw.ids.shape == (2, 50)
    assert draw.row.tolist() == [0, 0, 1]
    for place, actor in enumerate((2, 1)):
        assert bool(torch.isin(draw.ids[place], cache.of(torch.tensor([actor]))[0]).all())
