"""`list`, `show`, `metrics`, `data`: what there is and what it means, without anything trained."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from tests.experiment.orders import clicks, read, say, train

from polyrec.experiment import shelves
from polyrec.metrics import DIALECTS


def test_list_names_every_part() -> None:
    said = say("list", "--json")
    assert said.code == 0
    assert said.json == shelves()


def test_list_of_one_kind_names_that_alone() -> None:
    assert set(say("list", "losses", "--json").json) == {"losses"}


def test_show_gives_each_setting_with_its_reason() -> None:
    said = say("show", "comirec", "--variant", "sa")
    assert "the interest nearest to the target learns" in said.out
    assert "* lr = 0.001" in said.out


def test_reasons_and_data_sets_each_begin_in_one_column() -> None:
    said = say("show", "sequence", "--variant", "esasrec").out.splitlines()
    reasons = ("last events read", "columns of the people's table", "published lists")
    assert len({line.find(why) for line in said for why in reasons if why in line}) == 1
    rows = say("show", "sequence", "--expected").out.splitlines()
    assert len({line.index(f" {line.split()[1]} ") for line in rows}) == 1


def test_show_expected_gives_sources_with_their_tables() -> None:
    rows = say("show", "comirec", "--expected", "--json").json["expected"]
    assert rows
    assert all(row["source"] and row["dialect"] for row in rows)


def test_show_expected_is_never_silent() -> None:
    said = say("show", "nodes", "--expected")
    assert said.code == 0
    assert "kept back: nobody has read them in their source" in said.out


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is not None, reason="it is there")
def test_show_for_tensorboard_names_the_extra_where_it_is_missing(dr: Path, tmp_path: Path) -> None:
    said = say("show", dr, "--tensorboard", tmp_path)
    assert said.code == 2
    assert "polyrec[tensorboard]" in said.err


def test_show_of_a_run_gives_settings_and_figures(dr: Path) -> None:
    told = say("show", dr, "--json").json
    assert told["run"]["recipe"] == "comirec"
    assert told["metrics"] == read(dr, "report.json")["values"]


def test_origin_names_only_what_somebody_set(dr: Path) -> None:
    said = say("show", dr, "--origin").out
    assert "dim = 8  by flag (recipe 64)" in said
    assert "pick =" not in said


def test_show_of_an_unfinished_run_says_how_to_go_on(tmp_path: Path) -> None:
    run = train(tmp_path, "max_steps=1")
    (run / "report.json").unlink()
    assert f"polyrec run --resume {run}" in say("show", run).out


@pytest.mark.parametrize("name", shelves()["metrics"])
def test_every_metric_explains_itself(name: str) -> None:
    said = say("metrics", "explain", f"{name}@50")
    assert said.code == 0
    assert len(said.out.splitlines()) >= 2


def test_a_dialect_explains_itself() -> None:
    told = say("metrics", "explain", "ndcg@50", "--dialect", "comirec-paper", "--json").json
    assert (told["metric"], told["k"], told["dialect"]) == ("ndcg", 50, "comirec-paper")
    assert told["formula"] == DIALECTS["comirec-paper"].formulas["ndcg"].text
    assert told["said"] == DIALECTS["comirec-paper"].doc


def test_metrics_are_listed() -> None:
    assert {"recall", "ndcg", "coverage"} <= set(say("metrics", "list", "--json").json)


def test_a_log_is_imported_split_and_trained_on(tmp_path: Path) -> None:
    log, out = clicks(tmp_path / "log.csv"), tmp_path / "set"
    assert say("data", "import", log, out).code == 0
    assert say("data", "split", out, "--how", "leave-one-out", "--json").json["train"] > 0
    assert say("data", "show", out, "--json").json["events"]
    run = train(tmp_path / "runs", f"data={out}", "k=10", "select_by=recall@10",
                "split=leave-one-out", variant="popular")  # fmt: skip
    assert read(run, "run.json")["data"]["items"] == 24


@pytest.mark.parametrize(
    ("words", "verb"), [((), "recommend"), (("data",), "import"), (("metrics",), "explain")]
)
def test_a_group_without_a_verb_shows_its_help(words: tuple[str, ...], verb: str) -> None:
    said = say(*words)
    assert (said.code, said.err) == (0, "")
    assert verb in said.out
    assert len(said.out.splitlines()) > 5


def test_help_exits_0() -> None:
    said = say("run", "--help")
    assert (said.code, said.err) == (0, "")
    assert "--resume" in said.out


def test_json_never_holds_nan(tmp_path: Path) -> None:
    def refuse(text: str) -> None:
        raise AssertionError(text)

    run = train(tmp_path, "max_steps=1")
    said = say("judge", run, "--metrics", "recall,coverage,novelty,gini,diversity", "--json")
    json.loads(said.out, parse_constant=refuse)
