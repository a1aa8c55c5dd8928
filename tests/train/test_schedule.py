"""Schedules against values that can be checked on paper."""

from __future__ import annotations

import pytest

from polyrec.train import (
    AdaptiveMargin,
    Constant,
    Cosine,
    Epochs,
    Geometric,
    Linear,
    Piecewise,
    Plateau,
    Rounded,
    Steps,
    WarmUp,
    best,
)
from polyrec.types import Progress


def judged(*values: float, stage: str = "s") -> Progress:
    """Progress after these evaluations, one each 10 steps."""
    rows = [
        {"stage": stage, "epoch": 0, "step": 10 * (place + 1), "m": value}
        for place, value in enumerate(values)
    ]
    return Progress(stage="s", step=10 * len(values), metrics=rows)


def test_a_growing_count_of_negatives_reaches_its_last_value_in_the_last_epoch() -> None:
    count = Rounded(Linear(1, 5, over=15))
    assert [count(Progress(epoch=e)) for e in (0, 7, 14, 99)] == [1, 3, 5, 5]


def test_a_curriculum_changes_where_its_pieces_start() -> None:
    ratio = Piecewise(((0, 0.8), (5, 0.6), (10, 0.4)))
    assert [ratio(Progress(epoch=e)) for e in (0, 4, 5, 9, 10, 30)] == [
        0.8,
        0.8,
        0.6,
        0.6,
        0.4,
        0.4,
    ]


@pytest.mark.parametrize("starts", [(), (1, 2), (0, 5, 5), (0, 5, 3)])
def test_pieces_out_of_order_are_refused(starts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="need 0 first, then rising"):
        Piecewise(tuple((start, 1.0) for start in starts))


def test_warm_up_rises_evenly_to_the_schedule_behind_it() -> None:
    rate = WarmUp(4, Constant(0.2))
    assert [rate(Progress(step=s)) for s in (0, 1, 3, 8)] == pytest.approx([0.05, 0.1, 0.2, 0.2])


def test_half_a_cosine_passes_its_middle_at_half_time() -> None:
    rate = Cosine(1.0, 0.0, over=11, by="step")
    assert [rate(Progress(step=s)) for s in (0, 5, 10, 99)] == pytest.approx([1, 0.5, 0, 0])


def test_a_geometric_weight_may_grow() -> None:
    assert Geometric(0.5, 2.0)(Progress(epoch=3)) == 4.0


def test_plateau_counts_anew_after_each_reduction_and_each_best() -> None:
    rate = Plateau(1.0, "m", factor=0.5, patience=2)
    values = [1, 0, 0, 0, 2, 0, 0, 0, 0]
    seen = [rate(judged(*values[:count])) for count in range(len(values) + 1)]
    assert seen == [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_the_margin_grows_with_every_best_and_shrinks_on_a_stall() -> None:
    width = AdaptiveMargin("m", low=0.5, high=0.75, up=0.1, down=0.9, patience=2)
    values = [1, 2, 3, 0, 0, 4]
    seen = [width(judged(*values[:count])) for count in range(len(values) + 1)]
    assert seen == pytest.approx([0.5, 0.6, 0.7, 0.75, 0.75, 0.675, 0.75])


def test_folds_look_at_their_own_stage_only() -> None:
    progress = judged(5, 5, 5, stage="another")
    assert best(progress, "m") is None


def test_smaller_is_better_with_a_minus() -> None:
    found = best(judged(3, 1, 2), "-m")
    assert found is not None
    assert (found.value, found.step, found.flat) == (1, 20, 1)


def test_a_negative_first_value_is_the_best_so_far() -> None:
    found = best(judged(-5), "m")
    assert found is not None
    assert found.flat == 0


def test_an_equal_value_is_no_new_best() -> None:
    found = best(judged(1, 1), "m")
    assert found is not None
    assert (found.step, found.flat) == (10, 1)


def test_of_equals_the_next_metric_decides() -> None:
    progress = judged(1, 2, 2, 2)
    for row, loss in zip(progress.metrics, (0.1, 0.5, 0.3, 0.4), strict=True):
        row["loss"] = loss
    found = best(progress, "m,-loss")
    assert found is not None
    assert (found.value, found.step, found.flat) == (2, 30, 1)


def test_an_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(KeyError, match="nearest is 'm'"):
        best(judged(1), "mm")


def test_spans_count_in_steps() -> None:
    assert [Epochs(3).steps(7), Epochs(0.5).steps(7), Steps(9).steps(7)] == [21, 4, 9]


@pytest.mark.parametrize("span", [Epochs(0), Steps(0), Steps(-1)])
def test_an_empty_span_is_refused(span: Epochs | Steps) -> None:
    with pytest.raises(ValueError, match="need more than 0"):
        span.steps(5)
