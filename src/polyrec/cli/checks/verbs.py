"""`polyrec audit` and `polyrec doctor`: leaks of a run's graph, and what ails its vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from polyrec.cli.say import Say

FOUND = 3  # exit code where there is a fault
RunFolder = Annotated[Path, typer.Argument(help="a run folder")]
Json = Annotated[bool, typer.Option("--json", help="only one JSON object, at the end")]


def audit(run: RunFolder, as_json: Json = False) -> None:
    """Does the graph that a run learns from hold the edges it is asked for? Exit code 3 if so."""
    from polyrec.experiment.graphs import checks

    say = Say(as_json)
    _told(checks.audit(run, say), say)


def doctor(run: RunFolder, as_json: Json = False) -> None:
    """Have a run's item vectors run together (over-smoothing, no contrast)? Exit code 3 if so."""
    from polyrec.experiment.graphs import checks

    say = Say(as_json)
    _told(checks.doctor(run, say), say)


def _told(found: dict[str, Any], say: Say) -> None:
    say.result(found)
    if any(finding["kind"] == "fault" for finding in found["findings"]):
        raise typer.Exit(FOUND)
