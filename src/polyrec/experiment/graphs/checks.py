"""What a run's graph and vectors are suspected of: the audit, and the doctor's rule of collapse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from polyrec.data import Split
from polyrec.experiment.stored import stored
from polyrec.experiment.watching import Quiet, Watch
from polyrec.graph import Graph
from polyrec.recipes import Recipe
from polyrec.run import Run
from polyrec.trust.audit import graph_leaks
from polyrec.trust.doctor import collapse
from polyrec.trust.finding import Finding

NO_GRAPH = "this run learns from no graph whose edges it is asked for"
NO_PROBE = "needs the item vectors' probe (probe.json), which only retrievers with weights write"


def audit(path: Path, watch: Watch = Quiet()) -> dict[str, Any]:
    """Whether the graph that a run learns from holds what it is asked (rule L4)."""
    told = stored(path)
    split = told.recipe.data(told.config)
    if graph_of(told.recipe, told.config, split) is None:
        return _said("audit", None, NO_GRAPH, watch)
    return _said("audit", leaks(told.recipe, told.config, split), NO_GRAPH, watch)


def doctor(path: Path, watch: Watch = Quiet()) -> dict[str, Any]:
    """Whether item vectors have run together (rule F6)."""
    return _said("doctor", diagnosed(stored(path).run), NO_PROBE, watch)


def findings(of: Recipe, config: Any, split: Split, run: Run) -> tuple[Finding, ...] | None:
    """What audit and doctor say of a finished run; None where neither has anything to read."""
    graph, ailing = graph_of(of, config, split), diagnosed(run)
    if graph is None and ailing is None:
        return None
    return (*(() if graph is None else graph_leaks(graph, split)), *(ailing or ()))


def leaks(of: Recipe, config: Any, split: Split) -> tuple[Finding, ...]:
    """Findings on the graph that the recipe learns from, if it does."""
    graph = graph_of(of, config, split)
    return () if graph is None else graph_leaks(graph, split)


def diagnosed(run: Run) -> tuple[Finding, ...] | None:
    """Findings on the best checkpoint's probe; None where there is none."""
    if not (run.path / "probe.json").is_file():
        return None
    probe = run.read_json("probe.json")
    return collapse(probe.get("best") or probe["last"])


def graph_of(of: Recipe, config: Any, split: Split) -> Graph | None:
    """The graph that a recipe learns from: what it says itself, or what its facts hold."""
    made = getattr(of, "graph_of", None)
    graph = split.facts.graph if made is None else made(config, split)
    return graph if isinstance(graph, Graph) else None


def _said(
    what: str, found: tuple[Finding, ...] | None, missing: str, watch: Watch
) -> dict[str, Any]:
    if found is None:
        watch.line(f"{what}: not checked: {missing}")
        return {what: "not checked", "why": missing, "findings": []}
    for finding in found:
        watch.line(finding.line())
    if not found:
        watch.line(f"{what}: nothing found")
    return {what: "checked", "findings": [vars(finding) for finding in found]}
