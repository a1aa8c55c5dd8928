"""An ablation's report: one self-contained page, and the same as Markdown."""

from __future__ import annotations

from pathlib import Path

from polyrec.files import writing
from polyrec.report.ablation import sections
from polyrec.report.ablation.markdown import markdown
from polyrec.report.ablation.page import (
    EDGE,
    AblationPage,
    Against,
    Cost,
    Effect,
    Row,
    brief,
    number,
    summary,
)
from polyrec.report.html import document, tag

__all__ = [
    "EDGE",
    "AblationPage",
    "Against",
    "Cost",
    "Effect",
    "Row",
    "ablation_page",
    "brief",
    "markdown",
    "number",
    "summary",
    "write_ablation",
]


def ablation_page(page: AblationPage) -> str:
    """The whole page as HTML."""
    return document(
        page.title,
        sections.headline(page),
        *(sections.against(one) for one in page.tables),
        sections.anchors(page),
        sections.plan(page),
        sections.reading(),
        sections.commands(page),
        tag("footer", "", "Made by polyrec. This file needs no network."),
    )


def write_ablation(page: AblationPage, folder: Path) -> Path:
    """Writes `ablation.html` and `ablation.md`, whole or not at all; returns the page's path."""
    path = folder / "ablation.html"
    with writing(path) as beside:
        beside.write_text(ablation_page(page), encoding="utf-8")
    with writing(folder / "ablation.md") as beside:
        beside.write_text(markdown(page), encoding="utf-8")
    return path
