"""The parts of a run's page that show what it found."""

from __future__ import annotations

from itertools import groupby

from polyrec.report import svg
from polyrec.report.html import Safe, missing, paragraph, section, table, tag
from polyrec.report.page import Figure, Rival, RunPage, Slice, Track
from polyrec.report.verdict import interval, title, verdict


def headline(page: RunPage) -> Safe:
    """What was run on what, and the verdict."""
    about = " · ".join(f"{label} {value}" for label, value in page.about)
    tiles = [
        tag(
            "div",
            "tile",
            tag("span", "", title(figure.name)),
            tag("b", "", f"{figure.value:.4f}"),
            tag("span", "", spread(figure)),
        )
        for figure in _leading(page)
    ]
    broken = [paragraph(f"Could not be read: {name}", "bad") for name in page.damaged]
    return tag(
        "header",
        "",
        paragraph(about, "eyebrow"),
        tag("h1", "", page.title),
        tag("p", "verdict", verdict(page)),
        tag("div", "tiles", *tiles) if tiles else Safe(),
        *broken,
    )


def metrics(page: RunPage) -> Safe:
    """Every figure with its interval and what it means."""
    note = "95% intervals; a shaded bar is the interval, the mark in it the value."
    if not page.figures:
        return section("Figures", "", missing("figures of a judged part"))
    shares = [high(figure) for figure in page.figures if high(figure) <= 1]
    head = ("metric", "value", "95% interval", "over", "")
    rows = [
        (
            title(f.name),
            f"{f.value:.4f}",
            spread(f),
            _count(f),
            bar(f, max(shares)) if high(f) <= 1 else "",  # novelty is in bits: another scale
        )
        for f in page.figures
    ]
    means = [(title(f.name), f.meaning) for f in page.figures if f.meaning]
    said = (
        tag(
            "details",
            {"open": "open"} if len(means) <= 6 else "",
            tag("summary", "", "What each number means"),
            table(("metric", "passport"), means, "wrap"),
        )
        if means
        else missing("the passports of these figures")
    )
    return section("Figures", note, table(head, rows, "bars"), said)


def rivals(page: RunPage) -> Safe:
    """The run beside the baselines and the ceiling, on its primary metric."""
    name = "Beside baselines"
    own = page.figure(page.primary)
    held = [(r, found) for r in page.rivals if (found := r.of(page.primary)) is not None]
    if own is None or not held:
        return section(name, "", missing("baselines on the same requests"))
    every = [(tag("b", "", "this run"), own, "a"), *((r.name, f, _tone(r)) for r, f in held)]
    every.sort(key=lambda entry: entry[1].value)
    end = max(high(figure) for _, figure, _ in every)
    head = (title(page.primary), "value", "95% interval", "of this run", "")
    rows = [
        (label, f"{f.value:.4f}", spread(f), _relative(f, own), bar(f, end, tone))
        for label, f, tone in every
    ]
    note = (
        "The same requests, candidates and formula. A learned model must clear the best of these; "
        "the oracle knows the truth of a simulated world and cannot be beaten but by luck."
    )
    return section(name, note, table(head, rows, "bars"), _others(page, [r for r, _ in held]))


def curves(page: RunPage) -> Safe:
    """Loss and validation by step, the recipe's reference curve beside them."""
    name = "Learning curves"
    shown = [chart for chart in (_losses(page), *_validations(page)) if chart]
    if not shown:
        return section(name, "", missing("training steps (a model that is solved has none)"))
    note = "By optimiser step, counted over all stages."
    if page.reference is not None:
        note += (
            f" Dashed: the curve a source gives for this recipe ({page.reference.source}), "
            f"± {page.reference.band:.0%}. Nothing stops on it."
        )
    said = [paragraph(line, "note") for line in page.losses]
    return section(name, note, tag("div", "charts", *shown), *said)


def slices(page: RunPage) -> Safe:
    """The primary metric by part of the requests."""
    name = "Slices"
    held = [s for s in page.slices if s.figure.name in (page.primary, "")]
    if not held:
        return section(name, "", missing("slices by activity and popularity"))
    end = max(high(s.figure) for s in held)
    blocks = []
    for by, group in groupby(held, key=lambda s: s.by):
        rows = [_slice_row(one, end) for one in group]
        body = table((by, "value", "95% interval", "over", ""), rows, "bars")
        blocks.append(body)
    note = (
        f"{title(page.primary)} for parts of the requests; edges were fixed before the run. Grey: "
        "too few requests to tell anything apart."
    )
    return section(name, note, *blocks)


