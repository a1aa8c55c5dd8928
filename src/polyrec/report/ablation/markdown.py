"""The same as the page, as Markdown: for a pull request or a note."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from polyrec.report.ablation.page import (
    EDGE,
    AblationPage,
    Against,
    Row,
    brief,
    number,
    reasons,
    summary,
)
from polyrec.report.ablation.sections import READING


def markdown(page: AblationPage) -> str:
    """The whole text."""
    return "\n".join([*_head(page), *_tables(page), *_tail(page)]) + "\n"


def _head(page: AblationPage) -> Iterator[str]:
    yield f"# {page.title}\n"
    yield " · ".join(f"{label} {value}" for label, value in page.about) + "\n"
    yield f"**{summary(page)}**\n"


def _tables(page: AblationPage) -> Iterator[str]:
    for one in page.tables:
        yield f"## From {one.anchor}\n"
        yield f"{one.settings or 'As the recipe has it'}; {one.seeds} seeds, {one.users:,} users.\n"
        yield from _grid(_columns(one), [_cells(row) for row in one.rows])
        yield ""
        yield from _others(one)
        if any(row.at_edge for row in one.rows):
            yield f"- {EDGE}"
        for row in one.rows:
            yield from (f"- {told}" for told in reasons(row))
        for name, why in one.skipped:
            yield f"- not tried: {name}: {why}"
        yield ""


def _columns(one: Against) -> tuple[str, ...]:
    return ("change", one.primary, "difference", "95% interval", "p (Holm)", "findable from",
            "verdict", "lr", "steps/s", "positives/s", "steps", "seconds", "CPU seconds",
            "peak MB", "sd over seeds", "unstable")  # fmt: skip


def _cells(row: Row) -> tuple[str, ...]:
    e, c = row.effect, row.cost
    why = f" ({row.why})" if row.why else ""
    return (
        row.name,
        number(row.value),
        number(e.difference, True) if e else "",
        f"[{e.low:+.4f}, {e.high:+.4f}]" if e else "",
        f"{e.p:.3g}" if e else "",
        number(e.detectable) if e else "",
        f"{row.verdict}{why}",
        "" if row.rate is None else f"{row.rate:g}{'*' if row.at_edge else ''}",
        brief(c.steps_a_second) if c else "",
        brief(c.positives_a_second) if c else "",
        f"{c.steps:,.0f}" if c else "",
        brief(c.seconds) if c else "",
        brief(c.cpu_seconds) if c else "",
        f"{c.peak_mb:,.0f}" if c else "",
        number(row.spread),
        f"{row.unstable:.0%}",
    )


def _others(one: Against) -> Iterator[str]:
    """Other metrics, exploratory."""
    cells = [
        (row.name, e.metric, number(e.value), number(e.difference, True),
         f"[{e.low:+.4f}, {e.high:+.4f}]", f"{e.p:.3g}")
        for row in one.rows
        for e in row.others
    ]  # fmt: skip
    if cells:
        yield "Other metrics: exploratory, no verdict rests on them.\n"
        head = ("change", "metric", "value", "difference", "95% interval", "p (Holm)")
        yield from _grid(head, cells)
        yield ""


def _tail(page: AblationPage) -> Iterator[str]:
    if page.anchors:
        yield "## The anchors beside each other\n"
        for name, e in page.anchors:
            span = f"[{e.low:+.4f}, {e.high:+.4f}]"
            yield f"- {name}: {e.metric} {e.difference:+.4f} {span}, p {e.p:.3g}"
        yield ""
    yield "## Plan\n"
    yield from (f"- {line}" for line in page.estimate)
    yield from (f"- trimmed: {trim}" for trim in page.trims)
    yield "\n## How to read this\n"
    yield from _grid(("word", "what it means"), READING)
    yield "\n## Go on, or go back\n"
    yield from (f"- `{command}`: {what}" for command, what in page.commands)


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
