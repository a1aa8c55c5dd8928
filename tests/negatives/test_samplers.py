"""What each sampler draws and refuses, and what the corrections buy."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from polyrec.losses import sampled_softmax, sampled_softmax_uncorrected
from polyrec.negatives import (
    All,
    Drawn,
    InBatch,
    InBatchStreaming,
    LogUniform,
    Mixed,
    Popular,
    Uniform,
    deal,
    false_negatives,
    masks,
)
from polyrec.types import (
    Alone,
    Negatives,
    PairBatch,
    Progress,
    Ragged,
    RankingLoss,
    Requests,
    Scores,
)


def batch(positives: Tensor, history: Ragged | None = None) -> PairBatch:
    rows = positives.numel()
    empty = Ragged(torch.zeros(0, dtype=torch.int64), torch.zeros(rows + 1, dtype=torch.int64))
    requests = Requests(torch.arange(rows), history or empty)
    return SimpleNamespace(requests=requests, positives=positives, weight=torch.ones(rows))


def scores(logits: Tensor, positives: Tensor, negatives: Negatives, weight: Tensor) -> Scores:
    """Scores of rows whose logits over the catalogue are known: [B, n + 1]."""
    rows = torch.arange(len(positives))
    met = [logits[rows[:, None], d.ids[d.row]] for d in negatives.draws]
    log_q = [d.log_q.expand_as(d.ids)[d.row] for d in negatives.draws]
    valid = [d.valid.expand_as(m) for d, m in zip(negatives.draws, met, strict=True)]
    return Scores(
        logits[rows, positives], torch.cat(met, 1), negatives.pos_log_q, torch.cat(log_q, 1),
        torch.cat(valid, 1), weight,
    )  # fmt: skip


@pytest.fixture(params=[masks.TABLE, 0], ids=["by a table", "by a search"])
def places(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to find what is masked: the table serves small catalogues alone."""
    monkeypatch.setattr(masks, "TABLE", request.param)


@pytest.mark.usefixtures("places")
def test_parts_of_a_batch_each_have_a_set_of_their_own() -> None:
    asked = batch(torch.tensor([1, 2, 3, 4, 5, 6, 7]))
    (draw,) = Uniform(50, 6, parts=3).sample(asked, Progress(seed=1)).draws
    assert draw.ids.shape == (3, 6)
    assert draw.row.tolist() == [0, 0, 0, 1, 1, 2, 2]
    expected = draw.ids[draw.row] != asked.positives[:, None]
    assert torch.equal(draw.valid.expand(7, 6), expected)


def test_parts_of_a_batch_are_the_same_in_one_process_and_in_two() -> None:
    sampler, asked = Uniform(50, 6, parts=4), torch.arange(1, 9)
    (whole,) = sampler.sample(batch(asked), Progress(seed=1)).draws
    halves = [
        sampler.sample(batch(half), Progress(seed=1, ranks=Alone(rank, 2))).draws[0]
        for rank, half in enumerate(asked.split(4))
    ]
    assert torch.equal(torch.cat([half.row for half in halves]), whole.row)
    assert all(torch.equal(half.ids, whole.ids) for half in halves)
    assert torch.equal(torch.cat([half.valid for half in halves]), whole.valid)


def test_log_uniform_ranks_the_items_itself() -> None:
    counts = torch.tensor([0, 1, 50, 7, 0])
    sampler = LogUniform(4, counts, 1, draws="replacement")
    log_q = torch.stack(
        [
            sampler.sample(batch(torch.tensor([item])), Progress()).pos_log_q[0]
            for item in (1, 2, 3, 4)
        ]
    )
    law = torch.log1p(1 / torch.tensor([3.0, 1.0, 2.0, 4.0])) / math.log(5)
    assert torch.allclose(log_q.exp(), law)


def test_unique_draws_expect_one_minus_the_chance_of_never() -> None:
    sampler = LogUniform(1000, torch.ones(1001), 50)
    one = sampler.draw(batch(torch.tensor([3])), Progress(), "negatives")
    p = math.log(2) / math.log(1001)
    expected = float(one.expected(torch.tensor([1]), torch.tensor([0])))
    trials = math.log(1 - expected) / math.log(1 - p)
    assert trials == pytest.approx(round(trials), abs=1e-6)
    assert trials > 50


