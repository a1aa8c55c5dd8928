"""The parts of an ablation's page."""

from __future__ import annotations

from polyrec.report.ablation.forest import Mark, forest
from polyrec.report.ablation.page import (
    EDGE,
    AblationPage,
    Against,
    Effect,
    Row,
    brief,
    number,
    reasons,
    summary,
)
from polyrec.report.html import Safe, missing, paragraph, section, table, tag
from polyrec.report.verdict import title

TONES = {"keep": "good", "drop": "bad", "failed": "bad"}
READING = (
    ("keep", "better than the anchor: the interval lies above 0 and p, adjusted for all changes "
     "tried together, is below 0.05"),
    ("drop", "worse than the anchor, by the same rule"),
    ("undecided", "these data cannot tell it from no change; what would decide stands beside it. "
     "It does not say that the change does nothing"),
    ("no verdict", "fewer than 3 seeds: a pilot shows what a change costs and whether it runs"),
    ("difference", "user by user, averaged over seeds; the interval answers for other users and "
     "other seeds of the same recipe"),
    ("findable from", "a smaller true difference would be missed more than one time in five"),
    ("learning rate", "chosen for each variant on validation; test was read once a run, after "
     "that. At the end of the grid a better one may lie outside"),
    ("equal budget", "every variant sees at most as many positives as its anchor and has the same "
     "patience; speed is therefore told apart from quality"),
    ("unstable", "share of runs that stopped on a number that is not finite, or whose loss rose to "
     "three times its first value among as many negatives"),
)  # fmt: skip


def headline(page: AblationPage) -> Safe:
    """What was asked and what came out."""
    about = " · ".join(f"{label} {value}" for label, value in page.about)
    return tag(
        "header",
        "",
        paragraph(about, "eyebrow"),
        tag("h1", "", page.title),
        tag("p", "verdict", summary(page)),
    )


def against(one: Against) -> Safe:
    """Everything about one anchor: picture, verdicts, cost."""
    marks = [
        Mark(row.name, e.difference, e.low, e.high, e.detectable, row.verdict)
        for row in one.rows
        if (e := row.effect) is not None
    ]
    note = (
        f"Anchor {one.anchor} ({one.settings or 'as the recipe has it'}), {one.seeds} seeds, "
        f"{one.users:,} users. Each change stands alone against it."
    )
    across = f"difference in {title(one.primary)}"
    picture = forest(marks, across) if marks else missing("a change with finished runs")
    parts = [picture, _verdicts(one), _costs(one), _others(one), _skipped(one)]
    return section(f"From {one.anchor}", note, *parts)


def anchors(page: AblationPage) -> Safe:
    """The anchors against each other."""
    if not page.anchors:
        return Safe()
    rows = [
        (name, title(e.metric), number(e.difference, True), _interval(e), f"{e.p:.3g}")
        for name, e in page.anchors
    ]
    head = ("pair", "metric", "difference", "95% interval", "p")
    return section("The anchors beside each other", "", table(head, rows))


def plan(page: AblationPage) -> Safe:
    """What it was to cost, and what a budget took away."""
    lines = [paragraph(line) for line in page.estimate]
    if page.trims:
        gone = [tag("li", "", trim) for trim in page.trims]
        lines += [paragraph("Trimmed to fit the budget, in this order:"), tag("ol", "", *gone)]
    else:
        lines.append(paragraph("Nothing was trimmed.", "note"))
    return section("Plan", "", *lines)


def reading() -> Safe:
    """How to read it."""
    return section("How to read this", "", table(("word", "what it means"), READING, "wrap"))


def commands(page: AblationPage) -> Safe:
    """How to go on, and how to go back."""
    if not page.commands:
        return Safe()
    rows = [(tag("code", "", command), what) for command, what in page.commands]
    note = (
        "Every run keeps its checkpoints, so each state can be gone on from, or back to. The "
        "commands go on with copies: the runs judged here stay as they are."
    )
    return section("Go on, or go back", note, table(("command", "what it does"), rows, "wrap"))


def _verdicts(one: Against) -> Safe:
    rows = []
    for row in one.rows:
        e = row.effect
        told = tag("span", TONES.get(row.verdict, ""), row.verdict)
        said = "the reason stands below" if row.verdict == "failed" else row.why
        why = tag("span", "why", said) if said else Safe()
        rows.append((
            _name(one, row),
            number(row.value),
            f"{e.difference:+.4f} ({_interval(e)})" if e else "",
            f"{e.p:.2g}" if e else "",
            number(e.detectable) if e else "",
            tag("div", "", told, why),
        ))  # fmt: skip
    head = ("change", title(one.primary), "difference (95% interval)", "p (Holm)",
            "findable from", "verdict")  # fmt: skip
    return _titled("Verdicts", table(head, rows, "verdicts"))


def _costs(one: Against) -> Safe:
    rows = []
    for row in one.rows:
        c = row.cost
        rows.append((
            _name(one, row),
            "" if row.rate is None else f"{row.rate:g}{'*' if row.at_edge else ''}",
            brief(c.steps_a_second) if c else "",
            brief(c.positives_a_second) if c else "",
            f"{c.steps:,.0f}" if c else "",
            brief(c.seconds) if c else "",
            brief(c.cpu_seconds) if c else "",
            f"{c.peak_mb:,.0f}" if c else "",
            number(row.spread),
            f"{row.unstable:.0%}",
        ))  # fmt: skip
    head = ("change", "learning rate", "steps/s", "positives/s", "steps", "seconds",
            "CPU seconds", "peak MB", "sd over seeds", "unstable")  # fmt: skip
    notes = [paragraph(f"{EDGE}.", "note")] if any(row.at_edge for row in one.rows) else []
    notes += [paragraph(told, "bad") for row in one.rows for told in reasons(row)]
    return _titled("Cost and steadiness", table(head, rows), *notes)


def _name(one: Against, row: Row) -> Safe:
    """The anchor stands out; a change tells its settings to who points at it."""
    if row is one.rows[0]:
        return tag("b", "", "the anchor itself")
    return tag("span", {"title": row.settings}, row.name)


def _others(one: Against) -> Safe:
    """Other metrics: exploratory."""
    rows = [
        (row.name, title(e.metric), number(e.value), number(e.difference, True), _interval(e),
         f"{e.p:.3g}")
        for row in one.rows
        for e in row.others
    ]  # fmt: skip
    if not rows:
        return Safe()
    head = ("change", "metric", "value", "difference", "95% interval", "p (Holm)")
    name = tag("summary", "", "Other metrics: exploratory, no verdict rests on them")
    return tag("details", "", name, table(head, rows))


def _skipped(one: Against) -> Safe:
    if not one.skipped:
        return Safe()
    return _titled("Not tried", table(("change", "why"), one.skipped, "wrap"))


def _titled(name: str, *parts: Safe) -> Safe:
    """A part of a section under its own small title."""
    return tag("div", "part", tag("h3", "", name), *parts)


def _interval(e: Effect) -> str:
    return f"{e.low:+.4f} to {e.high:+.4f}"
