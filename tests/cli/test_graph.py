"""`polyrec graph`: its figures, its picture, its refusals."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from tests.experiment.orders import Said, say

TRIANGLES = "# two triangles and a bridge\n1 2\n2 3\n3 1\n3 4\n4 5\n5 6\n6 4\n"
LABELS = "1 a\n2 a\n3 a\n4 b\n5 b\n6 b\n7 b\n"
LOG = "user,item,time\n" + "".join(
    f"u{i % 5},i{i % 7},{1_500_000_000 + 86_400 * i}\n" for i in range(30)
)
drawn = pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="no matplotlib")


@pytest.fixture
def edges(tmp_path: Path) -> Path:
    (tmp_path / "labels.txt").write_text(LABELS)
    path = tmp_path / "graph.txt"
    path.write_text(TRIANGLES)
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    return path


def refused(said: Said, *words: str) -> None:
    assert said.code == 2, said
    assert len(said.err.splitlines()) == 1, said.err
    assert "Traceback" not in said.out + said.err
    for word in words:
        assert word in said.err, said.err


def test_figures_of_an_edge_list(edges: Path) -> None:
    told = say("graph", edges, "--labels", edges.parent / "labels.txt", "--json").json
    assert told["format"] == "edges"
    assert told["nodes"] == {"node": 7}
    assert (told["edges"], told["pairs"], told["components"], told["isolated"]) == (7, 7, 2, 1)
    assert told["clustering"] == pytest.approx((1 + 1 + 1 / 3 + 1 / 3 + 1 + 1) / 7)
    assert told["core"] == 2
    assert told["homophily"]["edge"] == pytest.approx(6 / 7)
    assert [hop["mean"] for hop in told["field"]] == pytest.approx([1, 20 / 6, 28 / 6, 6])
    assert told["degree"]["node"]["max"] == 3


def test_people_are_told_the_same_and_what_was_assumed(edges: Path) -> None:
    said = say("graph", edges, "--labels", edges.parent / "labels.txt")
    assert said.code == 0
    for words in (
        "read as edges; --format names another",
        "1 comment lines",
        "7 node",
        "homophily: 0.8571",
        "within 3 hops: 6.0 nodes",
        "1 nodes isolated",
    ):
        assert words in said.out


def test_a_log_becomes_the_graph_of_its_train_part(log: Path, tmp_path: Path) -> None:
    told = say("graph", log, "--json").json
    assert told["format"] == "log"
    assert told["nodes"] == {"user": 5, "item": 7}
    assert told["clustering"] is None
    early = say("graph", log, "--until", "2017-07-20", "--json").json
    assert early["build"]["dropped"] == {"events at or after the cut": 24}
    (tmp_path / "split").mkdir()
    (tmp_path / "split" / "train.txt").write_text("0 0 1 2\n1 1 2\n")
    (tmp_path / "split" / "test.txt").write_text("0 3\n1 3\n")
    train = say("graph", tmp_path / "split", "--json").json
    assert (train["edges"], train["nodes"]["item"]) == (5, 4)
    assert any("train part alone" in note for note in train["notes"])


def test_an_adjacency_list_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "lists.txt"
    path.write_text("1 2 3\n2 1\n3 1 2 4\n4\n")
    assert say("graph", path, "--json").json["format"] == "adjacency"


@drawn
@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_picture_is_written_and_the_same_each_time(edges: Path, ending: str) -> None:
    path = edges.parent / f"picture.{ending}"
    said = say("graph", edges, "--picture", path)
    assert "the largest component of 6 nodes" in said.out
    first = path.read_bytes()
    assert first[:4] == b"\x89PNG" if ending == "png" else b"<svg" in first
    assert say("graph", edges, "--picture", path, "--json").json["picture"] == str(path)
    assert path.read_bytes() == first


def test_bad_input_is_refused_in_one_line(edges: Path, log: Path, tmp_path: Path) -> None:
    labels = edges.parent / "labels.txt"
    refused(say("graph", tmp_path / "none.txt"), "no such file")
    refused(say("graph", edges, "--format", "gml"), "gml", "adjacency")
    refused(say("graph", edges, "--hops", "0"), "hops=0")
    refused(say("graph", edges, "--seeds", "0"), "seeds=0")
    refused(say("graph", edges, "--until", "2020-01-01"), "--until", "no times")
    refused(say("graph", log, "--labels", labels), "--labels", "read as a log")
    refused(say("graph", edges, "--seed", "-1"), "seed=-1")
    refused(say("graph", edges, "--labels", tmp_path / "lables.txt"), "no such file", "labels.txt")
    refused(say("graph", edges, "--labels", tmp_path), "is a folder", "one file")
    refused(say("graph", tmp_path / "none", "--format", "edges"), "no such file")
    refused(say("graph", tmp_path / "none.npz"), "no such file")
    wrong = say("graph", edges, "--picture", tmp_path / "p.gif")
    refused(wrong, ".gif", ".png or .svg")
    assert wrong.out == ""  # said before anything is computed
    assert not list(tmp_path.glob("p.*"))
    edges.write_text("1 2\n3\n")
    refused(say("graph", edges, "--format", "edges"), "graph.txt:2", "1 words")
    edges.write_text("1 2 3\n2 1 -1\n")
    refused(say("graph", edges), "graph.txt:2:3", "-1", "0 or more")
    refused(say("graph", edges, "--format", "planetoid"), "graph.txt", "npz")


def test_a_graph_that_answers_nothing_says_so_in_words(tmp_path: Path) -> None:
    loops, labels = tmp_path / "loops.txt", tmp_path / "labels.txt"
    loops.write_text("1 1\n2 2\n")
    labels.write_text("1 a\n2 b\n")
    said = say("graph", loops, "--labels", labels)
    assert said.code == 0, said
    assert "homophily: none, no edge joins two nodes with a label" in said.out
    assert "receptive field: none" in said.out
    assert "nan" not in said.out