def test_the_published_form_draws_padding_as_the_most_frequent_class() -> None:
    sampler = LogUniform(367_982, torch.ones(367_983), 1280, draws="tf")
    drawn = sampler.draw(batch(torch.tensor([1])), Progress(), "negatives")
    assert 0 in drawn.ids
    assert float(sampler._chance[0]) == pytest.approx(0.0541, abs=1e-4)


def test_popular_draws_in_proportion_to_a_power_of_the_count() -> None:
    sampler = Popular(3, torch.tensor([9, 16, 1, 0]), 17, alpha=0.5)
    log_q = sampler.sample(batch(torch.tensor([1, 2])), Progress()).pos_log_q
    assert log_q.exp().tolist() == pytest.approx([17 * 4 / 5, 17 * 1 / 5])


def test_popular_never_draws_an_item_of_count_0() -> None:
    sampler = Popular(5, torch.tensor([0, 3, 0, 1, 0, 1]), 500)
    assert set(sampler.sample(batch(torch.tensor([1])), Progress()).draws[0].ids[0].tolist()) == {
        1, 3, 5,
    }  # fmt: skip


def test_a_positive_of_count_0_counts_as_1_with_a_warning() -> None:
    sampler = Popular(3, torch.tensor([0, 16, 1, 0]), 10, alpha=0.5)
    progress = Progress()
    with pytest.warns(UserWarning, match="1 positives have count 0"):
        log_q = sampler.sample(batch(torch.tensor([3])), progress).pos_log_q
    assert float(log_q.exp()) == pytest.approx(10 * 1 / 5)
    assert progress.notes["positives_without_count"] == 1


def test_in_batch_expects_the_other_rows_times_the_stream_s_chance() -> None:
    sampler = InBatch(torch.tensor([0, 0.5, 0.3, 0.2]))
    negatives = sampler.sample(batch(torch.tensor([1, 2, 3, 1])), Progress())
    assert negatives.pos_log_q.exp().tolist() == pytest.approx([1.5, 0.9, 0.6, 1.5])


@pytest.mark.usefixtures("places")
def test_in_batch_masks_duplicates_of_the_target() -> None:
    valid = InBatch(torch.tensor([0, 0.5, 0.5])).sample(batch(torch.tensor([1, 2, 1])), Progress())
    assert valid.draws[0].valid.tolist() == [
        [False, True, False],
        [True, False, True],
        [False, True, False],
    ]


def test_in_batch_meets_the_rows_of_all_processes() -> None:
    class Two:
        rank, size = 0, 2

        def gather(self, x: Tensor) -> Tensor:
            return torch.cat([x, torch.tensor([3, 3])])

    sampler = InBatch(torch.tensor([0, 0.5, 0.3, 0.2]))
    negatives = sampler.sample(batch(torch.tensor([1, 2])), Progress(ranks=Two()))  # type: ignore[arg-type]
    assert negatives.draws[0].ids.tolist() == [[1, 2, 3, 3]]
    assert negatives.pos_log_q.exp().tolist() == pytest.approx([1.5, 0.9])


def test_the_streaming_estimate_finds_the_stream_s_shares_and_survives_a_checkpoint() -> None:
    share = torch.tensor([0, 0.6, 0.3, 0.1])
    sampler, draw = InBatchStreaming(3, rate=0.01), torch.Generator().manual_seed(2)
    for _ in range(300):
        sampler.sample(batch(torch.multinomial(share, 16, True, generator=draw)), Progress())
    assert (1 / sampler.gap[1:]).tolist() == pytest.approx([0.6, 0.3, 0.1], rel=0.15)
    again = InBatchStreaming(3, rate=0.01)
    again.load_state_dict(sampler.state_dict())
    now = batch(torch.tensor([1, 2, 3]))
    first, second = sampler.sample(now, Progress()), again.sample(now, Progress())
    assert torch.equal(first.pos_log_q, second.pos_log_q)


