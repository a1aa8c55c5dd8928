"""Graph files: what they become, and how a bad one is refused with file and line."""

from __future__ import annotations

import contextlib
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polyrec.data.readers.faults import InputError
from polyrec.data.readers.graphs import (
    FORMS,
    numbered,
    read_adjacency,
    read_edges,
    read_labels,
    read_planetoid,
    recognise_graph,
)
from polyrec.data.vocab import Vocab
from polyrec.graph.reading import read_network, read_planetoid_network

EDGES = "# from to\n10 2\n2 10\n\n3\t10\n3 3\n3 10\n"


def write(folder: Path, text: str, name: str = "graph.txt") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def archive(folder: Path, **change: Any) -> Path:
    arrays = {
        "x_data": np.ones(3, np.float32),
        "x_indices": np.array([0, 1, 2]),
        "x_indptr": np.array([0, 1, 2, 3, 3]),
        "x_shape": np.array([4, 5]),
        "y": np.array([0, 1, -1, 1]),
        "edges": np.array([[0, 1], [1, 2]]),
        "train": np.array([0]),
        "val": np.array([1]),
        "test": np.array([2, 3]),
    } | change
    path = folder / "toy.npz"
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def test_an_edge_list_becomes_a_graph_whose_nodes_stand_by_number(tmp_path: Path) -> None:
    found = read_network(write(tmp_path, EDGES))
    assert found.names.keys([1, 2, 3]) == ["2", "3", "10"]
    assert found.graph.only.matrix().toarray().tolist() == [[0, 0, 1], [0, 0, 1], [1, 0, 0]]
    assert (found.report.merged, found.report.edges) == (1, 3)
    assert found.report.dropped == {"loops from a node to itself": 1}
    assert "1 comment lines" in found.notes


def test_packing_line_order_and_separators_change_nothing(tmp_path: Path) -> None:
    plain = read_network(write(tmp_path, EDGES)).graph.only
    shuffled = "\n".join(sorted(EDGES.split("\n"), reverse=True)).strip() + "\n"
    for name, text in (("a.gz", EDGES), ("b.txt", shuffled), ("c.txt", EDGES.replace(" ", ", "))):
        other = read_network(write(tmp_path, text, name)).graph.only
        assert (other.indices == plain.indices).all(), name
        assert (other.indptr == plain.indptr).all(), name


def test_a_node_whose_edges_weigh_nothing_is_named_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'graph\.txt:2: all edges of node "b" weigh 0'):
        read_network(write(tmp_path, "a b 1\nb a 0\nb b 4\n"))


def test_weights_are_summed_over_equal_edges(tmp_path: Path) -> None:
    found = read_network(write(tmp_path, "a b .5\nb a 2\na b 1e0\n"))
    assert found.graph.only.weights.tolist() == [1.5, 2]


def test_an_adjacency_list_becomes_a_graph(tmp_path: Path) -> None:
    found = read_network(write(tmp_path, "1 2 3\n2 1\n4\n3 1\n"), "adjacency")
    assert found.graph.only.degree.tolist() == [2, 1, 1, 0]
    assert found.notes == ("1 nodes have no neighbour on their line",)


def test_labels_join_the_nodes_and_their_own_are_isolated(tmp_path: Path) -> None:
    labels = write(tmp_path, "2 b a\n7 a\n3 -1\n", "labels.txt")
    found = read_network(write(tmp_path, EDGES), labels=labels)
    assert found.names.keys([1, 2, 3, 4]) == ["2", "3", "7", "10"]
    assert found.labels is not None
    assert found.labels.matrix().toarray().tolist() == [[1, 1], [0, 0], [1, 0], [0, 0]]
    assert found.labels.unlabelled == 2
    assert found.report.isolated == {"node": 1}
    assert "1 labels are -1: none" in found.notes
    with pytest.raises(ValueError, match="node 0 has 2 labels"):
        found.labels.single()


def test_edges_between_unknown_keys_are_counted(tmp_path: Path) -> None:
    users = Vocab.of(["3", "10", "99"])
    kept, out = read_edges(write(tmp_path, EDGES)).within(users)
    assert out == 2
    assert list(zip(kept.source.tolist(), kept.target.tolist(), strict=True)) == [
        (0, 1),
        (0, 0),
        (0, 1),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1 2\n1 2 3\n", r"graph\.txt:2: 3 words .*2 as on the first.*--format adjacency"),
        ("1\n2\n", r"graph\.txt:1: 1 words"),
        ("1 2 3 4\n", r"graph\.txt:1: 4 words"),
        ("a b\n1 2\n3 4\n", r'graph\.txt:1: "a" among nodes that are integers: a header'),
        ("1 2 x\n", r'graph\.txt:1:3: weight "x" is no number'),
        ("1 2 1\n2 1 nan\n", r'graph\.txt:2:3: weight "nan" .*finite numbers of 0 or more'),
        ("1 2 1\n2 1 1e39\n", r'graph\.txt:2:3: weight "1e39"'),
        ("1 2 1\n2 1 -4\n", r'graph\.txt:2:3: weight "-4"'),
        ("# nothing\n", "comments only"),
        ("", "0 bytes"),
    ],
)
def test_a_bad_edge_list_is_refused_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_edges(write(tmp_path, text))


def test_bad_lists_and_labels_are_refused_with_their_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'graph\.txt:3: node "1" stands on lines 1 and 3'):
        read_adjacency(write(tmp_path, "1 2\n2 1\n1 3\n"))
    with pytest.raises(ValueError, match=r'graph\.txt:2: node "2" has no label'):
        read_labels(write(tmp_path, "1 a\n2\n"))
    with pytest.raises(ValueError, match=r'graph\.txt:2: node "1" stands on lines 1 and 2'):
        read_labels(write(tmp_path, "1 a\n1 b\n"))
    with pytest.raises(KeyError, match="edges, adjacency"):
        read_network(write(tmp_path, EDGES), "gml")  # type: ignore[arg-type]


