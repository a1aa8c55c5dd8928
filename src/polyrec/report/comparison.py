"""Runs beside each other on one page, with the tests between them."""

from __future__ import annotations

from polyrec.report import svg
from polyrec.report.html import Safe, document, missing, paragraph, section, table, tag
from polyrec.report.page import ComparisonPage, Figure, Versus
from polyrec.report.sections import bar, high, spread
from polyrec.report.verdict import title

TONES = ("a", "b", "c", "d", "grey")


def comparison_page(page: ComparisonPage) -> str:
    """The whole page as HTML."""
    return document(
        page.title,
        tag("header", "", paragraph("comparison", "eyebrow"), tag("h1", "", page.title)),
        _tests(page),
        _figures(page),
        _curves(page),
        _differences(page),
        tag("footer", "", "Made by polyrec. This file needs no network."),
    )


def _tests(page: ComparisonPage) -> Safe:
    """Paired differences with their verdicts."""
    blocks: list[Safe] = []
    for pair, rows in page.versus:
        end = max([abs(v.low) for v in rows] + [abs(v.high) for v in rows], default=0.0)
        cells = [
            (
                title(v.metric),
                f"{v.difference:+.4f}",
                f"{v.low:+.4f} – {v.high:+.4f}",
                "" if v.p is None else f"{v.p:.3g}",
                tag("span", _tone(v), v.verdict),
                svg.interval(v.low, v.difference, v.high, end),
            )
            for v in rows
        ]
        head = ("metric", "difference", "95% interval", "p", "verdict", "")
        blocks += [tag("h3", "", pair), table(head, cells, "bars"), _basis(rows)]
    blocks += [paragraph(f"Not compared: {reason}", "bad") for reason in page.why_not]
    note = "Absolute differences, paired over the same requests; p is adjusted for the family."
    return section("Tests", note, *(blocks or [missing("a test between these runs")]))


def _figures(page: ComparisonPage) -> Safe:
    """Every metric that at least one run has."""
    names = list(dict.fromkeys(f.name for run in page.runs for f in run.figures))
    blocks = []
    for name in names:
        held = [(run.title, found) for run in page.runs if (found := run.figure(name)) is not None]
        end = max(high(figure) for _, figure in held)
        rows = [(label, f"{f.value:.4f}", spread(f), bar(f, end)) for label, f in held]
        blocks.append(table((title(name), "value", "95% interval", ""), rows, "bars"))
        blocks.append(_meaning([figure for _, figure in held]))
    return section("Figures", "", *(blocks or [missing("figures of judged runs")]))


def _curves(page: ComparisonPage) -> Safe:
    """Validation of all runs in one chart, where they watched the same metric."""
    primary = next((run.primary for run in page.runs if run.primary), "")
    lines = [
        svg.Line(run.title, track.points, tone)
        for run, tone in zip(page.runs, TONES, strict=False)
        for track in run.tracks
        if track.part == "valid" and track.name == primary and len(track.points) > 1
    ]
    if not lines:
        return Safe()
    chart = svg.line_chart(lines, "step", f"{title(primary)} on validation")
    return section("Learning curves", "", tag("div", "charts", chart))


def _differences(page: ComparisonPage) -> Safe:
    """Settings in which the runs differ."""
    held = [{s.key: s.value for s in run.settings} for run in page.runs]
    keys = list(dict.fromkeys(key for settings in held for key in settings))
    rows = [
        (tag("code", "", key), *(settings.get(key, "—") for settings in held))
        for key in keys
        if len({settings.get(key) for settings in held}) > 1
    ]
    if not rows:
        return section("Settings that differ", "", paragraph("None.", "note"))
    head = ("key", *(run.title for run in page.runs))
    return section("Settings that differ", "", table(head, rows))


def _meaning(figures: list[Figure]) -> Safe:
    """One line where all mean the same, else one a run."""
    lines = list(dict.fromkeys(figure.meaning for figure in figures if figure.meaning))
    return tag("div", "", *(paragraph(line, "note") for line in lines))


def _tone(versus: Versus) -> str:
    return {"better": "good", "worse": "bad"}.get(versus.verdict.split(" ")[0].lower(), "")


def _basis(rows: tuple[Versus, ...]) -> Safe:
    """How many requests and seeds stand behind the tests."""
    first = rows[0] if rows else None
    if first is None:
        return missing("a metric that both runs have")
    over = f"{first.n:,} paired requests" if first.n else ""
    told = ", ".join(part for part in (over, f"seeds {first.seeds}" if first.seeds else "") if part)
    return paragraph(told, "note") if told else Safe()