def test_the_whole_catalogue_has_log_q_0() -> None:
    negatives = All(5).sample(batch(torch.tensor([2])), Progress())
    assert negatives.draws[0].ids.tolist() == [[1, 2, 3, 4, 5]]
    assert bool((negatives.draws[0].log_q == 0).all())
    assert bool((negatives.pos_log_q == 0).all())


def test_the_whole_catalogue_refuses_a_batch_beyond_its_budget() -> None:
    with pytest.raises(MemoryError, match=r"128 rows over 1,000,000 items needs 1,465 MB"):
        All(1_000_000).sample(batch(torch.ones(128, dtype=torch.int64)), Progress())


def test_largest_remainder_deals_every_negative() -> None:
    assert [deal((0.5, 0.3, 0.2), n) for n in (5, 4, 3, 1, 10, 1280)] == [
        [3, 1, 1], [2, 1, 1], [1, 1, 1], [1, 0, 0], [5, 3, 2], [640, 384, 256],
    ]  # fmt: skip


@pytest.mark.parametrize("size", range(1, 60))
def test_largest_remainder_stays_within_one_of_the_ratio(size: int) -> None:
    ratios = (0.37, 0.2, 0.33, 0.1)
    dealt = deal(ratios, size)
    assert sum(dealt) == size
    assert all(abs(got - ratio * size) < 1 for got, ratio in zip(dealt, ratios, strict=True))


class Window:
    """A source that draws uniformly from a few ids and leaves the row's target out."""

    share, per_set = "batch", False

    def __init__(self, low: int, high: int, count: int) -> None:
        self.low, self.high, self.count = low, high, count

    def draw(self, batch: PairBatch, progress: Progress, purpose: str) -> Drawn:
        random = progress.generator(purpose)
        ids = torch.randint(self.low, self.high, (1, self.count), generator=random)
        rate = self.count / (self.high - self.low)

        def expected(ids: Tensor, _: Tensor) -> Tensor:
            return torch.where((ids >= self.low) & (ids < self.high), rate, 0.0).double()

        return Drawn(ids, torch.zeros(batch.positives.numel(), dtype=torch.int64), expected)


def test_a_mixture_estimates_the_sum_of_the_softmax_without_bias() -> None:
    items = 500
    counts = 1000 / torch.arange(items + 1).clamp(min=1)
    counts[400:] = 0
    s = torch.randn(items + 1, generator=torch.Generator().manual_seed(8)).double()
    s[10:100] += 2
    mixed = Mixed((Uniform(items, 64), Popular(items, counts.floor(), 64), Window(10, 100, 32)))  # type: ignore[arg-type]
    now, found = batch(torch.tensor([450])), []
    for step in range(1500):
        draws = [
            source.draw(now, Progress(step=step), f"negatives/{place}")
            for place, source in enumerate(mixed.sources)
        ]
        ids = torch.cat([draw.ids for draw in draws], 1)
        expected = sum(draw.expected(ids, draw.row) for draw in draws)
        found.append(float((s[ids].exp() / expected).sum()))
    estimate, truth = torch.tensor(found).double(), float(s[1:].exp().sum())
    assert abs(float(estimate.mean()) - truth) < 3 * float(estimate.std()) / math.sqrt(1500)


def test_a_mixture_counts_every_source_for_positives_and_negatives_alike() -> None:
    mixed = Mixed((Uniform(100, 10), Window(5, 15, 5)))  # type: ignore[arg-type]
    negatives = mixed.sample(batch(torch.tensor([7, 90])), Progress())
    assert negatives.pos_log_q.exp().tolist() == pytest.approx([0.1 + 0.5, 0.1])
    for draw in negatives.draws:
        inside = (draw.ids >= 5) & (draw.ids < 15)
        law = torch.where(inside, 0.6, 0.1)
        assert torch.allclose(draw.log_q.exp(), law)


