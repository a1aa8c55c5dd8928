"""Pictures hold their numbers, whatever these are."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyrec.report import svg

values = st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-9)


@given(values, values)
def test_ticks_cover_the_range_with_a_round_step(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    if 0 < high - low < 1e-6 * max(abs(low), abs(high)):
        return  # closer than an axis label can show
    places = svg.ticks(low, high)
    slack = 1e-6 * max(high - low, 1e-12)
    assert places[0] <= low + slack
    assert places[-1] >= high - slack
    assert 2 <= len(places) <= 9


@given(st.lists(st.tuples(values, values), min_size=1, max_size=8))
def test_a_chart_of_any_points_stays_on_the_picture(points: list[tuple[float, float]]) -> None:
    drawn = svg.line_chart([svg.Line("curve", tuple(points))], "step", "loss")
    for x, y in re.findall(r"[ML](-?[\d.e+]+),(-?[\d.e+]+)", drawn):
        assert -1 <= float(x) <= svg.WIDTH + 1
        assert -1 <= float(y) <= svg.HEIGHT + 1
    assert "nan" not in drawn


def test_an_interval_lies_where_its_numbers_are() -> None:
    drawn = svg.interval(0.2, 0.5, 0.8, 1.0)
    boxes = re.findall(r'x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', drawn)
    assert [(float(x), float(width)) for x, width in boxes] == [(0, 100), (20, 60), (49.5, 1)]


def test_a_negative_difference_shows_its_zero() -> None:
    assert svg.interval(-0.2, -0.1, 0.05, 0.2).count("<rect") == 4


def test_a_heat_map_shows_every_number() -> None:
    drawn = svg.heat_map([[1.0, -0.25], [-0.25, 1.0]], ["1", "2"])
    assert drawn.count(">-0.25<") == 2
    assert drawn.count(">1.00<") == 2


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (1234.0, "1.23k"), (2.5e6, "2.5M"), (-0.125, "-0.125")]
)
def test_numbers_are_shortened(value: float, shown: str) -> None:
    assert svg.short(value) == shown
