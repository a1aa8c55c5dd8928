"""Markup that cannot be broken by its contents: whatever is not markup is escaped.

Keys, names and settings come from other people's files; they are data in every page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files

EMPTY = frozenset({"meta", "br", "hr", "line", "rect", "circle", "path", "polyline"})


class Safe(str):
    """Text that is markup already. Only this file and what it returns makes any."""


def tag(name: str, attributes: Mapping[str, object] | str = "", *children: str) -> Safe:
    """An element; a text for `attributes` is its class. Children that are no `Safe` are escaped.

    >>> tag("b", "loud", "1 < 2")
    '<b class="loud">1 &lt; 2</b>'
    """
    given = {"class": attributes} if isinstance(attributes, str) else attributes
    told = "".join(
        f' {key}="{escape(str(value), quote=True)}"'
        for key, value in given.items()
        if value is not None and value != ""
    )
    if name in EMPTY:
        return Safe(f"<{name}{told}/>")
    return Safe(f"<{name}{told}>{join(children)}</{name}>")


def join(parts: Iterable[str]) -> Safe:
    """Elements and texts side by side."""
    return Safe("".join(part if isinstance(part, Safe) else escape(part) for part in parts))


def paragraph(text: str, style: str = "") -> Safe:
    """A paragraph of plain text."""
    return tag("p", style, text)


def table(head: Iterable[str], rows: Iterable[Iterable[str]], style: str = "") -> Safe:
    """A table that scrolls sideways by itself on a narrow screen; the first column names rows.

    A first cell in bold (a `b` element) marks its whole row.
    """
    top = tag("tr", "", *(tag("th", {"scope": "col"}, cell) for cell in head))
    body = []
    for row in rows:
        first, *rest = row
        cells = [tag("th", {"scope": "row"}, first), *(tag("td", "", cell) for cell in rest)]
        body.append(
            tag("tr", "ours" if isinstance(first, Safe) and first.startswith("<b>") else "", *cells)
        )
    whole = tag("table", style, tag("thead", "", top), tag("tbody", "", *body))
    return tag("div", "scroll", whole)


def section(title: str, note: str, *children: str) -> Safe:
    """A titled part of the page with a sentence that says how to read it."""
    return tag(
        "section", "", tag("h2", "", title), paragraph(note, "note") if note else Safe(), *children
    )


def missing(what: str) -> Safe:
    """Where the run folder holds nothing to show."""
    return paragraph(f"Not recorded: {what}.", "missing")


def document(title: str, *body: str) -> str:
    """A whole page: one file, no network, light or dark as the reader's machine is set."""
    style = Safe(files("polyrec.report").joinpath("style.css").read_text(encoding="utf-8"))
    head = tag(
        "head",
        "",
        tag("meta", {"charset": "utf-8"}),
        tag("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        tag("meta", {"name": "color-scheme", "content": "light dark"}),
        tag("title", "", title),
        tag("style", "", style),
    )
    page = tag("html", {"lang": "en"}, head, tag("body", "", tag("main", "", *body)))
    return f"<!doctype html>\n{page}\n"
