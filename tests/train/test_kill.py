"""A run killed at random moments and resumed ends as one that was left alone."""

from __future__ import annotations

import multiprocessing
import random
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from tests.train.toys import curriculum, evaluate

from polyrec.run import Run
from polyrec.train import Interrupted, Options, fit
from polyrec.types import Progress


def train(folder: Path, pause: float) -> None:
    """Resumes the folder or begins it; saves after every step, so that kills meet writes."""
    run = Run.open(folder) if folder.is_dir() else Run.create(folder)
    toy = curriculum()

    def report(*_: object) -> None:
        time.sleep(pause)

    options = Options(log_every=1, save_seconds=0.0 if pause else 60.0, report=report)
    try:
        fit(toy.model, toy.stages, evaluate, Progress(seed=3), run, options)
    except Interrupted as stop:
        raise SystemExit(7) from stop


def start(folder: Path, pause: float = 0.01) -> BaseProcess:
    """A process of its own, forked so that it need not load torch again."""
    process = multiprocessing.get_context("fork").Process(target=train, args=(folder, pause))
    process.start()
    return process


@pytest.fixture(autouse=True, scope="module")
def _warm() -> None:
    """What a first training loads and compiles is there before any process is forked."""
    toy = curriculum()
    fit(toy.model, toy.stages, evaluate, Progress(seed=3))


def left_alone(folder: Path) -> Run:
    process = start(folder, pause=0.0)
    process.join(120)
    assert process.exitcode == 0
    return Run.open(folder)


def wait_for_log(process: BaseProcess, folder: Path) -> None:
    log = folder / "metrics.jsonl"
    before = log.stat().st_size if log.is_file() else 0
    while process.is_alive() and not (log.is_file() and log.stat().st_size != before):
        time.sleep(0.002)


def readable(run: Run) -> None:
    """Every checkpoint that is named is whole, and so is every line of the log but the last."""
    for name in run.checkpoints():
        run.load(name)
    run.lines()


def killed(folder: Path, times: int, seed: int) -> Run:
    """Kills the training this often, each time a little after it has begun to write."""
    chance = random.Random(seed)
    for _ in range(times):
        process = start(folder)
        wait_for_log(process, folder)
        time.sleep(chance.uniform(0, 0.15))
        process.kill()
        process.join()
        if folder.is_dir():
            readable(Run.open(folder))
    return left_alone(folder)


def outcome(run: Run) -> object:
    """What must not depend on kills: weights, progress and the evaluations in the log."""
    _, meta = run.load("stages/two")
    times = ("seconds", "cpu_seconds")
    evaluations = [
        {key: value for key, value in line.items() if key not in times}
        for line in run.lines("eval")
    ]
    return meta["progress"], meta["sha256"], evaluations


def test_three_kills_change_nothing(tmp_path: Path) -> None:
    run = killed(tmp_path / "killed", times=3, seed=1)
    assert outcome(run) == outcome(left_alone(tmp_path / "alone"))


@pytest.mark.slow
def test_twenty_kills_change_nothing(tmp_path: Path) -> None:
    run = killed(tmp_path / "killed", times=20, seed=2)
    assert outcome(run) == outcome(left_alone(tmp_path / "alone"))


def test_a_terminated_training_saves_and_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(folder)
    wait_for_log(process, folder)
    process.terminate()
    process.join(60)
    assert process.exitcode == 7
    assert Run.open(folder).lines("stop")[-1]["reason"].startswith("interrupted after step")
