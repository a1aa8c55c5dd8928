"""Lists are the exact best, diversity is the greedy trade, an empty history is never guessed at."""

import pytest
import torch
from torch import nn

from polyrec.models import ComiRecDR, MostPopular, YouTubeDNN
from polyrec.nn import MLP, SIMILARITIES, Cosine, Interests, ItemGatedMultiHead, MaxMultiHead
from polyrec.recommend import Diverse, Fallback, Retrieve, Score, retrieve
from polyrec.recommend import parts as blocks
from polyrec.types import Ragged, Requests

ITEMS = 60


class Distance(nn.Module):
    """A similarity without an inner-product form."""

    def forward(self, query, item):
        return -torch.cdist(query, item)

    def as_vectors(self, query=None, item=None):
        return None


def ask(*rows):
    return Requests(torch.zeros(len(rows), dtype=torch.int64), Ragged.of(rows))


def some(rows=7):
    generator = torch.Generator().manual_seed(2)
    draw = torch.randint(1, ITEMS + 1, (rows, 5), generator=generator)
    return ask(*draw.tolist())


def model(similarity=None):
    torch.manual_seed(1)
    return ComiRecDR(ITEMS, 16, Interests(3, 8), "tf1", similarity)


def unlike_dot(name):
    """A similarity whose parameters have left their start."""
    torch.manual_seed(7)
    made = SIMILARITIES[name](16)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
    return made


def by_force(made, requests):
    """[R, n + 1], -inf for item 0."""
    with torch.no_grad():
        every = made.items(torch.arange(ITEMS + 1))
        scores = made.similarity(made.queries(requests), every[None]).amax(1)
    scores[:, 0] = -torch.inf
    return scores


@pytest.mark.parametrize("similarity", [None, Cosine(), Distance()])
def test_lists_are_the_best_by_force(similarity):
    made = model(similarity)
    expected = by_force(made, some()).sort(dim=1, descending=True)
    found = Retrieve(made, ITEMS).recommend(some(), 10)
    assert torch.equal(found.ids, expected.indices[:, :10])
    assert torch.allclose(found.scores, expected.values[:, :10], atol=1e-5)
    assert found.why.tolist() == [0] * 7


@pytest.mark.parametrize("similarity", [None, Cosine(), Distance()])
def test_given_candidates_get_the_score_of_the_lists(similarity):
    recommender = Retrieve(model(similarity), ITEMS)
    found = recommender.recommend(some(), 10)
    assert torch.allclose(recommender.score(some(), found.ids), found.scores, atol=1e-5)


@pytest.mark.parametrize("name", SIMILARITIES)
def test_lists_of_every_similarity_are_the_best_by_force(name):
    made = model(unlike_dot(name))
    recommender = Retrieve(made, ITEMS)
    expected = by_force(made, some()).sort(dim=1, descending=True)
    found = recommender.recommend(some(), 10)
    assert torch.equal(found.ids, expected.indices[:, :10])
    assert torch.allclose(found.scores, expected.values[:, :10], atol=1e-4)


@pytest.mark.parametrize("name", SIMILARITIES)
def test_ranks_and_scores_agree_with_the_lists_of_every_similarity(name):
    recommender = Retrieve(model(unlike_dot(name)), ITEMS)
    found = recommender.recommend(some(), 10)
    ranks = recommender.ranks(some(), Ragged.of(found.ids.tolist()))
    assert ranks.view(7, 10).tolist() == [list(range(1, 11))] * 7
    assert torch.allclose(recommender.score(some(), found.ids), found.scores, atol=1e-4)


EXACT = [MLP(16), MaxMultiHead(16), ItemGatedMultiHead(16)]


@pytest.mark.parametrize("similarity", EXACT)
def test_without_vectors_there_is_no_pool(similarity):
    with pytest.raises(ValueError, match="exact scoring only"):
        Retrieve(model(similarity), ITEMS).pool(some(), 5)


