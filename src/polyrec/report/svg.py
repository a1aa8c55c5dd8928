"""Small pictures as inline SVG: curves, intervals, shares and a heat map.

Colours are the page's own, so a picture follows light and dark. Every mark carries its number as
a tooltip; whatever a picture shows also stands in a table or its caption.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from polyrec.report.html import Safe, join, tag

Point = tuple[float, float]
WIDTH, HEIGHT = 470.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 12.0, 10.0, 34.0


@dataclass(frozen=True)
class Line:
    """A curve: `tone` is one of a, b, c, d, grey; `band` is a relative half-width around it."""

    label: str
    points: tuple[Point, ...]
    tone: str = "a"
    dashed: bool = False
    band: float = 0.0


@dataclass(frozen=True)
class Scale:
    """From values to places on the picture."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return round(
            self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 2
        )


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from at most `low` to at least `high`.

    >>> ticks(0.0, 0.43)
    [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    """
    if not high > low:
        low, high = low - 0.5 * abs(low or 1), high + 0.5 * abs(high or 1)
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def short(value: float) -> str:
    """A number as an axis or a table shows it.

    >>> short(12500), short(0.25), short(3.0)
    ('12.5k', '0.25', '3')
    """
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.4g}"


def line_chart(lines: Sequence[Line], across: str, up: str) -> Safe:
    """Curves over a common axis, with their legend below."""
    places = [point for line in lines for point in line.points]
    x_ticks = ticks(min(x for x, _ in places), max(x for x, _ in places))
    y_ticks = ticks(min(y for _, y in places), max(y for _, y in places))
    x = Scale(x_ticks[0], x_ticks[-1], LEFT, WIDTH - RIGHT)
    y = Scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP)
    marks = [*_axes(x, y, x_ticks, y_ticks), _label(across, WIDTH - RIGHT, HEIGHT - 2, "end")]
    for line in lines:
        marks += _curve(line, x, y)
    picture = tag(
        "svg", {"viewBox": f"0 0 {WIDTH:g} {HEIGHT:g}", "role": "img", "aria-label": up}, *marks
    )
    return tag("figure", "", tag("h3", "", up), picture, legend(lines))


def legend(lines: Sequence[Line]) -> Safe:
    """Which colour is which."""
    keys = [
        tag("span", "", tag("i", f"{line.tone}{' dashed' if line.dashed else ''}"), line.label)
        for line in lines
    ]
    return tag("div", "key", *keys)


def interval(low: float, value: float, high: float, end: float, tone: str = "a") -> Safe:
    """A value and its interval on a bar from 0 (or below) to `end`: for a table's cell."""
    start = min(0.0, low * 1.05)
    x = Scale(start, max(end, high, 1e-12), 0, 100)
    told = tag("title", "", f"{value:.4f} ({low:.4f} to {high:.4f})")
    marks = [
        _box(0, 6.5, 100, 1, "frule"),
        _box(x(low), 3, max(x(high) - x(low), 0.4), 8, f"f{tone} veil", told),
        _box(x(value) - 0.5, 1, 1, 12, f"f{tone}"),
    ]
    if start < 0:
        marks.append(_box(x(0) - 0.15, 0, 0.3, 14, "fgrey"))
    return _strip(marks)


def share(value: float, end: float = 1.0, tone: str = "a") -> Safe:
    """A filled bar for a share."""
    width = max(0.0, min(value / end, 1.0)) * 100 if end > 0 else 0.0
    told = tag("title", "", f"{value:.4f}")
    return _strip([_box(0, 2, 100, 10, "frule"), _box(0, 2, width, 10, f"f{tone}", told)])


def heat_map(matrix: Sequence[Sequence[float]], labels: Sequence[str]) -> Safe:
    """A square of cosines: the deeper the colour the more alike."""
    side, edge = 52.0, 40.0
    size = edge + side * len(matrix)
    marks: list[Safe] = []
    for i, row in enumerate(matrix):
        middle = edge + side * (i + 0.5)
        marks.append(_label(labels[i], edge - 8, middle + 4, "end"))
        marks.append(_label(labels[i], middle, edge - 10, "middle"))
        for j, value in enumerate(row):
            at = edge + side * j
            cell = {"x": at, "y": edge + side * i, "width": side, "height": side, "rx": 5}
            shade = f"fill-opacity:{max(0.04, min(abs(value), 1.0) * 0.75):.2f}"
            tone = "fa" if value >= 0 else "fb"
            marks.append(tag("rect", cell | {"class": f"cell {tone}", "style": shade}))
            number = {"x": at + side / 2, "y": middle + 4.5, "class": "number"}
            marks.append(tag("text", number, f"{value:.2f}"))
    return tag(
        "svg",
        {"viewBox": f"0 0 {size:g} {size:g}", "class": "heat", "role": "img"},
        tag("title", "", "cosine between interests"),
        *marks,
    )


def _axes(x: Scale, y: Scale, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> list[Safe]:
    marks = []
    for value in y_ticks:
        ends = {"x1": LEFT, "x2": WIDTH - RIGHT, "y1": y(value), "y2": y(value), "class": "axis"}
        marks += [tag("line", ends), _label(short(value), LEFT - 7, y(value) + 4, "end")]
    for value in x_ticks:
        marks.append(_label(short(value), x(value), HEIGHT - BOTTOM + 17, "middle"))
    return marks


def _curve(line: Line, x: Scale, y: Scale) -> list[Safe]:
    marks: list[Safe] = []
    if line.band:
        upper = [(px, py * (1 + line.band)) for px, py in line.points]
        lower = [(px, py * (1 - line.band)) for px, py in reversed(line.points)]
        marks.append(
            tag("path", {"d": _path([*upper, *lower], x, y) + "Z", "class": f"veil f{line.tone}"})
        )
    style = f"line {line.tone}{' dashed' if line.dashed else ''}"
    marks.append(tag("path", {"d": _path(line.points, x, y), "class": style}))
    few = line.points if len(line.points) <= 40 else line.points[-1:]
    for px, py in few:
        told = tag("title", "", f"{line.label}: {short(py)} at {short(px)}")
        spot = {"cx": x(px), "cy": y(py), "r": 3, "class": f"f{line.tone}"}
        marks.append(_with("circle", spot, told))
    return marks


def _path(points: Sequence[Point], x: Scale, y: Scale) -> str:
    kept = [(x(a), min(max(y(b), TOP), HEIGHT - BOTTOM)) for a, b in points]
    return "M" + "L".join(f"{a:g},{b:g}" for a, b in kept)


def _label(text: str, x: float, y: float, anchor: str) -> Safe:
    return tag("text", {"x": round(x, 2), "y": round(y, 2), "text-anchor": anchor}, text)


def _box(x: float, y: float, width: float, height: float, style: str, told: Safe = Safe()) -> Safe:
    place = {"x": round(x, 2), "y": y, "width": round(width, 2), "height": height, "class": style}
    return _with("rect", place, told)


def _with(name: str, attributes: dict[str, object], told: Safe) -> Safe:
    """A mark with a tooltip inside."""
    if not told:
        return tag(name, attributes)
    return Safe(tag(name, attributes)[:-2] + ">" + join([told]) + f"</{name}>")


def _strip(marks: Sequence[Safe]) -> Safe:
    """A bar that takes the width of its cell; heights stay."""
    box = {"viewBox": "0 0 100 14", "preserveAspectRatio": "none", "class": "bar"}
    return tag("svg", box, *marks)