def test_sources_of_a_mixture_draw_apart() -> None:
    negatives = Mixed((Uniform(1000, 30), Uniform(1000, 30))).sample(
        batch(torch.tensor([1])), Progress()
    )
    assert not torch.equal(negatives.draws[0].ids, negatives.draws[1].ids)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: LogUniform(900, torch.ones(901), 1280),
            "1,280 unique negatives from 900 items: use <= 899, or negatives=all",
        ),
        (lambda: Uniform(900, 900, draws="unique"), "use <= 899, or negatives=all"),
        (lambda: Uniform(900, 0), "count=0, need at least 1; for a loss without negatives"),
        (lambda: Uniform(0, 1), "items=0, need at least 1"),
        (lambda: Uniform(9, 1, share="user"), "share='user', use one of batch, sequence, row"),
        (lambda: Uniform(9, 1, draws="once"), "draws='once', use replacement or unique"),
        (lambda: Uniform(9, 1, parts=2.5), "parts=2.5, need a whole number from 1"),
        (lambda: Uniform(9, 1, parts=0), "parts=0, need a whole number from 1"),
        (
            lambda: Uniform(9, 1, share="row", parts=3),
            "parts=3 needs share=batch, got share=row",
        ),
        (lambda: LogUniform(9, None, 1), "counts=None, need 10"),
        (
            lambda: LogUniform(900, torch.ones(900), 5),
            "counts has 900 entries, 900 items need 901",
        ),
        (lambda: Popular(2, torch.tensor([5, 0, 0]), 1), "counts of all 2 items are 0"),
        (lambda: Popular(2, torch.tensor([0, -1, 2]), 1), "counts holds a negative"),
        (lambda: Popular(2, torch.ones(3), 1, alpha=-1), "alpha=-1, need >= 0"),
        (lambda: InBatch(torch.tensor([0.0, 3.0])), "probability sums to 3, need"),
        (lambda: InBatchStreaming(5, rate=0), "rate=0, need 0 < rate <= 1"),
        (lambda: Mixed(()), "no sources"),
        (lambda: deal((0.5, 0.4), 10), "ratios sum to 0.9, need 1"),
        (lambda: deal((1.5, -0.5), 10), "need each >= 0"),
        (
            lambda: Mixed.of((Uniform(9, 1), InBatch(torch.tensor([0.0, 1]))), (0.5, 0.5), 4),
            "InBatch takes its number from the batch",
        ),
        (
            lambda: Mixed(
                (Uniform(9, 1, share="sequence"), LogUniform(9, torch.ones(10), 2, share="row"))
            ),
            "sources share by row, sequence, and unique or hard draws need one level",
        ),
    ],
)
def test_a_sampler_refuses_what_it_cannot_draw(make, text: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=text.replace("(", r"\(")):
        make()


@pytest.mark.usefixtures("places")
def test_history_of_asked_positions_is_the_whole_sequence() -> None:
    history = Ragged.of([[1, 2, 3], [4, 5]])
    requests = Requests(torch.arange(2), history, asked=torch.tensor([0, 1, 3]))
    now = SimpleNamespace(
        requests=requests, positives=torch.tensor([2, 3, 5]), weight=torch.ones(3)
    )
    for share in ("batch", "sequence", "row"):
        draw = Uniform(6, 40, share=share, mask_history=True).sample(now, Progress()).draws[0]  # type: ignore[arg-type]
        ids = draw.ids[draw.row]
        own = [torch.tensor([1, 2, 3]), torch.tensor([1, 2, 3]), torch.tensor([4, 5])]
        seen = torch.stack([torch.isin(ids[row], own[row]) for row in range(3)])
        assert torch.equal(draw.valid, ~seen)


@pytest.mark.usefixtures("places")
def test_false_negatives_are_the_share_of_valid_entries_that_come_true() -> None:
    now = batch(torch.tensor([1, 2]))
    negatives = All(4).sample(now, Progress())  # row 0 meets 2 3 4, row 1 meets 1 3 4
    assert float(false_negatives(negatives, Ragged.of([[2, 1, 2], []]))) == pytest.approx(1 / 6)


def test_unfiltered_uniform_negatives_hold_positives_and_the_mask_removes_those_of_the_past() -> (
    None
):
    liked = Ragged.of([list(range(10 * row + 1, 10 * row + 10)) for row in range(5)])
    now = batch(torch.arange(10, 60, 10), history=liked)
    plain = Uniform(60, 300).sample(now, Progress())
    masked = Uniform(60, 300, mask_history=True).sample(now, Progress())
    assert float(false_negatives(plain, liked)) == pytest.approx(9 / 59, rel=0.2)
    assert float(false_negatives(masked, liked)) == 0


