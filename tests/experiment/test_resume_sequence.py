"""A sequence run with all that it can remember goes on as if it had never stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.experiment.orders import read, say
from tests.experiment.test_resume import StopAfter, figures, without_times

from polyrec import experiment
from polyrec.train import Interrupted

ALL = (
    "world=retail_tiny", "dim=8", "batch=64", "count=20", "epochs=3", "features=all",
    "event_features=add", "codes=both", "quantizer=rq_vae", "code_size=8", "code_epochs=2",
    "negatives=curriculum", "hard_last=40", "phase=1", "log_every=2",
)  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (one,) = experiment.run(order(tmp_path_factory.mktemp("whole")))
    return one.path


def order(out: Path) -> experiment.Order:
    return experiment.Order("sequence", "default", None, ALL, out)


@pytest.mark.parametrize("steps", [1, 3, 6, 11])
def test_hard_windows_codes_and_features_are_part_of_what_is_kept(
    steps: int, whole: Path, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        experiment.run(order(tmp_path), 1, StopAfter(steps))
    run = next(tmp_path.iterdir())
    assert say("run", "--resume", run).code == 0
    kept = "best/checkpoint.json"
    assert read(run, kept)["sha256"] == read(whole, kept)["sha256"]
    assert figures(run) == figures(whole)
    assert without_times(run, "train") == without_times(whole, "train")


def test_a_run_goes_back_to_where_its_codes_were_made(whole: Path) -> None:
    said = say("run", "--resume", whole, "--from", "codes", "--json")
    assert said.code == 0, said.err
    child = Path(said.json["runs"][0])
    assert figures(child) == figures(whole)
