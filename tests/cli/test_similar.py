"""`polyrec similar`: neighbours of items met and new, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.experiment.orders import say, train

from polyrec.experiment.stored import stored

STRATEGIES = ("category_mean", "side_mean", "knn_mean", "features", "inductive", "cluster", "tree")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("similar")
    flags = ("world=retail_tiny", "dim=8", "k=20", "--variant", "eges_without_own")
    said = say("run", "embeddings", *flags, "--out", out, "--json")
    assert said.code == 0, said.err
    return Path(said.json["runs"][0])


def keys(run: Path, warm: bool) -> list[str]:
    told = stored(run)
    facts = told.facts()
    found = told.model(facts).warm == warm  # type: ignore[operator]
    return [facts.vocabs["target"].key(i) for i in range(1, facts.items + 1) if found[i]]


def test_neighbours_of_a_learnt_item_come_best_first_without_itself(run: Path) -> None:
    item = keys(run, True)[0]
    told = say("similar", run, "--id", item, "--k", "5", "--json").json
    assert told["from"] == "learnt from the log"
    assert item not in [one["id"] for one in told["items"]]
    cosines = [one["similarity"] for one in told["items"]]
    assert cosines == sorted(cosines, reverse=True)
    assert len(cosines) == 5
    assert max(cosines) <= 1 + 1e-6


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_new_item_has_neighbours_under_a_strategy(run: Path, strategy: str) -> None:
    if strategy in ("cluster", "tree"):
        pytest.importorskip("sklearn")
    item = keys(run, False)[0]
    told = say("similar", run, "--id", item, "--k", "3", "--strategy", strategy, "--json").json
    assert told["from"] != "learnt from the log"
    assert len(told["items"]) == 3
    assert all(one["from"] for one in told["items"])


def test_a_new_item_without_a_strategy_is_told_the_remedy(run: Path) -> None:
    said = say("similar", run, "--id", keys(run, False)[0])
    assert said.code == 2
    assert "--strategy" in said.err


def test_what_is_unknown_is_refused_in_a_line(run: Path) -> None:
    item = keys(run, True)[0]
    for flags, word in (
        (("--id", "nothing"), "catalogue"),
        (("--id", item, "--strategy", "side_men"), "side_mean"),
        (("--id", item, "--strategy", "knn_mean", "--columns", "colour"), "colour"),
        (("--id", item, "--strategy", "category_mean", "--columns", "colour"), "colour"),
    ):
        said = say("similar", run, *flags)
        assert said.code == 2, said
        assert word in said.err, said.err
        assert len(said.err.splitlines()) == 1


def test_other_retrievers_answer_and_closed_forms_do_not(tmp_path: Path) -> None:
    dr = train(tmp_path, "k=20", "select_by=recall@20")
    item = stored(dr).facts().vocabs["target"].key(1)
    assert len(say("similar", dr, "--id", item, "--k", "2", "--json").json["items"]) == 2
    said = say("run", "embeddings", "--variant", "popular", "world=retail_tiny", "--out", tmp_path,
               "--json")  # fmt: skip
    refused = say("similar", said.json["runs"][0], "--id", item)
    assert refused.code == 2
    assert "no item vectors" in refused.err