def test_an_archive_leaves_nodes_without_label_out_of_its_split(tmp_path: Path) -> None:
    found = read_planetoid(archive(tmp_path))
    assert found.features.shape == (4, 5)
    assert (found.unlabelled, found.excluded) == (1, 1)
    assert found.test.tolist() == [3]
    network = read_planetoid_network(tmp_path / "toy.npz")
    assert network.graph.only.degree.tolist() == [1, 2, 1, 0]
    assert network.labels is not None
    assert network.labels.single().tolist() == [0, 1, -1, 1]
    assert any("-1" in note for note in network.notes)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"y": None}, r"toy\.npz: lacks y"),
        ({"y": np.array([0, 1])}, "2 labels y; one a node, 4"),
        ({"edges": np.array([[0, 9]])}, r"edges names node 9; nodes are 0\.\.3"),
        ({"edges": np.array([0, 1])}, r"edges of shape \(2,\)"),
        ({"train": np.array([-1])}, "train names node -1"),
        ({"val": np.array([0])}, "a node in two parts"),
        ({"x_indices": np.array([0, 1, 9])}, "features do not fit"),
        ({"x_data": np.full(3, np.nan)}, "not finite"),
        ({"y": np.array([0, None], object)}, "holds Python objects"),
    ],
)
def test_a_bad_archive_is_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_planetoid(archive(tmp_path, **change))


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is no \.npz archive"):
        read_planetoid(write(tmp_path, "1 2\n", "toy.npz"))
    with pytest.raises(ValueError, match="damaged"):
        read_planetoid(write(tmp_path, "PK\x03\x04 cut", "toy.npz"))
    with pytest.raises(ValueError, match="pickle"):
        read_planetoid(write(tmp_path, "\x80\x04.", "ind.cora.graph"))


def test_keys_are_numbered_together_by_value_or_by_bytes(tmp_path: Path) -> None:
    one, other = (
        read_edges(write(tmp_path, text)).keys for text in ("9 10\n10 100\n", "2 9\n9 10\n")
    )
    names, nodes = numbered(one, other)
    assert names.keys([1, 2, 3, 4]) == ["2", "9", "10", "100"]
    assert [node.tolist() for node in nodes] == [[1, 2, 3], [0, 1, 2]]
    words = read_edges(write(tmp_path, "b 10\n9 b\n")).keys
    assert numbered(words)[0].keys([1, 2, 3]) == ["10", "9", "b"]


COUNTS = {
    "graphs/karate/karate.edgelist": ("edges", "", 34, 77, 0),
    "graphs/wiki/Wiki_edgelist.txt": ("edges", "graphs/wiki/wiki_labels.txt", 2_405, 15_358, 17),
    "graphs/cora/cora_edgelist.txt": ("edges", "graphs/cora/cora_labels.txt", 2_708, 5_429, 7),
    "lastfm/trustnetwork.txt": ("edges", "", 1_892, 25_434, 0),
    "graphs/blogCatalog/bc_adjlist.txt.gz": (
        "adjacency",
        "graphs/blogCatalog/bc_labels.txt",
        10_312,
        667_966,
        39,
    ),
}


@pytest.mark.parametrize("name", COUNTS)
def test_real_files_hold_what_is_said_of_them(real_data: Path, name: str) -> None:
    form, labels, nodes, edges, classes = COUNTS[name]
    told = real_data / labels if labels else None
    found = read_network(real_data / name, form, told)  # type: ignore[arg-type]
    assert (found.graph.sizes["node"], found.report.edges) == (nodes, edges)
    assert (found.labels.classes if found.labels else 0) == classes


@pytest.mark.parametrize(
    ("name", "nodes", "width", "edges", "split", "unlabelled"),
    [
        ("cora", 2_708, 1_433, 5_278, (140, 500, 1_000), 0),
        ("citeseer", 3_327, 3_703, 4_552, (120, 500, 1_000), 15),
    ],
)
def test_real_archives_hold_what_is_said_of_them(
    real_data: Path, name: str, nodes: int, width: int, edges: int, split: object, unlabelled: int
) -> None:
    found = read_planetoid(real_data / "planetoid" / f"{name}.npz")
    assert found.features.shape == (nodes, width)
    assert (len(found.train), len(found.valid), len(found.test)) == split
    assert (found.unlabelled, found.excluded) == (unlabelled, 0)
    graph = read_planetoid_network(real_data / "planetoid" / f"{name}.npz").graph
    assert graph.only.edges == 2 * edges


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=60),
        st.text("0123 -.\t\n,#ab", max_size=40).map(str.encode),
        st.text("12 \n", max_size=30).map(str.encode),
    )
)
def test_whatever_a_file_holds_it_is_read_or_refused(tmp_path: Path, held: bytes) -> None:
    path = tmp_path / "any.txt"
    path.write_bytes(held)
    for read in (read_edges, read_adjacency, read_labels, read_planetoid, read_network):
        with contextlib.suppress(InputError):
            read(path)
    assert recognise_graph(path) in FORMS


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 250), st.integers(0, 255))
def test_a_damaged_archive_is_read_or_refused(tmp_path: Path, place: int, byte: int) -> None:
    whole = bytearray(archive(tmp_path).read_bytes())
    whole[place * (len(whole) - 1) // 250] = byte
    path = tmp_path / "damaged.npz"
    path.write_bytes(bytes(whole))
    with contextlib.suppress(InputError):
        read_planetoid(path)
