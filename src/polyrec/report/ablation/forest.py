"""A forest plot: one line a change, its interval around its difference, zero in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from polyrec.report.html import Safe, join, paragraph, tag
from polyrec.report.svg import Scale, short, ticks

WIDTH, ROW, TOP, BOTTOM = 900.0, 30.0, 12.0, 46.0
LABELS, FIGURES = 236.0, 176.0  # width of the names on the left and of the numbers on the right
TONES = {"keep": "c", "drop": "bad"}


@dataclass(frozen=True)
class Mark:
    """One line of the plot; the pale box is what is too small to be found here."""

    name: str
    difference: float
    low: float
    high: float
    detectable: float
    verdict: str


def forest(marks: Sequence[Mark], across: str) -> Safe:
    """The plot and its legend; an empty text where there is nothing to draw."""
    if not marks:
        return Safe()
    low = min(min(one.low, -one.detectable) for one in marks)
    high = max(max(one.high, one.detectable) for one in marks)
    places = ticks(low, high, 6)
    x = Scale(places[0], places[-1], LABELS, WIDTH - FIGURES)
    height = TOP + ROW * len(marks) + BOTTOM
    parts = [*_grid(x, places, height), *_across(x, height, across)]
    for place, one in enumerate(marks):
        parts += _line(one, x, TOP + ROW * (place + 0.5))
    box = {"viewBox": f"0 0 {WIDTH:g} {height:g}", "class": "forest", "role": "img"}
    picture = tag("svg", {**box, "aria-label": across}, *parts)
    return tag("figure", "", tag("div", "scroll", picture), _legend(marks))


def _grid(x: Scale, places: Sequence[float], height: float) -> list[Safe]:
    bottom, parts = height - BOTTOM, []
    for value in places:
        style = "zero" if value == 0 else "axis"
        ends = {"x1": x(value), "x2": x(value), "y1": TOP - 6, "y2": bottom, "class": style}
        parts += [tag("line", ends), _text(_tick(value), x(value), bottom + 16, "middle")]
    return parts


def _across(x: Scale, height: float, across: str) -> list[Safe]:
    """What the axis means, and which side is better."""
    y = height - 8
    return [
        _text("← worse", x.start, y, "start"),
        _text(across, (x.start + x.end) / 2, y, "middle"),
        _text("better →", x.end, y, "end"),
    ]


def _line(one: Mark, x: Scale, y: float) -> list[Safe]:
    tone = TONES.get(one.verdict, "grey")
    told = f"{one.name}: {one.difference:+.4f} ({one.low:+.4f} to {one.high:+.4f}), {one.verdict}"
    left, right = x(-one.detectable), x(one.detectable)
    pale = {"x": left, "y": y - 9, "width": round(right - left, 2), "height": 18, "rx": 3}
    ends = {"x1": x(one.low), "x2": x(one.high), "y1": y, "y2": y, "class": f"whisker {tone}"}
    spot = {"cx": x(one.difference), "cy": y, "r": 5, "class": f"f{tone}"}
    numbers = f"{one.difference:+.4f} [{one.low:+.4f}, {one.high:+.4f}]"
    dot = Safe(tag("circle", spot)[:-2] + ">" + join([tag("title", "", told)]) + "</circle>")
    return [
        tag("rect", pale | {"class": "frule hidden-size"}),
        tag("line", ends),
        dot,
        _text(_cut(one.name), 0, y + 4, "start", "name"),
        _text(numbers, WIDTH, y + 4, "end", "figures"),
    ]


def _legend(marks: Sequence[Mark]) -> Safe:
    keys = [
        tag("span", "", tag("i", tone), verdict)
        for verdict, tone in TONES.items()
        if any(one.verdict == verdict for one in marks)
    ]
    others = dict.fromkeys(one.verdict for one in marks if one.verdict not in TONES)
    if others:
        keys.append(tag("span", "", tag("i", "grey"), ", ".join(others)))
    note = "Dot: difference from the anchor; line: its 95% interval; pale box: differences that so "
    note += "many users and seeds would miss more than one time in five."
    return tag("div", "", tag("div", "key", *keys), paragraph(note, "note"))


def _text(text: str, x: float, y: float, anchor: str, style: str = "") -> Safe:
    place = {"x": round(x, 2), "y": round(y, 2), "text-anchor": anchor, "class": style}
    return tag("text", place, text)


def _tick(value: float) -> str:
    return "0" if value == 0 else f"{'+' if value > 0 else ''}{short(value)}"


def _cut(name: str) -> str:
    return name if len(name) <= 34 else name[:33] + "…"
