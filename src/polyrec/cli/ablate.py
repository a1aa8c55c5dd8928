"""`polyrec ablate`: base against one change at a time, with a verdict for each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyrec.cli.run import device_of
from polyrec.cli.say import Say


def ablate(
    recipe: Annotated[str, typer.Argument(help="the recipe whose parts are judged")],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            help="factors (loss), single changes (loss=bce) and settings of all runs (dim=32); "
            "no factor: all"
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="a log, an imported folder or a catalogue name")
    ] = None,
    seeds: Annotated[
        int, typer.Option(help="runs of each variant; 5 decide, 3 weakly, fewer not at all")
    ] = 5,
    budget: Annotated[
        float | None, typer.Option(help="hours; trims the plan in a fixed, printed order")
    ] = None,
    anchor: Annotated[str | None, typer.Option(help="only this anchor of the recipe")] = None,
    variant: Annotated[
        str | None, typer.Option(help="start from this variant, not from the recipe's anchors")
    ] = None,
    tries: Annotated[
        list[str] | None,
        typer.Option("--try", help="a change of your own, KEY=VALUE,...; may be given again"),
    ] = None,
    rates: Annotated[
        str, typer.Option(help="learning rates to choose from, comma-separated; one: no choice")
    ] = "",
    primary: Annotated[str, typer.Option(help="the metric that decides, NAME@K")] = "",
    config: Annotated[
        Path | None, typer.Option(help="settings of all runs as key = value lines (TOML)")
    ] = None,
    out: Annotated[
        Path, typer.Option(help="folder of the runs and the report; goes on with what it holds")
    ] = Path("runs/ablation"),
    jobs: Annotated[
        int, typer.Option(help="runs at once, each a process of one thread; 1: in this process")
    ] = 1,
    device: Annotated[str, typer.Option(help="that computes the models: cpu, cuda, ...")] = "cpu",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only the plan and the estimate")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="only one JSON object, at the end")
    ] = False,
) -> None:
    """Judge one change at a time against an anchor: keep it, drop it, or what would decide."""
    import torch

    from polyrec import experiment
    from polyrec.kernels.pool import use_threads

    torch.set_num_threads(1)
    use_threads(1)
    say = Say(as_json)
    given = [*(words or []), *([] if data is None else [f"data={data}"])]
    ask = experiment.Ask(
        recipe=recipe,
        words=tuple(given),
        tries=tuple(tries or []),
        variant=variant,
        anchor=anchor,
        file=config,
        seeds=seeds,
        hours=budget,
        rates=_rates(rates),
        primary=primary,
        jobs=jobs,
        device=device_of(device),
        out=out,
        until="plan" if dry_run else "verdict",
    )
    say.result(experiment.ablate(ask, say))


def _rates(text: str) -> tuple[float, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    try:
        return tuple(float(word) for word in words)
    except ValueError:
        raise ValueError(
            f"--rates {text!r}: numbers, comma-separated; for example .001,.002"
        ) from None
