"""`polyrec run`: train, judge and keep, or go on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyrec.cli.say import Say

if TYPE_CHECKING:
    import torch


def run(
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="RECIPE key=value ...; with --resume only key=value ..."),
    ] = None,
    variant: Annotated[str | None, typer.Option(help="a named set of settings")] = None,
    data: Annotated[
        str | None, typer.Option(help="a log, an imported folder or a catalogue name")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="settings as key = value lines (TOML)")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="how many runs, seed, seed + 1, ...")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            help="folder that receives the run folders, else runs; with --resume: goes on there "
            "with a copy, and the run itself stays as it is"
        ),
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="go on with this run")] = None,
    from_stage: Annotated[
        str | None, typer.Option("--from", help="with --resume: a new run from that stage's end")
    ] = None,
    unjudged: Annotated[
        bool, typer.Option("--unjudged", help="leave test unread; --resume judges the run later")
    ] = False,
    threads: Annotated[
        int, typer.Option(min=1, help="of one run; more help only where cores are idle")
    ] = 1,
    device: Annotated[str, typer.Option(help="that computes the model: cpu, cuda, ...")] = "cpu",
    as_json: Annotated[
        bool, typer.Option("--json", help="only one JSON object, at the end")
    ] = False,
) -> None:
    """Train a recipe on a log or its simulated world, judge it with intervals, keep it all."""
    import torch

    from polyrec import experiment
    from polyrec.kernels.pool import use_threads

    torch.set_num_threads(threads)
    use_threads(threads)
    say, computes = Say(as_json), device_of(device)
    flags = list(settings or [])
    if resume is not None:
        given: dict[str, object] = {"--variant": variant, "--data": data, "--config": config}
        given |= {"--seeds": seeds != 1}
        _only_flags(flags, given)
        if unjudged and (flags or from_stage or out):
            raise ValueError(
                "--unjudged goes on with a run as it is: leave settings, --from and --out out"
            )
        if unjudged:
            say.result({"runs": [str(experiment.resume_training(resume, say, computes))]})
            return
        outcomes = [experiment.resume(resume, flags, from_stage, say, computes, out)]
    else:
        if not flags or "=" in flags[0]:
            raise ValueError("which recipe? write `polyrec run RECIPE`; `polyrec list` names them")
        if from_stage is not None:
            raise ValueError(f"--from {from_stage} goes with --resume RUN: name the run")
        if data is not None:
            flags.append(f"data={data}")
        place = Path("runs") if out is None else out
        order = experiment.Order(flags[0], variant, config, tuple(flags[1:]), place, computes)
        if unjudged:
            say.result({"runs": [str(path) for path in experiment.train(order, seeds, say)]})
            return
        outcomes = experiment.run(order, seeds, say)
    for line in experiment.over_seeds(outcomes):
        say.line(line)
    say.result(experiment.as_json(outcomes))


def _only_flags(flags: list[str], named: Mapping[str, object]) -> None:
    given = [name for name, value in named.items() if value]
    if given or (flags and "=" not in flags[0]):
        what = given[0] if given else flags[0]
        raise ValueError(
            f"--resume takes its settings from the run: {what} cannot be given with it"
        )


def device_of(name: str) -> torch.device:
    """What computes the model.

    Raises:
        ValueError: no such device, or none here.
    """
    import torch

    try:
        found = torch.device(name)
        module = torch.get_device_module(found)
    except RuntimeError:
        raise ValueError(f"--device {name}: no such device; use cpu, cuda or cuda:1") from None
    if found.type == "cpu":
        return found
    there = module.device_count() if module.is_available() else 0
    if (found.index or 0) >= there:
        raise ValueError(
            f"--device {name}: torch {torch.__version__} sees {there} such devices here; use "
            "--device cpu, or install a torch that is built for it"
        )
    # sparse gradients there ask whether to be checked, once a process and aloud
    torch.sparse.check_sparse_tensor_invariants.disable()  # type: ignore[no-untyped-call]
    return found
