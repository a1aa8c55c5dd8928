"""Resume is invisible: stopped after any step and resumed equals never stopped, bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from tests.train.toys import TOYS, Toy, evaluate
from torch import Tensor

from polyrec.run import Run
from polyrec.train import Interrupted, Options, Steps, fit
from polyrec.types import Progress

SEED = 3
# How many steps each toy takes: all of them are tried.
STEPS = {"curriculum": 15, "solver": 8, "famo": 7, "windows": 8}
CASES = [(name, step) for name, steps in STEPS.items() for step in range(1, steps + 1)]


def trained(
    make: Callable[[], Toy], run: Run | None, stop_after: int | None = None
) -> tuple[Toy, Progress]:
    """Trains a fresh toy, interrupted after so many steps of this call."""
    toy, progress, seen = make(), Progress(seed=SEED), [0]

    def report(*_: object) -> bool:
        seen[0] += 1
        return seen[0] == stop_after

    fit(toy.model, toy.stages, evaluate, progress, run, Options(log_every=2, report=report))
    return toy, progress


def resumed(make: Callable[[], Toy], run: Run, stop_after: int) -> tuple[Toy, Progress]:
    with pytest.raises(Interrupted):
        trained(make, run, stop_after)
    return trained(make, run)


def contents(run: Run) -> dict[str, str]:
    """Each checkpoint's tensor bytes."""
    files = {name: run.path / name / run.meta(name)["file"] for name in run.checkpoints()}
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}


def weights(toy: Toy) -> dict[str, Tensor]:
    keeps = {
        f"{name}.{key}": value
        for stage in toy.stages
        for name, kept in stage.keeps.items()
        for key, value in kept.state_dict().items()
    }
    return {**toy.model.state_dict(), **keeps}


def lines(run: Run, *kinds: str) -> list[dict[str, object]]:
    """The log without what no two runs share."""
    times = ("seconds", "cpu_seconds")
    found = [line for line in run.lines() if line["kind"] in kinds]
    return [{k: v for k, v in line.items() if k not in times} for line in found]


@pytest.fixture(scope="module")
def never_stopped(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], tuple[Toy, Progress, Run]]:
    @cache
    def make(name: str) -> tuple[Toy, Progress, Run]:
        run = Run.create(tmp_path_factory.mktemp(name) / "run")
        return *trained(TOYS[name], run), run

    return make


@pytest.mark.parametrize(("name", "step"), CASES)
def test_stopped_after_any_step_and_resumed_is_never_stopped(
    name: str, step: int, never_stopped: Callable[[str], tuple[Toy, Progress, Run]], tmp_path: Path
) -> None:
    toy, progress, whole = never_stopped(name)
    run = Run.create(tmp_path / "run")
    again, later = resumed(TOYS[name], run, step)
    assert all(torch.equal(weights(toy)[key], value) for key, value in weights(again).items())
    assert later.state() == progress.state()
    assert contents(run) == contents(whole)  # weights, moments, balance, caches; best and stages


@pytest.mark.parametrize("name", TOYS)
def test_a_resumed_log_says_everything_once(
    name: str, never_stopped: Callable[[str], tuple[Toy, Progress, Run]], tmp_path: Path
) -> None:
    *_, whole = never_stopped(name)
    run = Run.create(tmp_path / "run")
    resumed(TOYS[name], run, 3)
    kinds = ("train", "eval", "refresh")
    assert lines(run, *kinds) == lines(whole, *kinds)
    assert [line["kind"] for line in run.lines() if line["kind"] == "resume"] == ["resume"]


def test_stopped_after_every_single_step_is_never_stopped(
    never_stopped: Callable[[str], tuple[Toy, Progress, Run]], tmp_path: Path
) -> None:
    toy, _, whole = never_stopped("curriculum")
    run = Run.create(tmp_path / "run")
    for _ in range(STEPS["curriculum"]):
        with pytest.raises(Interrupted):
            trained(TOYS["curriculum"], run, stop_after=1)
    again, _ = trained(TOYS["curriculum"], run)
    assert all(torch.equal(weights(toy)[key], value) for key, value in weights(again).items())
    assert contents(run) == contents(whole)


def test_the_toys_take_the_steps_that_are_tried(
    never_stopped: Callable[[str], tuple[Toy, Progress, Run]],
) -> None:
    for name, steps in STEPS.items():
        stops = never_stopped(name)[2].lines("stop")
        assert sum(line["step"] for line in stops) == steps


@pytest.mark.parametrize("stage", ["one", "two"])
def test_rolled_back_to_a_stage_the_rest_comes_again(
    stage: str, never_stopped: Callable[[str], tuple[Toy, Progress, Run]], tmp_path: Path
) -> None:
    toy, _, whole = never_stopped("curriculum")
    child = whole.fork(f"stages/{stage}", tmp_path / "child", documents=())
    again, _ = trained(TOYS["curriculum"], child)
    assert all(torch.equal(weights(toy)[key], value) for key, value in weights(again).items())
    assert contents(child)["stages/two"] == contents(whole)["stages/two"]
    assert child.read_json("parent.json")["checkpoint"] == f"stages/{stage}"


def test_training_without_a_run_folder_gives_the_same_weights(
    never_stopped: Callable[[str], tuple[Toy, Progress, Run]],
) -> None:
    for name in TOYS:
        toy, progress, _ = never_stopped(name)
        again, later = trained(TOYS[name], None)
        assert all(torch.equal(weights(toy)[key], value) for key, value in weights(again).items())
        assert later.state() == progress.state()


@pytest.mark.parametrize("name", TOYS)
def test_results_do_not_depend_on_the_thread_count(
    name: str, never_stopped: Callable[[str], tuple[Toy, Progress, Run]]
) -> None:
    toy, _, _ = never_stopped(name)
    torch.set_num_threads(2)
    try:
        again, _ = trained(TOYS[name], None)
    finally:
        torch.set_num_threads(1)
    assert all(torch.equal(weights(toy)[key], value) for key, value in weights(again).items())


def test_a_finished_run_goes_on_when_its_stage_is_made_longer(
    never_stopped: Callable[[str], tuple[Toy, Progress, Run]], tmp_path: Path
) -> None:
    def longer() -> Toy:
        toy = TOYS["famo"]()
        return Toy(toy.model, [replace(toy.stages[0], length=Steps(12))])

    whole, _ = trained(longer, Run.create(tmp_path / "whole"))
    run = Run.create(tmp_path / "run")
    trained(TOYS["famo"], run)
    again, progress = trained(longer, run)
    assert progress.step == 12
    # The shorter run was judged at its end too; nothing else differs.
    assert all(torch.equal(weights(whole)[key], value) for key, value in weights(again).items())
    assert run.lines("resume")[0]["changed"] == {"stages.0.length.count": [7, 12]}
