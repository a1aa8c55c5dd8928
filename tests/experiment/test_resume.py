"""A stopped run goes on as if it had never stopped; what a resume changes is on record."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest
from tests.experiment.orders import TINY, lines, read, say, train

from polyrec import experiment
from polyrec.train import Interrupted


class StopAfter:
    """A watch that interrupts training after so many steps, as Ctrl-C does."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def line(self, text: str = "") -> None:
        """Nothing to say."""

    def progress(self, text: str, final: bool = False) -> None:
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)


def stopped(out: Path, steps: int) -> Path:
    order = experiment.Order("comirec", "dr", None, TINY, out)
    with pytest.raises(Interrupted, match=f"interrupted after step {steps} "):
        experiment.run(order, 1, StopAfter(steps))
    return next(out.iterdir())


def figures(run: Path) -> str:
    return json.dumps(read(run, "report.json"), sort_keys=True)


def without_times(run: Path, kind: str) -> list[dict[str, object]]:
    times = ("seconds", "cpu_seconds")
    return [{k: v for k, v in line.items() if k not in times} for line in lines(run, kind)]


@pytest.mark.parametrize("steps", [1, 10, 13])
def test_a_run_stopped_after_any_step_ends_as_one_never_stopped(
    steps: int, dr: Path, tmp_path: Path
) -> None:
    run = stopped(tmp_path, steps)
    assert say("run", "--resume", run).code == 0
    assert read(run, "best/checkpoint.json")["sha256"] == read(dr, "best/checkpoint.json")["sha256"]
    assert figures(run) == figures(dr)
    assert without_times(run, "eval") == without_times(dr, "eval")
    assert without_times(run, "train") == without_times(dr, "train")


def test_the_interrupt_names_the_command_that_goes_on(tmp_path: Path) -> None:
    order = experiment.Order("comirec", "dr", None, TINY, tmp_path)
    with pytest.raises(Interrupted, match=r"`polyrec run --resume .*comirec-dr-retail_tiny-s1`"):
        experiment.run(order, 1, StopAfter(2))


def test_a_run_killed_before_anything_was_kept_begins_again(dr: Path, tmp_path: Path) -> None:
    run = stopped(tmp_path, 7)
    shutil.rmtree(run / "last")
    assert say("run", "--resume", run).code == 0
    assert without_times(run, "train") == without_times(dr, "train")
    assert figures(run) == figures(dr)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was finished, then resumed with other settings."""
    run = train(tmp_path_factory.mktemp("changed"), "patience=3")
    settings = ("max_steps=30", "lr=0.001", "patience=9", "negatives_per_positive=3")
    said = say("run", "--resume", run, *settings)
    assert said.code == 0, said.err
    return run


@pytest.mark.parametrize(
    ("key", "value"),
    [("max_steps", 30), ("lr", 0.001), ("patience", 9), ("negatives_per_positive", 3)],
)
def test_a_setting_changed_by_a_resume_says_so(changed: Path, key: str, value: float) -> None:
    entry = read(changed, "config.json")[key]
    assert (entry["value"], entry["origin"]) == (value, "resume")


def test_the_log_says_what_a_resume_changed(changed: Path) -> None:
    told = lines(changed, "resume")[-1]["changed"]
    assert told["stages.0.lr"] == [0.005, 0.001]
    assert told["stages.0.stop.patience"] == [3, 9]
    assert told["stages.0.tasks.0.objective.negatives.count"] == [32, 48]


def test_a_resumed_run_goes_on_from_where_it_was(changed: Path) -> None:
    steps = [line["step"] for line in lines(changed, "eval")]
    assert steps == [10, 20, 30]


def test_a_resume_records_the_loss_it_trains_with(changed: Path) -> None:
    assert read(changed, "run.json")["losses"][0]["count"] == 48


def test_a_length_that_would_stretch_a_falling_rate_is_refused(tmp_path: Path) -> None:
    small = ("world=retail_tiny", "dim=8", "batch=512", "negatives=50", "epochs=2")
    graphs = ("graphs", "--variant", "ultragcn_committee", "members=2", "--out", tmp_path)
    assert say("run", *graphs, *small, "--json").code == 0
    (run,) = tmp_path.iterdir()
    for settings in (("epochs=4",), ("epochs=4", "lr=0.001")):
        said = say("run", "--resume", run, *settings)
        assert said.code == 2
        assert "would jump" in said.err
    assert say("run", "--resume", run, "epochs=4", "lr=0.0001", "lr_end=1").code == 0


@pytest.fixture(scope="module")
def forked(dr: Path) -> Path:
    """A new run from the end of the stage of a finished one."""
    said = say("run", "--resume", dr, "--from", "train", "--json")
    assert said.code == 0, said.err
    return Path(said.json["runs"][0])


def test_a_run_from_a_stage_names_its_parent(dr: Path, forked: Path) -> None:
    about = read(forked, "run.json")
    assert forked != dr
    assert (about["parent"], about["parent_stage"]) == (str(dr.resolve()), "train")


def test_a_run_from_the_last_stage_has_its_figures(dr: Path, forked: Path) -> None:
    assert read(forked, "report.json")["values"] == read(dr, "report.json")["values"]


def test_a_run_from_a_stage_recommends(forked: Path) -> None:
    assert say("recommend", forked, "--history", "").code == 0
