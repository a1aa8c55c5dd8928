"""The audit of graphs and the rule of collapse: each fires where planted and is silent else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.experiment.orders import say

from polyrec.data import Split, SplitConfig
from polyrec.graph import Graph, Interactions
from polyrec.graph.builders import bipartite, session
from polyrec.graph.change import flat
from polyrec.models.graphs.smoothing import effective_rank
from polyrec.recipes.parts import shop
from polyrec.trust import collapse, graph_leaks


@pytest.fixture(scope="module")
def split() -> Split:
    return shop("retail_tiny")[0].split(SplitConfig("leave-one-out"))


def whole(split: Split) -> Interactions:
    """What train, validation and test hold together: the planted leak."""
    return Interactions.of(shop("retail_tiny")[0].events, split.facts.items)


def clean(split: Split) -> Interactions:
    return Interactions.of(split.train, split.facts.items)


def one_numbering(graph: Graph) -> Graph:
    relation = flat(graph).relation
    return Graph({"node": relation.sources}, (relation,))


def test_a_graph_of_the_train_part_is_clean(split: Split) -> None:
    graph = bipartite(clean(split))[0]
    assert graph_leaks(graph, split, graph) == ()
    assert graph_leaks(one_numbering(graph), split) == ()


@pytest.mark.parametrize("form", ["two types", "reversed too", "one numbering"])
def test_test_edges_in_a_graph_are_found_and_counted(split: Split, form: str) -> None:
    graph = bipartite(whole(split))[0]
    graph = {"two types": graph, "reversed too": graph.with_reverses()}.get(
        form, one_numbering(graph)
    )
    found = [one for one in graph_leaks(graph, split) if one.kind == "fault"]
    assert len(found) == (2 if form == "reversed too" else 1)
    assert "test edges" in found[0].evidence
    assert "(100.0%)" in found[0].evidence


def test_validation_edges_are_a_note() -> None:
    split = shop("retail_tiny")[0].split(SplitConfig("random"))
    log = Interactions.of(split.test.events, split.facts.items)  # train and validation
    found = graph_leaks(bipartite(log)[0], split)
    (note,) = [one for one in found if "validation" in one.evidence]
    assert note.kind == "note"


def test_steps_between_items_that_train_does_not_give_are_found_against_a_rebuilt_graph(
    split: Split,
) -> None:
    trusted = session(clean(split), 1e12)[0]
    assert graph_leaks(trusted, split, trusted) == ()
    (found,) = graph_leaks(session(whole(split), 1e12)[0], split, trusted)
    assert "do not come from the train part" in found.evidence


def test_an_edge_after_the_cut_is_found_under_a_split_by_time() -> None:
    dataset = shop("retail_tiny")[0]
    by_time = dataset.split(SplitConfig("time"))
    late = Interactions.of(dataset.events, by_time.facts.items)
    told = [one.evidence for one in graph_leaks(bipartite(late)[0], by_time)]
    assert any("later than the last train event" in one for one in told)
    early = bipartite(Interactions.of(by_time.train, by_time.facts.items))[0]
    assert graph_leaks(early, by_time) == ()


def probe_of(items: torch.Tensor) -> dict[str, object]:
    a, b = torch.randint(len(items), (2, 2_000), generator=torch.Generator().manual_seed(0))
    cosine = torch.nn.functional.cosine_similarity(items[a], items[b]).mean()
    return {
        "item_pair_cosine": float(cosine),
        "effective_rank": effective_rank(items),
        "singular_values": torch.linalg.svdvals(items).tolist(),
    }


def test_collapse_is_found_in_vectors_that_ran_together_and_not_in_spread_ones() -> None:
    draw = torch.Generator().manual_seed(0)
    spread = torch.randn(300, 16, generator=draw)
    assert collapse(probe_of(spread)) == ()
    (alike,) = collapse(probe_of(spread * 0.1 + 1))
    assert alike.rule == "F6"
    (line,) = collapse(probe_of(torch.randn(300, 1, generator=draw) * torch.ones(1, 16)))
    assert "effective rank 1.0 of 16" in line.evidence


def test_many_passes_over_a_graph_without_learning_are_found_as_over_smoothing(
    split: Split,
) -> None:
    """The planted fault: 64 averages over neighbours leave one direction."""
    relation = flat(bipartite(clean(split))[0]).relation
    matrix = torch.from_numpy(relation.matrix().toarray()).float()
    matrix += torch.eye(len(matrix))
    root = matrix.sum(1).rsqrt()
    x = torch.randn(len(matrix), 16, generator=torch.Generator().manual_seed(0))
    for _ in range(64):
        x = root[:, None] * (matrix @ (root[:, None] * x))
    assert collapse(probe_of(x[-split.facts.items :]))


def test_the_commands_say_what_they_find_and_what_they_did_not_check(tmp_path: Path) -> None:
    flags = ("world=retail_tiny", "dim=8", "--out", tmp_path, "--json")
    told = say("run", "embeddings", "--variant", "line2", *flags)
    run = Path(told.json["runs"][0])
    audited = say("audit", run, "--json")
    assert (audited.code, audited.json["audit"], audited.json["findings"]) == (0, "checked", [])
    bare = Path(say("run", "embeddings", "--variant", "popular", *flags).json["runs"][0])
    assert say("audit", bare, "--json").json["audit"] == "not checked"
    assert say("doctor", bare, "--json").json["doctor"] == "not checked"
    probe = run / "probe.json"
    held = json.loads(probe.read_text())
    for one in held.values():
        one["item_pair_cosine"] = 0.99
    probe.write_text(json.dumps(held))
    ill = say("doctor", run, "--json")
    assert ill.code == 3
    assert ill.json["findings"][0]["rule"] == "F6"
