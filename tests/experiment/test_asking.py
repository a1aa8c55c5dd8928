"""Finished runs answer: judged again, held against each other, asked for items."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.experiment.orders import clicks, read, say, train

from polyrec import evaluate
from polyrec.evaluate import Report
from polyrec.experiment.stored import stored
from polyrec.recipes import parts


def kept(run: Path, part: str = "test") -> Report:
    step = read(run, "report.json")["step"]
    return evaluate.load(run / "values" / f"{part}@{step}.parquet")


def history(run: Path, row: int) -> list[str]:
    """External ids of what a test request had seen."""
    told = stored(run)
    split = told.recipe.data(told.config)
    ids = split.test.requests(torch.tensor([row])).history.values
    return told.facts().vocabs["target"].keys(ids.tolist())


def test_judging_stored_lists_again_gives_the_same_numbers(dr: Path) -> None:
    again = say("judge", dr, "--json").json["metrics"]
    told = read(dr, "report.json")["values"]
    assert set(again) == set(told)
    for name in told:
        assert again[name]["value"] == pytest.approx(told[name]["value"]), name
        assert again[name]["low"] == pytest.approx(told[name]["low"]), name


def test_judging_the_model_anew_gives_the_same_numbers(dr: Path) -> None:
    again = say("judge", dr, "--again", "--json").json["metrics"]
    told = read(dr, "report.json")["values"]
    assert {n: v["value"] for n, v in again.items()} == pytest.approx(
        {n: told[n]["value"] for n in again}
    )


def test_shorter_lists_are_judged_from_the_stored_ones(dr: Path) -> None:
    found = say("judge", dr, "--k", "5,10", "--json").json["metrics"]
    assert {"recall@5", "recall@10"} <= set(found)
    assert found["recall@5"]["value"] <= found["recall@10"]["value"]


def test_longer_lists_ask_the_model_anew(dr: Path) -> None:
    found = say("judge", dr, "--k", "100", "--metrics", "recall", "--json").json["metrics"]
    assert found["recall@100"]["value"] >= read(dr, "report.json")["values"]["recall@50"]["value"]


def test_a_dialect_answers_the_stored_metrics_that_it_has(dr: Path) -> None:
    said = say("judge", dr, "--k", "10", "--dialect", "polyrec,comirec-paper")
    assert said.code == 0
    assert "comirec-paper has no" in said.out


@pytest.mark.parametrize("wrong", ["--slices=age", "--candidates=100", "--dialect=recbol"])
def test_what_cannot_be_judged_is_refused_before_anything_is_printed(dr: Path, wrong: str) -> None:
    said = say("judge", dr, wrong)
    assert (said.code, said.out) == (2, "")


def test_several_dialects_stand_side_by_side(dr: Path) -> None:
    dialects = "comirec-paper,comirec-master,polyrec"
    found = say("judge", dr, "--dialect", dialects, "--metrics", "ndcg", "--k", "50", "--json")
    assert set(found.json["metrics"]) == {f"{one}:ndcg@50" for one in dialects.split(",")}
    values = {v["value"] for v in found.json["metrics"].values()}
    assert len(values) == 3


def test_slices_are_printed(dr: Path) -> None:
    said = say("judge", dr, "--slices", "activity", "--metrics", "recall", "--k", "20")
    assert said.code == 0
    assert "activity" in said.out


def test_sampled_candidates_stand_under_their_own_names(dr: Path) -> None:
    found = say("judge", dr, "--candidates", "u100", "--k", "10", "--json").json["metrics"]
    assert found
    assert all("u100" in value["passport"]["candidates"] for value in found.values())


def test_validation_is_judged_on_request(dr: Path) -> None:
    found = say("judge", dr, "--part", "valid", "--json").json
    assert found["part"] == "valid"
    told = read(dr, "report.json")["valid"]
    assert found["metrics"]["recall@50"]["value"] == pytest.approx(told["recall@50"]["value"])


@pytest.mark.parametrize("row", [0, 7, 29])
def test_what_is_served_is_what_was_measured(dr: Path, row: int) -> None:
    asked = ",".join(history(dr, row))
    served = say("recommend", dr, "--history", asked, "--k", "50", "--json").json["items"]
    lists = kept(dr).evidence.lists
    measured = stored(dr).facts().vocabs["target"].keys(lists.ids[row, :50].tolist())
    assert [item["id"] for item in served] == measured
    scores = torch.tensor([item["score"] for item in served])
    assert torch.allclose(scores, lists.scores[row, :50], atol=1e-6)


def test_a_run_measured_without_seen_items_serves_none(tmp_path: Path) -> None:
    run = train(tmp_path, "exclude=history", "max_steps=2")
    seen = history(run, 0)
    served = say("recommend", run, "--history", ",".join(seen), "--k", "100", "--json").json
    assert not {item["id"] for item in served["items"]} & set(seen)


def test_seen_items_are_left_out_on_request(dr: Path) -> None:
    seen = history(dr, 3)
    command = ("recommend", dr, "--history", ",".join(seen), "--k", "100", "--json")
    assert {item["id"] for item in say(*command).json["items"]} & set(seen)
    left = say(*command, "--exclude-seen").json["items"]
    assert not {item["id"] for item in left} & set(seen)


def test_an_empty_history_gets_popular_items_and_the_reason(dr: Path) -> None:
    found = say("recommend", dr, "--history", "", "--k", "5", "--json").json
    facts = stored(dr).facts()
    best = [facts.counts[int(facts.vocabs["target"].ids([i["id"]])[0])] for i in found["items"]]
    assert best[0] == facts.counts.max()
    assert found["why"].startswith("no history")


def test_diversity_spreads_the_list_over_categories(dr: Path) -> None:
    facts = stored(dr).facts()
    groups = parts.categories(facts, "category")
    assert groups is not None

    def categories(*flags: str) -> int:
        command = ("recommend", dr, "--history", ",".join(history(dr, 1)), "--k", "8", "--json")
        items = say(*command, *flags).json["items"]
        return len({int(groups[facts.vocabs["target"].ids([i["id"]])[0]]) for i in items})

    assert categories("--diversity", "1000") == 8
    assert categories("--diversity", "1000") >= categories()


def test_two_runs_are_compared_over_the_same_requests(dr: Path, sa: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    found = say("compare", dr, sa, "--html", page, "--json").json["metrics"]
    one = found["recall@50"]
    assert one["low"] <= one["difference"] <= one["high"]
    assert 0 <= one["p"] <= 1
    assert one["difference"] == pytest.approx(one["a"] - one["b"])
    assert page.read_text().startswith("<!doctype html>".upper()) or "<html" in page.read_text()


def test_folders_of_seeds_are_compared_by_their_means(sa: Path, tmp_path: Path) -> None:
    for seed in ("1", "2"):
        train(tmp_path / "dr", f"seed={seed}", "max_steps=2")
    found = say("compare", tmp_path / "dr", sa, "--json").json["metrics"]["recall@50"]
    assert found["seeds"] == [2, 1]


def test_runs_on_different_data_name_the_differing_field(sa: Path, tmp_path: Path) -> None:
    log = clicks(tmp_path / "log.csv")
    settings = (f"data={log}", "min_users=0", "k=20", "select_by=recall@20")
    other = train(tmp_path, *settings, variant="popular")
    said = say("compare", sa, other)
    assert said.code == 2
    assert "data" in said.err


def test_an_answer_without_what_the_run_was_judged_with_says_so(tmp_path: Path) -> None:
    flags = ("world=retail_tiny", "dim=8", "epochs=1", "batch=128", "count=20", "user_features=all")
    said = say("run", "sequence", "--out", tmp_path, "--json", *flags, "event_features=add")
    run = said.json["runs"][0]
    bare = say("recommend", run, "--history", "i001", "--k", "2")
    assert "judged with actor, kind, time" in bare.out
    assert (
        "judged with kind, time" in say("recommend", run, "--history", "i001", "--user", "u001").out
    )
    unknown = say("recommend", run, "--history", "i001", "--user", "nobody")
    assert unknown.code == 2
    assert "knows no such person" in unknown.err


def test_a_person_that_nothing_is_read_of_is_said(sa: Path) -> None:
    with pytest.warns(UserWarning, match="--user u001: this run reads nothing of people"):
        assert say("recommend", sa, "--history", "i001", "--user", "u001").code == 0


def test_a_log_s_columns_and_assumptions_are_said_before_training(tmp_path: Path) -> None:
    log = clicks(tmp_path / "log.csv")
    said = say("run", "comirec", "--variant", "popular", "--out", tmp_path, f"data={log}",
               "k=20", "select_by=recall@20")  # fmt: skip
    assert "columns of log.csv: actor user, target item, time timestamp" in said.out
    assert "filter min_count" in said.out


def test_kinds_that_no_column_tells_name_the_flag(tmp_path: Path) -> None:
    log = clicks(tmp_path / "log.csv")
    said = say("run", "comirec", "--out", tmp_path, f"data={log}", "kinds=view")
    assert said.code == 2
    assert "polyrec data import LOG OUT --kind COLUMN" in said.err
