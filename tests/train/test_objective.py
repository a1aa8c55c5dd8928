"""Objectives: which interest learns, what each row meets, what is asked of the model."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from tests.train.toys import (
    DIM,
    INTERESTS,
    ITEMS,
    LabelRows,
    LabelStream,
    Model,
    Pairs,
    PairStream,
    label_loss,
)
from torch import Tensor

from polyrec.losses import Hardest, place, sampled_softmax, satisfied
from polyrec.negatives import All, Uniform
from polyrec.train import Answer, Rank, Scalable, Vary, faulty_to_padding, first, nearest
from polyrec.types import Draw, Encoded, Negatives, PairBatch, Progress, Ragged, Requests, Scores


@dataclass(frozen=True)
class Given:
    """Negatives as they are written down."""

    draws: tuple[Draw, ...]

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives:
        return Negatives(self.draws, torch.zeros(1))


@dataclass
class Seen:
    """A loss that keeps the scores it was shown."""

    scores: list[Scores] = field(default_factory=list)

    def __call__(self, scores: Scores) -> Tensor:
        self.scores.append(scores)
        return sampled_softmax(scores)


class Watched(Model):
    """Keeps what it was asked."""

    def forward(self, requests: Requests, ids: Tensor) -> Encoded:
        self.asked = ids
        encoded = super().forward(requests, ids)
        encoded.queries.retain_grad()
        self.found = encoded
        return encoded


def draw(ids: Tensor, row: Tensor, rows: int) -> Draw:
    return Draw(ids, row, torch.zeros(1, 1), torch.ones(rows, 1, dtype=torch.bool))


def batch() -> Pairs:
    return PairStream().batch(1, 0, 0)


def shared(rows: int) -> Given:
    ids = torch.tensor([[3, 9, 9, 27]])
    return Given((draw(ids, torch.zeros(rows, dtype=torch.int64), rows),))


def test_the_other_interests_get_no_gradient() -> None:
    model, pairs = Watched().eval(), batch()
    losses = Rank(sampled_softmax, shared(8))(model, pairs, Progress())
    losses.values["rank"].backward()
    target = F.embedding(pairs.positives, model.table)
    scores = torch.einsum("bkd,bd->bk", model.found.queries, target)
    grad = model.found.queries.grad
    assert grad is not None
    moved = grad.abs().sum(2) > 0
    assert torch.equal(moved, F.one_hot(scores.argmax(1), INTERESTS).bool())


def test_the_read_out_follows_the_target() -> None:
    model, queries = Model().eval(), torch.randn(64, 4, DIM)
    targets = model.items(torch.arange(1, 31).repeat(3)[:64]).detach()
    moved = nearest(model, queries, targets) != nearest(model, queries, targets.roll(1, 0))
    assert moved.float().mean() > 0.5


def test_the_faulty_read_out_never_sees_the_target() -> None:
    model, queries, targets = Model().eval(), torch.randn(64, 4, DIM), torch.randn(64, DIM)
    chosen = faulty_to_padding(model, queries, targets)
    assert torch.equal(chosen, faulty_to_padding(model, queries, targets.roll(1, 0)))


def test_first_refuses_several_interests() -> None:
    with pytest.raises(ValueError, match="the model has 4"):
        first(Model(), torch.zeros(2, 4, DIM), torch.zeros(2, DIM))


def test_each_distinct_id_is_asked_once() -> None:
    model, pairs = Watched(), batch()
    Rank(sampled_softmax, shared(8))(model, pairs, Progress())
    wanted = torch.unique(torch.cat([pairs.positives, torch.tensor([3, 9, 27])]))
    assert torch.equal(model.asked, wanted)


@pytest.mark.parametrize(
    "row",
    [
        [0, 1, 2, 3, 4, 5, 6, 7],
        [0, 0, 0, 1, 1, 1, 2, 2],
        [0, 0, 1, 1, 2, 2, 3, 3],
        [2, 0, 1, 2, 2, 0, 1, 2],
        [1] * 8,
    ],
    ids=["a row", "a sequence", "parts of one size", "any order", "one set of several"],
)
def test_every_row_meets_its_own_set(row: list[int]) -> None:
    model, pairs, seen, rows = Model().eval(), batch(), Seen(), torch.tensor(row)
    ids = torch.randint(1, ITEMS, (max(row) + 1, 5), generator=torch.Generator().manual_seed(2))
    Rank(seen, Given((draw(ids, rows, 8),)))(model, pairs, Progress())
    query = model.queries(pairs.requests)
    target = model.items(pairs.positives)
    chosen = query[torch.arange(8), nearest(model, query, target)]
    wanted = torch.einsum("bd,bnd->bn", chosen, model.items(ids[rows]))
    assert torch.allclose(seen.scores[0].neg, wanted, atol=1e-6)
    assert torch.allclose(seen.scores[0].pos, (chosen * target).sum(1), atol=1e-6)


def test_sources_stand_side_by_side() -> None:
    seen = Seen()
    wide = draw(torch.tensor([[1, 2, 3]]), torch.zeros(8, dtype=torch.int64), 8)
    own = replace(draw(torch.arange(1, 17).view(8, 2), torch.arange(8), 8), log_q=torch.ones(8, 2))
    Rank(seen, Given((wide, own)))(Model().eval(), batch(), Progress())
    scores = seen.scores[0]
    assert scores.neg.shape == (8, 5)
    assert scores.neg_log_q[0].tolist() == [0, 0, 0, 1, 1]
    assert scores.valid.shape == (8, 5)


def test_chance_is_the_loss_of_scores_that_are_all_alike() -> None:
    progress = Progress()
    Rank(sampled_softmax, shared(8))(Model().eval(), batch(), progress)
    assert progress.noted()["chance/rank"] == pytest.approx(torch.tensor(5.0).log().item())


def test_labels_are_averaged_over_the_task_space() -> None:
    model = Model().eval()
    rows = LabelStream().batch(1, 0, 0)
    losses = Answer({"buy": label_loss})(model, rows, Progress())
    inside = rows.weight["buy"] > 0
    logit = model.logits(rows).logits["buy"][inside]
    wanted = label_loss(logit, rows.labels["buy"][inside]).mean()
    assert losses.values["buy"].item() == pytest.approx(wanted.item(), rel=1e-6)


def test_chance_of_labels_is_the_entropy_of_their_rate() -> None:
    rows, progress = LabelStream(rows=40).batch(1, 0, 0), Progress()
    Answer({"click": label_loss})(Model(), rows, progress)
    rate = float(rows.labels["click"].mean())
    entropy = -rate * math.log(rate) - (1 - rate) * math.log(1 - rate)
    assert progress.noted()["chance/click"] == pytest.approx(entropy, rel=1e-5)


def test_a_task_without_a_valid_row_is_absent() -> None:
    rows = LabelStream().batch(1, 0, 0)
    empty = LabelRows(rows.ids, rows.labels, {**rows.weight, "buy": torch.zeros(6)})
    losses = Answer({"click": label_loss, "buy": label_loss})(Model(), empty, Progress())
    assert set(losses.values) == {"click"}


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(KeyError, match=r"clicks.*nearest is.*click"):
        Answer({"clicks": label_loss})(Model(), LabelStream().batch(1, 0, 0), Progress())


def test_vary_asks_time_which_objective_holds() -> None:
    by_step = {0: Answer({"click": label_loss}), 1: Answer({"buy": label_loss})}
    vary = Vary(lambda progress: by_step[progress.step])
    rows, model = LabelStream().batch(1, 0, 0), Model()
    assert set(vary(model, rows, Progress(step=0)).values) == {"click"}
    assert set(vary(model, rows, Progress(step=1)).values) == {"buy"}


def full_loss(model: Model, pairs: Pairs) -> Tensor:
    """Cross-entropy over the catalogue, in plain torch."""
    query, target = model.queries(pairs.requests), model.items(pairs.positives)
    chosen = query[torch.arange(8), nearest(model, query, target)]
    return F.cross_entropy(chosen @ model.table[1:].T, pairs.positives - 1)


def test_the_whole_catalogue_gives_the_full_cross_entropy_and_its_gradient() -> None:
    model, pairs = Model().eval(), batch()
    ours = Rank(sampled_softmax, All(ITEMS))(model, pairs, Progress()).values["rank"]
    full = full_loss(model, pairs)
    assert ours.item() == pytest.approx(full.item(), rel=1e-6)
    ours.backward()
    slopes = [
        weight.grad.to_dense() for weight in (model.table, model.maps) if weight.grad is not None
    ]
    model.zero_grad()
    full.backward()
    for slope, weight in zip(slopes, (model.table, model.maps), strict=True):
        assert weight.grad is not None
        assert torch.allclose(slope[1:], weight.grad.to_dense()[1:], atol=1e-6)


def test_a_row_without_a_positive_leaves_the_full_softmax() -> None:
    model, pairs = Model().eval(), batch()
    bare = replace(pairs, positives=torch.cat([torch.zeros(1).long(), pairs.positives[1:]]))
    ours = Rank(sampled_softmax, All(ITEMS))(model, bare, Progress()).values["rank"]
    without = replace(bare, weight=torch.tensor([0.0] + 7 * [1.0]))
    assert torch.equal(
        ours, Rank(sampled_softmax, All(ITEMS))(model, without, Progress()).values["rank"]
    )


def test_the_log_tells_what_a_loss_with_other_negatives_cannot() -> None:
    seen, progress = Seen(), Progress()
    rank = Rank(seen, shared(8), notes={"satisfied": partial(satisfied, width=0.1)})
    rank(Model().eval(), batch(), progress)
    noted, scores = progress.noted(), seen.scores[0]
    assert noted["positive/rank"] == pytest.approx(float(scores.pos.detach().mean()))
    assert noted["place/rank"] == pytest.approx(float(place(scores)))
    assert noted["satisfied/rank"] == pytest.approx(float(satisfied(scores, 0.1)))


def test_false_negatives_are_those_of_the_draws_that_the_loss_keeps() -> None:
    model, pairs, progress = Model().eval(), batch(), Progress()
    everything = Ragged.of([list(range(1, ITEMS + 1))] * 4 + [[]] * 4)
    drawn = Uniform(ITEMS, 6, share="row")
    Rank(Hardest(), drawn, later=lambda _: everything)(model, pairs, progress)
    assert progress.noted()["false/rank"] == pytest.approx(0.5)
    found = progress.noted()["valid/rank"]
    assert found > 0.5  # drawn: all six of a row, of which one is looked at


@pytest.mark.parametrize("directions", ["random", "mix"])
def test_buckets_of_everything_train_like_the_full_cross_entropy(directions: str) -> None:
    model, pairs, progress = Model().eval(), batch(), Progress()
    wide = Scalable(ITEMS, near=ITEMS, reach=3, directions=directions)  # type: ignore[arg-type]
    value = wide(model, pairs, progress).values["rank"]
    assert value.item() == pytest.approx(full_loss(model, pairs).item(), rel=1e-5)
    assert progress.noted()["coverage/rank"] == 1


def test_buckets_are_the_same_for_the_same_step_and_ask_few_items() -> None:
    model, pairs = Watched().eval(), batch()
    narrow = Scalable(ITEMS, near=3, reach=1)
    first_time = narrow(model, pairs, Progress(step=4)).values["rank"]
    assert len(model.asked) < ITEMS
    assert torch.equal(first_time, narrow(model, pairs, Progress(step=4)).values["rank"])


def test_rows_that_weigh_nothing_are_in_no_bucket() -> None:
    model, pairs, progress = Model().eval(), batch(), Progress()
    some = replace(pairs, weight=torch.tensor([1.0, 0, 1, 0, 1, 0, 1, 0]))
    wide = Scalable(ITEMS, near=ITEMS, reach=4)
    value = wide(model, some, progress).values["rank"]
    query, target = model.queries(some.requests), model.items(some.positives)
    chosen = query[torch.arange(8), nearest(model, query, target)]
    full = F.cross_entropy(chosen @ model.table[1:].T, some.positives - 1, reduction="none")
    assert value.item() == pytest.approx(full[::2].mean().item(), rel=1e-5)


def test_buckets_need_a_similarity_with_vectors() -> None:
    class Unindexed(Model):
        def __init__(self) -> None:
            super().__init__()
            self.similarity.as_vectors = lambda query=None, item=None: None  # type: ignore[method-assign]

    with pytest.raises(ValueError, match="exact scoring only"):
        Scalable(ITEMS)(Unindexed(), batch(), Progress())


def test_a_broken_model_gives_a_loss_that_is_not_finite() -> None:
    model = Model()
    with torch.no_grad():
        model.table[4] = torch.nan
    assert Scalable(ITEMS)(model, batch(), Progress()).values["rank"].isnan()
