"""One self-contained HTML page for a run or a comparison: no network, no scripts."""

from __future__ import annotations

from pathlib import Path

from polyrec.files import writing
from polyrec.report import record, sections
from polyrec.report.collect import collect
from polyrec.report.comparison import comparison_page
from polyrec.report.html import document, tag
from polyrec.report.page import ComparisonPage, RunPage, Versus

__all__ = [
    "ComparisonPage",
    "RunPage",
    "Versus",
    "collect",
    "comparison_page",
    "run_page",
    "write",
    "write_comparison",
]


def run_page(page: RunPage) -> str:
    """A run's page as HTML."""
    return document(
        page.title,
        sections.headline(page),
        record.findings(page),
        sections.rivals(page),
        sections.metrics(page),
        sections.curves(page),
        sections.slices(page),
        sections.interests(page),
        record.data(page),
        record.settings(page),
        record.ending(page),
        record.environment(page),
        record.next_commands(page),
        tag("footer", "", "Made by polyrec. This file needs no network."),
    )


def write(run_folder: Path) -> Path:
    """Writes `report.html` into the run folder, whole or not at all, and returns its path.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    path = run_folder / "report.html"
    html = run_page(collect(run_folder))
    with writing(path) as beside:
        beside.write_text(html, encoding="utf-8")
    return path


def write_comparison(page: ComparisonPage, path: Path) -> Path:
    """Writes a comparison's page, whole or not at all, and returns its path."""
    with writing(path) as beside:
        beside.write_text(comparison_page(page), encoding="utf-8")
    return path