class Counted(ComiRecDR):
    """Counts the items whose vectors it was asked for."""

    asked = 0

    def items(self, ids):
        self.asked += ids.numel()
        return super().items(ids)


@pytest.mark.parametrize("similarity", [None, *EXACT])
def test_item_vectors_are_computed_once(similarity):
    made = Counted(ITEMS, 16, Interests(3, 8), "tf1", similarity)
    recommender = Retrieve(made, ITEMS)
    before = made.asked
    found = recommender.recommend(some(), 10)
    recommender.ranks(some(), Ragged.of(found.ids.tolist()))
    recommender.score(some(), found.ids)
    assert made.asked == before


@pytest.mark.parametrize("similarity", EXACT)
def test_item_vectors_that_do_not_fit_are_computed_again(similarity, monkeypatch):
    whole, made = Retrieve(model(similarity), ITEMS), model(similarity)
    monkeypatch.setattr(retrieve, "ITEMS", 7)
    monkeypatch.setattr(retrieve, "MET", 30)
    cut = Retrieve(made, ITEMS, budget_mb=0)
    cut.budget_mb = 512
    assert cut.own is None
    assert torch.equal(cut.recommend(some(), 10).ids, whole.recommend(some(), 10).ids)
    ids = torch.tensor([[1, 9, 0]]).expand(7, -1)
    assert torch.allclose(cut.score(some(), ids), whole.score(some(), ids), atol=1e-5)


def test_candidate_zero_scores_minus_infinity():
    assert Retrieve(model(), ITEMS).score(ask([1, 2]), torch.tensor([[0, 3]]))[0, 0] == -torch.inf


def test_small_blocks_give_the_same_lists(monkeypatch):
    recommender, requests = Retrieve(model(), ITEMS), some()
    ban = Ragged.of([[row + 1] for row in range(7)])
    whole = recommender.recommend(requests, 10, ban)
    monkeypatch.setattr(blocks.parts, "__defaults__", (3,))
    cut = recommender.recommend(requests, 10, ban)
    assert torch.equal(whole.ids, cut.ids)


def test_excluded_items_are_left_out_and_only_they():
    plain = Retrieve(model(), ITEMS).recommend(some(), 10).ids
    ban = Ragged.of([row[:2].tolist() for row in plain])
    assert torch.equal(Retrieve(model(), ITEMS).recommend(some(), 8, ban).ids, plain[:, 2:])


def test_only_allowed_items_are_listed():
    found = Retrieve(model(), ITEMS).recommend(some(), 5, among=torch.tensor([4, 9]))
    assert set(found.ids[:, :2].flatten().tolist()) == {4, 9}
    assert (found.ids[:, 2:] == 0).all()


def test_a_model_in_training_answers_in_eval_mode_and_stays_in_training():
    made = model().train()
    Retrieve(made, ITEMS).recommend(some(), 3)
    assert made.training
    assert made.extract.training


def test_without_history_the_popular_answer_and_say_so():
    counts = torch.arange(ITEMS + 1)
    found = Retrieve(model(), ITEMS, counts).recommend(ask([1, 2], [], [0]), 3)
    assert found.why.tolist() == [0, 1, 1]
    assert found.ids[1].tolist() == [60, 59, 58]
    assert found.scores[1].tolist() == [59, 58, 57]


def test_without_history_and_counts_the_list_is_empty():
    found = Retrieve(model(), ITEMS).recommend(ask([]), 3)
    assert found.ids.tolist() == [[0, 0, 0]]
    assert found.why.tolist() == [1]


def test_a_fallback_respects_exclusions():
    ban = Ragged.of([[], [60]])
    found = Retrieve(model(), ITEMS, torch.arange(ITEMS + 1)).recommend(ask([1], []), 2, ban)
    assert found.ids[1].tolist() == [59, 58]


