"""`polyrec demo`: the main job on a simulated shop, from log to judged recommender."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyrec.cli.say import Say


def demo(
    out: Annotated[Path, typer.Option(help="folder that receives the run folders")] = Path("runs"),
    as_json: Annotated[
        bool, typer.Option("--json", help="only one JSON object, at the end")
    ] = False,
) -> None:
    """Train four recommenders on a simulated shop, judge them against its known truth."""
    import torch

    from polyrec import experiment
    from polyrec.kernels.pool import use_threads

    use_threads(1)
    torch.set_num_threads(1)  # two threads of one small step cost more than they give
    say = Say(as_json)
    outcomes = experiment.demo(out, say)
    say.result(experiment.as_json(outcomes))