def learnt(truth: Tensor, sampler: InBatch, loss: RankingLoss, steps: int = 500) -> Tensor:
    """[types, n]: logits learnt from rows drawn by p(type, item), averaged over the last half."""
    types, items = truth.shape
    joint = torch.softmax(truth.flatten().double(), 0)
    table = torch.zeros(types, items + 1, requires_grad=True)
    optimiser = torch.optim.Adam([table], lr=0.05)
    total = torch.zeros(types, items)
    for step in range(steps):
        progress = Progress(step=step)
        drawn = torch.multinomial(joint, 128, True, generator=progress.generator("rows"))
        positives = drawn % items + 1
        negatives = sampler.sample(batch(positives), progress)
        logits = table[drawn // items]
        cost = loss(scores(logits, positives, negatives, torch.ones(128)))
        optimiser.zero_grad()
        cost.backward()
        optimiser.param_groups[0]["lr"] = 0.05 * (1 - step / steps)
        optimiser.step()
        if step >= steps // 2:
            total += table.detach()[:, 1:] / (steps - steps // 2)
    return total


def spread(learnt: Tensor, truth: Tensor) -> Tensor:
    """Largest error of a difference of two logits of one type."""
    error = learnt - truth
    return (error.amax(1) - error.amin(1)).max()


def test_log_q_is_never_divided_by_the_temperature() -> None:
    """At tau = .1 learnt differences between common and rare items are the true log-odds to .1.

    Divided by tau, the correction would be ten times too large: the differences err by 10 and more.
    """
    tau, items = 0.1, 40
    truth = torch.linspace(1.0, -1.0, items)
    every, share = torch.arange(1, items + 1), torch.softmax(truth, 0)  # all positives, weighed
    counts = torch.cat([torch.zeros(1), (1000 / every).ceil()])
    sampler, now = LogUniform(items, counts, 25), batch(every)
    table, mean = torch.zeros(items + 1, requires_grad=True), torch.zeros(items)
    for step in range(1500):
        logits = (table / tau).expand(items, items + 1)
        negatives = sampler.sample(now, Progress(step=step))
        cost = sampled_softmax(scores(logits, every, negatives, share))
        (slope,) = torch.autograd.grad(cost, table)
        with torch.no_grad():
            table[1:] -= 0.05 * tau**2 * slope[1:] / share  # every item at the same pace
        mean += table.detach()[1:] / tau / 1000 * (step >= 500)
    error = mean - truth
    for common, rare in zip(error[:20].split(5), error[20:].split(5), strict=True):
        assert abs(float(common.mean() - rare.mean())) < 0.1


def test_in_batch_needs_its_correction() -> None:
    draw = torch.Generator().manual_seed(1)
    skew = torch.linspace(3, 0, 30)
    truth = skew + torch.randn(3, 30, generator=draw)
    share = torch.softmax(truth.flatten(), 0).view(3, 30).sum(0)
    sampler = InBatch(torch.cat([torch.zeros(1), share]))
    right = spread(learnt(truth, sampler, sampled_softmax), truth)
    wrong = spread(learnt(truth, sampler, sampled_softmax_uncorrected), truth)
    assert float(right) < 0.5 * float(wrong)


def test_a_large_batch_lends_only_so_many_of_its_answers() -> None:
    chance = torch.full((41,), 1 / 40)
    chance[0] = 0
    sampler, here = InBatch(chance, most=8), batch(torch.arange(1, 33))
    found = [sampler.sample(here, Progress(step=step)).draws[0] for step in range(2)]
    assert found[0].ids.shape == (1, 8)
    assert bool(torch.isin(found[0].ids, here.positives).all())
    assert not torch.equal(found[0].ids, found[1].ids)
    assert torch.allclose(found[0].log_q.exp(), torch.tensor(8 / 40))
    assert InBatch(chance, most=99).sample(here, Progress()).draws[0].ids.shape == (1, 32)
    with pytest.raises(ValueError, match="most=0"):
        InBatch(chance, most=0)