def test_fallback_wraps_any_recommender():
    scorer = MostPopular(ITEMS)
    found = Fallback(Score(scorer), torch.arange(ITEMS + 1)).recommend(ask([], [3]), 2)
    assert found.ids[0].tolist() == [60, 59]
    assert found.why.tolist() == [1, 0]
    scores = Fallback(Score(scorer), torch.arange(ITEMS + 1)).score(
        ask([], [3]), torch.tensor([[60, 0], [60, 1]])
    )
    assert scores.tolist() == [[59, -torch.inf], [0, 0]]


def test_counts_of_another_catalogue_are_an_error():
    with pytest.raises(ValueError, match="counts of 3 items for a model of 60"):
        Retrieve(model(), ITEMS, torch.ones(4))


def greedy_by_hand(scores, categories, weight, k):
    """One row: scores {id: f}."""
    chosen = []
    while scores and len(chosen) < k:
        best = max(
            scores, key=lambda j: scores[j] + weight * sum(
                categories[j] != categories[i] for i in chosen
            ),
        )  # fmt: skip
        chosen.append(best)
        del scores[best]
    return chosen


@pytest.mark.parametrize("weight", [0.0, 0.02, 0.1, 1.0])
def test_diversity_is_the_greedy_choice(weight):
    made = model()
    categories = torch.arange(ITEMS + 1) % 4 + 1
    found = Diverse(Retrieve(made, ITEMS), categories, weight).recommend(some(), 8)
    with torch.no_grad():
        queries, every = made.queries(some()), made.items(torch.arange(ITEMS + 1))
    for row in range(7):
        pool: dict[int, float] = {}
        for scores in queries[row] @ every[1:].T:
            best = scores.sort(descending=True)
            for score, item in zip(best.values[:8].tolist(), best.indices[:8] + 1, strict=True):
                pool[int(item)] = max(score, pool.get(int(item), -1e9))
        assert found.ids[row].tolist() == greedy_by_hand(pool, categories.tolist(), weight, 8)


def test_weight_zero_is_the_plain_list():
    inner = Retrieve(model(), ITEMS)
    diverse = Diverse(inner, torch.ones(ITEMS + 1, dtype=torch.int64), 0.0)
    assert torch.equal(diverse.recommend(some(), 10).ids, inner.recommend(some(), 10).ids)


def test_the_pool_at_k_holds_the_plain_list():
    inner = Retrieve(model(), ITEMS)
    pool, plain = inner.pool(some(), 10), inner.recommend(some(), 10)
    assert torch.equal(pool.ids[:, :10], plain.ids)
    for row in pool.ids.tolist():
        real = [item for item in row if item]
        assert len(real) == len(set(real))


def test_items_without_a_category_are_their_own_and_counted():
    categories = torch.zeros(ITEMS + 1, dtype=torch.int64)
    inner = Retrieve(model(), ITEMS)
    diverse = Diverse(inner, categories, 5.0)
    assert diverse.uncategorised == ITEMS
    assert torch.equal(diverse.recommend(some(), 10).ids, inner.recommend(some(), 10).ids)


def test_a_large_weight_takes_each_category_in_turn():
    categories = torch.arange(ITEMS + 1) % 3 + 1
    found = Diverse(Retrieve(model(), ITEMS), categories, 100.0).recommend(some(), 6).ids
    for row in categories[found].tolist():
        assert len(set(row[:3])) == len(set(row[3:])) == 3


def test_a_negative_weight_is_an_error():
    with pytest.raises(ValueError, match="weight must be >= 0"):
        Diverse(Retrieve(model(), ITEMS), torch.ones(ITEMS + 1), -0.1)


def test_diversity_needs_lists_of_each_interest():
    diverse = Diverse(Retrieve(model(Distance()), ITEMS), torch.ones(ITEMS + 1), 0.1)
    with pytest.raises(ValueError, match="exact scoring only"):
        diverse.recommend(some(), 3)


def test_more_items_than_there_are_gives_a_shorter_list():
    found = Retrieve(YouTubeDNN(3, 4), 3).recommend(ask([1]), 5)
    assert sorted(found.ids[0].tolist()) == [0, 0, 1, 2, 3]
