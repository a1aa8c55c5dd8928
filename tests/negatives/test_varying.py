"""Samplers that time decides: numbers, ratios, and that they follow from progress alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
import torch

from polyrec.negatives import CURRICULUM, Blend, Curriculum, Popular, Uniform, Varying
from polyrec.train import Linear, Piecewise, Rounded
from polyrec.types import PairBatch, Progress, Ragged, Requests

EASY, MEDIUM, HARD = CURRICULUM["easy"], CURRICULUM["medium"], CURRICULUM["hard"]


def batch() -> PairBatch:
    requests = Requests(torch.arange(3), Ragged.of([[], [], []]))
    return cast(
        PairBatch,
        SimpleNamespace(requests=requests, positives=torch.tensor([1, 2, 3]), weight=torch.ones(3)),
    )


def counts(sampler: Curriculum | Varying, epoch: int) -> list[int]:
    draws = sampler.sample(batch(), Progress(epoch=epoch)).draws
    return [draw.ids.shape[1] for draw in draws]


def test_a_growing_count_starts_at_1_and_ends_at_5() -> None:
    """The published int(1 + 4 epoch / epochs) never reaches 5: 15 epochs end at 4."""
    count = Rounded(Linear(1, 5, over=15))
    growing = Varying(lambda p: Uniform(100, count(p)))
    assert [counts(growing, epoch) for epoch in (0, 7, 14)] == [[1], [3], [5]]
    assert [count(Progress(epoch=e)) for e in range(15)] == [
        round(1 + 4 * e / 14) for e in range(15)
    ]


def test_a_single_epoch_keeps_the_first_count() -> None:
    assert Rounded(Linear(1, 5, over=1))(Progress()) == 1


def test_every_step_of_the_curriculum_deals_all_negatives() -> None:
    assert all(sum(ratios) == pytest.approx(1) for ratios in CURRICULUM.values())


def test_the_curriculum_moves_from_easy_to_hard_and_drops_what_has_no_share() -> None:
    sources = (
        Uniform(100, 1, draws="unique"),
        Uniform(100, 1),
        Popular(100, torch.ones(101), 1),
    )
    steps = Piecewise(((0, EASY), (5, MEDIUM), (10, HARD)))
    sampler = Curriculum(sources, steps, 20)
    assert [counts(sampler, epoch) for epoch in (0, 4, 5, 9, 10, 14)] == [
        [2, 16, 2], [2, 16, 2], [6, 12, 2], [6, 12, 2], [12, 8], [12, 8],
    ]  # fmt: skip


def test_a_slow_start_of_hard_negatives_ends_at_its_ratios() -> None:
    sources = (Uniform(100, 1), Uniform(100, 1), Popular(100, torch.ones(101), 1))
    blend = Blend((0.0, 0.6, 0.4), (0.5, 0.3, 0.2), over=5)
    sampler = Curriculum(sources, blend, 1280)
    assert [counts(sampler, epoch) for epoch in (0, 2, 4, 9)] == [
        [768, 512], [320, 576, 384], [640, 384, 256], [640, 384, 256],
    ]  # fmt: skip


def test_ratio_and_number_can_move_together() -> None:
    sampler = Curriculum(
        (Uniform(100, 1), Uniform(100, 1)), lambda _: (0.5, 0.5), Rounded(Linear(2, 6, over=3))
    )
    assert [counts(sampler, epoch) for epoch in (0, 1, 2)] == [[1, 1], [2, 2], [3, 3]]


def test_blended_ratios_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="2 ratios towards 3"):
        Blend((0.5, 0.5), (0.5, 0.3, 0.2), over=3)


def test_another_number_of_negatives_shares_the_tables() -> None:
    one = Popular(1000, torch.ones(1001), 5)
    two = one.with_count(9)
    assert (one.count, two.count) == (5, 9)
    assert two._alias is one._alias
    with pytest.raises(ValueError, match="count=0"):
        one.with_count(0)
