"""The parts of a run's page that say how its numbers came to be."""

from __future__ import annotations

from polyrec.report.html import Safe, missing, paragraph, section, table, tag
from polyrec.report.page import RunPage, Setting


def data(page: RunPage) -> Safe:
    """What was read, what was dropped, what was assumed."""
    parts: list[Safe] = []
    if page.filters:
        head = ("filter", "people", "items", "events", "dropped")
        rows = [
            (
                entry.name,
                *(f"{size:,}" for size in entry.after),
                f"{entry.before[2] - entry.after[2]:,} events",
            )
            for entry in page.filters
        ]
        first = page.filters[0].before
        rows.insert(0, ("as read", *(f"{size:,}" for size in first), ""))
        parts += [tag("h3", "", "What each filter left"), table(head, rows)]
    elif page.filters is None:
        parts.append(missing("filters of the data"))
    else:
        parts.append(paragraph("Filters: none.", "note"))
    if page.dropped:
        parts += [
            tag("h3", "", "Left out of judging"),
            table(("reason", "requests"), page.dropped, "wrap"),
        ]
    parts += [paragraph(note, "note") for note in page.notes]
    if page.facts:
        facts = table(("fact", "value"), [(k, tag("code", "", v)) for k, v in page.facts], "wrap")
        parts.append(tag("details", "", tag("summary", "", "Source, split and hashes"), facts))
    return section("Data", "", *parts)


def settings(page: RunPage) -> Safe:
    """Every key with who set it; those that differ from the recipe's come first."""
    name = "Settings"
    if not page.settings:
        return section(name, "", missing("the configuration"))
    own = [s for s in page.settings if s.origin != "default"]
    rest = [s for s in page.settings if s.origin == "default"]
    note = "Set by somebody, then the recipe's defaults."
    shown = _settings(own) if own else paragraph("Nothing was changed: all defaults.", "note")
    more = tag(
        "details", "", tag("summary", "", f"{len(rest)} defaults, with reasons"), _settings(rest)
    )
    return section(name, note, shown, more if rest else Safe())


def ending(page: RunPage) -> Safe:
    """How training stopped, and how often test was looked at."""
    if not page.ending:
        return section("How it ended", "", missing("a stop, a resume or a reading of test"))
    items = [tag("li", "", line) for line in page.ending]
    return section("How it ended", "", tag("ul", "", *items))


def environment(page: RunPage) -> Safe:
    """Code, packages and machine."""
    if not page.environment:
        return section("Environment", "", missing("code version, packages and machine"))
    shown = page.environment[:6]
    body = table(("what", "value"), shown, "wrap")
    more = tag(
        "details",
        "",
        tag("summary", "", "Everything"),
        table(("what", "value"), page.environment[6:], "wrap"),
    )
    return section("Environment", "", body, more if len(page.environment) > 6 else Safe())


def findings(page: RunPage) -> Safe:
    """What its audit and its diagnosis found; nothing where there was nothing to look at."""
    if page.findings is None:
        return Safe()
    name, note = (
        "What was found in it",
        "polyrec audit and polyrec doctor say the same again, and what they did not check.",
    )
    if not page.findings:
        return section(
            name,
            note,
            paragraph("No fault in what could be checked."),
        )
    head = ("rule", "evidence", "what it means", "what helps")
    rows = [(tag("b", "", f"{f.rule} {f.kind}"), f.evidence, f.meaning, f.remedy)
            for f in page.findings]  # fmt: skip
    return section(name, note, table(head, rows, "wrap"))


def next_commands(page: RunPage) -> Safe:
    """What to try now."""
    if not page.next_commands:
        return Safe()
    rows = [(tag("code", "", command), what) for command, what in page.next_commands]
    return section("Try next", "", table(("command", "what it does"), rows, "wrap"))


def _settings(entries: list[Setting]) -> Safe:
    rows = [
        (
            tag("code", "", entry.key),
            tag("code", "", entry.value),
            entry.origin,
            entry.recipe if entry.recipe != entry.value else "the same",
            entry.why,
        )
        for entry in entries
    ]
    return table(("key", "value", "set by", "recipe", "why the default"), rows, "wrap")
