"""`polyrec embed`: vectors of a graph file's nodes, judged, written, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.experiment.orders import say

from polyrec.models.embedding import load_text

QUICK = ("dim=8", "walks=20", "length=12", "window=3")


@pytest.fixture(scope="module")
def camps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two dense halves of 30 nodes with few edges between them, their labels, one node alone."""
    folder = tmp_path_factory.mktemp("camps")
    draw = np.random.default_rng(1)
    side = np.arange(60) < 30
    chance = np.where(side[:, None] == side, 0.3, 0.02)
    source, target = np.nonzero(np.triu(draw.random((60, 60)) < chance, 1))
    edges = "".join(f"n{a} n{b}\n" for a, b in zip(source, target, strict=True))
    (folder / "edges.txt").write_text(edges)
    (folder / "labels.txt").write_text(
        "".join(f"n{node} {'left' if side[node] else 'right'}\n" for node in range(60))
        + "alone left\n"
    )
    return folder


def asked(camps: Path, *more: object) -> dict:
    quick = ("dim=8",) if "line2" in more else QUICK
    said = say("embed", camps / "edges.txt", *quick, *more, "--json")
    assert said.code == 0, said.err
    return said.json


@pytest.mark.parametrize(
    "model", [(), ("--model", "node2vec", "q=0.5", "walks=40"), ("--model", "line2", "samples=300")]
)
def test_vectors_tell_the_labels_that_their_frequency_does_not(camps: Path, model: tuple) -> None:
    (score,) = asked(camps, *model, "--labels", camps / "labels.txt")["labels"]
    assert score["nodes"] == 61
    assert score["micro"]["low"] <= score["micro"]["mean"] <= score["micro"]["high"]
    assert score["micro"]["mean"] > score["by_frequency"]["micro"]["mean"] + 0.2


@pytest.mark.parametrize("model", [(), ("--model", "line2", "samples=20")], ids=["walks", "line2"])
def test_the_same_seed_writes_the_same_bytes_and_lonely_nodes_have_no_vector(
    camps: Path, tmp_path: Path, model: tuple
) -> None:
    files = [tmp_path / name for name in ("one", "two", "other", "shards")]
    told = (("seed=1",), ("seed=1",), ("seed=2",), ("seed=1", "shards=2"))
    for file, flags in zip(files, told, strict=True):
        asked(camps, *model, *flags, "--labels", camps / "labels.txt", "--save", file)
    one, two, other, shards = (file.read_bytes() for file in files)
    assert one == two
    assert len({one, other, shards}) == 3
    keys, vectors = load_text(files[0])
    assert "alone" not in keys
    assert vectors.shape == (60, 8)


def test_links_kept_away_are_foretold_by_the_product_and_by_each_operator(camps: Path) -> None:
    links = asked(camps, "--hold", "0.2")["links"]
    assert {"link_auc", "link_mrr", "link_auc_hadamard", "link_auc_l2"} <= links.keys()
    assert links["link_auc"]["value"] > 0.6
    assert links["link_auc"]["low"] <= links["link_auc"]["value"] <= links["link_auc"]["high"]


def test_an_edge_held_away_is_not_learnt_from(camps: Path) -> None:
    assert asked(camps, "--hold", "0.2")["edges"] < asked(camps)["edges"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a a\nb b\n", "no edge between two nodes is left"),
        ("a b 1\nb c x\nc d 2\n", '2:3: weight "x"'),
        ("a b\nb c\nc\n", ":3"),
    ],
    ids=["loops alone", "a weight that is none", "one end alone"],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, part: str) -> None:
    (tmp_path / "edges.txt").write_text(text)
    for verb in ("embed", "graph")[: 1 if "left" in part else 2]:
        said = say(verb, tmp_path / "edges.txt")
        assert part in said.err
        assert (said.code, len(said.err.splitlines())) == (2, 1)


def test_labels_of_nodes_on_no_edge_are_said(camps: Path) -> None:
    said = say("embed", camps / "edges.txt", *QUICK, "--labels", camps / "labels.txt")
    assert "1 of 61 labelled nodes are on no edge" in said.out + said.err


@pytest.mark.parametrize(
    ("more", "part"),
    [
        (("dims=3",), "did you mean 'dim'"),
        (("--model", "node2ved"), "did you mean 'node2vec'"),
        (("model=line2",), "write --model line2"),
        (("p=2",), "--model node2vec reads it"),
        (("negatives=3",), "output=negatives does"),
        (("--model", "line2", "walks=3"), "--model deepwalk or node2vec reads it"),
        (("dim=0",), "at least 1"),
        (("--hold", "1.5"), "at most .9"),
        (("--shares", "1.5", "--labels", "labels.txt"), "each above 0 and below 1"),
        (("--format", "tree"), "--format"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    camps: Path, monkeypatch: pytest.MonkeyPatch, more: tuple, part: str
) -> None:
    monkeypatch.chdir(camps)
    said = say("embed", "edges.txt", *more)
    assert said.code == 2
    assert part in said.err
    assert len(said.err.splitlines()) == 1


def test_nothing_is_written_over_and_a_log_is_sent_elsewhere(camps: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("mine")
    said = say("embed", camps / "edges.txt", "--save", there)
    assert (said.code, there.read_text()) == (2, "mine")
    log = tmp_path / "log.csv"
    log.write_text("user,item,time\nu1,i1,1\nu1,i2,2\n")
    assert "run embeddings" in say("embed", log).err
    assert "no such file" in say("embed", tmp_path / "missing.txt").err
