"""A finished run goes on with other settings, or says why it cannot: nothing is claimed in vain."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.experiment.orders import lines, read, say, train

# A rate of 1e-9 learns nothing: validation stays flat, and patience stops the run.
FLAT = ("lr=1e-9", "patience=1", "eval_every=5", "max_steps=60")


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that patience has stopped."""
    run = train(tmp_path_factory.mktemp("flat"), *FLAT)
    assert "flat" in lines(run, "stop")[-1]["reason"]
    return run


def test_a_run_that_patience_stopped_trains_on_at_another_rate(flat: Path) -> None:
    before = lines(flat, "eval")[-1]["step"]
    said = say("run", "--resume", flat, "lr=0.005")
    assert said.code == 0, said.err
    assert lines(flat, "eval")[-1]["step"] > before
    assert "patience" not in lines(flat, "resume")[-1]["restored"]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("lr=0.001", "all 20 steps are done"),
        ("patience=9", "raise max_steps above 20"),
        ("margin=0.7", "only loss=margin reads it"),
    ],
)
def test_a_setting_that_would_train_nothing_is_refused_and_not_recorded(
    dr: Path, setting: str, said: str
) -> None:
    before = read(dr, "config.json")
    answer = say("run", "--resume", dr, setting)
    assert (answer.code, read(dr, "config.json")) == (2, before)
    assert said in answer.err


def test_a_closed_form_is_refused_settings_of_training(tmp_path: Path) -> None:
    run = train(tmp_path, variant="ease")
    answer = say("run", "--resume", run, "lr=0.001")
    assert answer.code == 2
    assert "trains nothing" in answer.err


def test_a_spread_over_a_missing_column_is_refused_before_training(tmp_path: Path) -> None:
    flags = ("world=retail_tiny", "diversity=0.1", "category=shade")
    answer = say("run", "comirec", "--out", tmp_path, *flags, "negatives_per_positive=1")
    assert answer.code == 2
    assert "'shade'" in answer.err
    assert not list(tmp_path.iterdir())


def test_expected_values_among_drawn_candidates_are_told(dr: Path) -> None:
    answer = say("judge", dr, "--candidates", "u20", "--k", "10", "--json")
    assert answer.code == 0, answer.err
    told = answer.json["metrics"]["hit_rate@10[u20]"]
    assert 0 < told["value"] <= 1


def test_a_run_goes_on_with_hard_negatives_that_it_searches_first(tmp_path: Path) -> None:
    small = ("world=retail_tiny", "dim=8", "batch=64", "count=20", "epochs=1")
    said = say("run", "sequence", "--out", tmp_path, "--json", *small)
    assert said.code == 0, said.err
    run = Path(said.json["runs"][0])
    said = say("run", "--resume", run, "negatives=hard", "epochs=2")
    assert said.code == 0, said.err
    searched = [line["step"] for line in lines(run, "refresh") if line["name"] == "hard"]
    assert searched[:1] == [line["step"] for line in lines(run, "resume")]