def interests(page: RunPage) -> Safe:
    """Whether a model's interests are apart, and whether each is used."""
    name = "Interests"
    held = page.interests
    if held is None:
        return section(name, "", missing("a probe of its vectors (only retrievers have one)"))
    if len(held.cosine) < 2 and len(held.shares) < 2:
        return Safe()
    parts: list[Safe] = []
    if held.cosine:
        names = [str(place + 1) for place in range(len(held.cosine))]
        picture = svg.heat_map(held.cosine, names)
        caption = tag("figcaption", "", "Mean cosine between two interests; near 1 is collapse.")
        parts.append(tag("figure", "", tag("h3", "", "How alike"), picture, caption))
    if held.shares:
        rows = [
            (f"interest {place + 1}", f"{value:.1%}", svg.share(value, max(held.shares)))
            for place, value in enumerate(held.shares)
        ]
        body = table(("", "answers", ""), rows, "bars")
        caption = tag("figcaption", "", "How often each is the nearest to what was wanted.")
        parts.append(tag("figure", "", tag("h3", "", "Who answers"), body, caption))
    facts = table(("probe", "value"), held.facts, "wrap") if held.facts else Safe()
    note = "256 fixed requests, asked of the chosen checkpoint."
    more = tag("details", "", tag("summary", "", "All readings of the probe"), facts)
    return section(name, note, tag("div", "charts", *parts), more if facts else Safe())


def _leading(page: RunPage) -> list[Figure]:
    """The primary metric first, at most four."""
    own = page.figure(page.primary)
    rest = [figure for figure in page.figures if figure is not own]
    return ([own] if own else []) + rest[: 3 if own else 4]


def spread(figure: Figure) -> str:
    """A figure's interval in words."""
    if figure.low is None or figure.high is None:
        return "no interval"
    return f"{figure.low:.4f} – {figure.high:.4f}"


def _count(figure: Figure) -> str:
    return f"{figure.n:,}" if figure.n is not None else ""


def high(figure: Figure) -> float:
    """The upper end of a figure, for a common scale."""
    return figure.value if figure.high is None else figure.high


def bar(figure: Figure, end: float, tone: str = "a") -> Safe:
    """A figure as a bar on a scale up to `end`."""
    low = figure.value if figure.low is None else figure.low
    return svg.interval(low, figure.value, high(figure), end, tone)


def _tone(rival: Rival) -> str:
    return "c" if rival.ceiling else "grey"


def _relative(figure: Figure, own: Figure) -> str:
    if figure is own or own.value == 0:
        return "—"
    return f"{figure.value / own.value:.0%}"


def _others(page: RunPage, held: list[Rival]) -> Safe:
    """The remaining metrics of the same rivals, folded."""
    rest = [f for f in page.figures if f.name != page.primary]
    if not rest:
        return Safe()
    head = ("metric", "this run", *(rival.name for rival in held))
    rows = [
        (title(f.name), interval(f), *(_cell(rival.of(f.name)) for rival in held)) for f in rest
    ]
    return tag("details", "", tag("summary", "", "The other metrics"), table(head, rows))


def _cell(figure: Figure | None) -> str:
    return "—" if figure is None else f"{figure.value:.4f}"


def _slice_row(one: Slice, end: float) -> tuple[str, ...]:
    cells = (one.name, f"{one.figure.value:.4f}", spread(one.figure), _count(one.figure))
    grey = [tag("span", "small", cell) if one.small else cell for cell in cells]
    return (*grey, bar(one.figure, end, "grey" if one.small else "a"))


def _losses(page: RunPage) -> Safe:
    """Training losses, what an untrained model would have, and the reference."""
    tones = iter(("a", "b", "d", "a", "b", "d"))
    lines = [
        svg.Line(track.name, track.points, next(tones, "a"))
        for track in _of(page, "train")
        if len(track.points) > 1
    ]
    lines += [
        svg.Line(f"{track.name} of an untrained model", track.points, "grey", dashed=True)
        for track in _of(page, "chance")
        if len(track.points) > 1
    ]
    if not lines:
        return Safe()
    return svg.line_chart([*lines, *_expected(page, 1)], "step", "Training loss")


def _validations(page: RunPage) -> list[Safe]:
    """The primary metric on validation; others folded into one more chart."""
    held = [track for track in _of(page, "valid") if len(track.points) > 1]
    first = [track for track in held if track.name == page.primary] or held[:1]
    charts = []
    for track in first:
        lines = [svg.Line("validation", track.points, "a")]
        if track.name == "recall@50":
            lines += _expected(page, 2)
        charts.append(svg.line_chart(lines, "step", f"{title(track.name)} on validation"))
    return charts


def _expected(page: RunPage, column: int) -> list[svg.Line]:
    if page.reference is None:
        return []
    points = tuple((float(point[0]), float(point[column])) for point in page.reference.points)
    return [svg.Line("reference", points, "c", dashed=True, band=page.reference.band)]


def _of(page: RunPage, part: str) -> list[Track]:
    return [track for track in page.tracks if track.part == part and track.points]
