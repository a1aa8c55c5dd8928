"""Every run writes down what is needed to doubt it later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.experiment.orders import lines, read, say, train

from polyrec import evaluate, losses
from polyrec.losses import CORRECTED
from polyrec.types import Scores


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose last weights are not its best: it overshoots."""
    settings = ("lr=0.5", "max_steps=40", "eval_every=5", "patience=2", "similarity=cosine")
    return train(tmp_path_factory.mktemp("records"), *settings, variant="sa")


def test_each_setting_keeps_value_origin_and_the_recipes_own(run: Path) -> None:
    config = read(run, "config.json")
    assert all({"value", "origin", "recipe", "why"} <= set(entry) for entry in config.values())
    assert config["lr"] | {"why": ""} == {
        "value": 0.5, "origin": "flag", "recipe": 0.001, "why": "",
    }  # fmt: skip
    assert config["model"]["origin"] == "variant"
    assert config["length"]["origin"] == "default"


@pytest.mark.parametrize(
    "key",
    ["polyrec", "commit", "python", "packages", "machine", "processor", "cores", "threads"],
)
def test_the_environment_is_recorded(run: Path, key: str) -> None:
    assert key in read(run, "run.json")["environment"]


@pytest.mark.parametrize("key", ["seed", "started", "seconds", "peak_memory_mb", "recipe"])
def test_the_run_itself_is_recorded(run: Path, key: str) -> None:
    assert key in read(run, "run.json")


def test_the_loss_is_recorded_with_its_sampler(run: Path) -> None:
    (told,) = read(run, "run.json")["losses"]
    wanted = {
        "stage": "train", "task": "next", "loss": "sampled_softmax", "sampler": "LogUniform",
        "count": 32, "share": "batch", "log_q": True, "temperature": 0.05, "margin": None,
        "pick": "nearest",
    }  # fmt: skip
    assert {key: told[key] for key in wanted} == wanted


def test_a_margin_is_recorded(tmp_path: Path) -> None:
    run = train(tmp_path, "loss=margin", "margin=0.3", "max_steps=1", "negatives=uniform")
    (told,) = read(run, "run.json")["losses"]
    assert (told["loss"], told["margin"], told["log_q"]) == ("margin", 0.3, False)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_a_loss_is_said_to_use_log_q_exactly_if_it_does(name: str) -> None:
    def value(shift: float) -> float:
        torch.manual_seed(0)
        scores = Scores(
            pos=torch.randn(4),
            neg=torch.randn(4, 6),
            pos_log_q=torch.zeros(4),
            neg_log_q=torch.full((1, 6), shift),
            valid=torch.ones(4, 6, dtype=torch.bool),
            weight=torch.ones(4),
        )
        return float(losses.LOSSES[name](scores))

    assert (value(0.0) != value(-1.0)) == (name in CORRECTED)


def test_each_parameter_names_the_stages_that_train_it(run: Path) -> None:
    told = read(run, "run.json")["parameters"]
    assert told["table.weight"] == {"shape": [151, 8], "trains": True, "stages": ["train"]}


def test_what_a_solver_fills_is_recorded(tmp_path: Path) -> None:
    run = train(tmp_path, variant="popular")
    assert all(p["stages"] == ["solve"] for p in read(run, "run.json")["parameters"].values())


@pytest.mark.parametrize(
    "key",
    ["valid_hash", "test_hash", "vocabulary", "items", "train_events", "dropped", "how", "counts"],
)
def test_hashes_and_counts_of_the_data_are_recorded(run: Path, key: str) -> None:
    assert read(run, "run.json")["data"][key] is not None


def test_the_data_hash_is_recorded(run: Path) -> None:
    assert len(read(run, "run.json")["data"]["how"]["data"]) == 64


@pytest.mark.parametrize(
    "thing",
    [
        "vocabulary", "scaler", "features", "popularity", "graph", "sampler pool", "threshold",
        "until",
    ],
)  # fmt: skip
def test_the_fit_scope_names_every_fitted_thing(run: Path, thing: str) -> None:
    assert thing in read(run, "run.json")["scope"]


def test_a_train_line_tells_the_loss_and_its_chance_level(run: Path) -> None:
    line = lines(run, "train")[-1]
    wanted = {
        "stage", "epoch", "step", "seconds", "cpu_seconds", "loss", "batch_loss", "chance", "lr",
        "gradient", "update_per_weight", "negatives", "valid", "false",
    }  # fmt: skip
    assert wanted <= set(line)


def test_an_eval_line_tells_part_size_and_best(run: Path) -> None:
    wanted = {"part", "hash", "size", "metrics", "best", "best_step", "since_best", "saved"}
    assert all(wanted <= set(line) for line in lines(run, "eval"))


@pytest.mark.parametrize("kind", ["save", "stop", "read"])
def test_the_log_has_lines_of_each_kind(run: Path, kind: str) -> None:
    assert lines(run, kind)


def test_a_reading_that_selects_says_how_sure_it_is(run: Path) -> None:
    found = [line for line in lines(run, "read") if line["purpose"] == "select"]
    told = found[0]["metrics"]["recall@50"]
    assert told["n"] == 30
    assert told["low"] < told["high"]


def test_test_is_read_once(run: Path) -> None:
    assert [line["purpose"] for line in lines(run, "read") if line["part"] == "test"] == ["report"]


def test_lists_of_best_and_last_are_kept(run: Path) -> None:
    told = read(run, "report.json")
    best, last = told["step"], told["last_step"]
    assert best < last
    names = {path.stem for path in (run / "values").iterdir()}
    assert names == {f"test@{best}", f"valid@{best}", f"valid@{last}"}


def test_kept_lists_hold_the_full_rank_of_each_wanted_item(run: Path) -> None:
    step = read(run, "report.json")["step"]
    lists = evaluate.load(run / "values" / f"test@{step}.parquet").evidence.lists
    assert lists.ranks is not None
    assert len(lists.ranks) == len(lists.truth.values)


def test_popularity_is_judged_beside_every_run(run: Path) -> None:
    beside = evaluate.load(run / "baselines" / "values" / "popular.parquet")
    step = read(run, "report.json")["step"]
    own = evaluate.load(run / "values" / f"test@{step}.parquet")
    assert torch.equal(beside.evidence.lists.key, own.evidence.lists.key)


@pytest.mark.parametrize("checkpoint", ["best", "last"])
def test_the_probe_looks_into_best_and_last(run: Path, checkpoint: str) -> None:
    wanted = {"cosine", "answer_shares", "two_evaluations", "requests"}
    assert wanted <= set(read(run, "probe.json")[checkpoint])


def test_used_events_are_one_bit_each(run: Path) -> None:
    used = np.unpackbits(np.load(run / "used.npy"))
    events = read(run, "run.json")["data"]["train_events"]
    assert len(used) - events in range(8)
    assert 0 < used.sum() <= events


def test_after_the_run_the_model_is_the_best(run: Path) -> None:
    again = say("judge", run, "--again", "--json").json["metrics"]
    kept = read(run, "report.json")["values"]
    assert again["recall@50"]["value"] == pytest.approx(kept["recall@50"]["value"])
