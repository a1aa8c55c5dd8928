"""The recipe for classes of nodes, on a small generated graph, end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from polyrec.evaluate.nodes import NodeReport, Trial, accuracy
from polyrec.recipes.nodes import EXPECTED, VARIANTS, Config, data, run, trained
from polyrec.recipes.nodes.reading import planetoid


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph of 120 papers in 3 classes; paper 119 has no class and no edge."""
    draw, n = np.random.default_rng(0), 120
    label = (np.arange(n) % 3).astype(np.int16)
    linked = np.triu(draw.random((n, n)) < np.where(label[:, None] == label, 0.12, 0.01), 1)
    linked[:, -1] = False
    words = draw.random((n, 30)) < np.where(np.arange(30) % 3 == label[:, None], 0.3, 0.05)
    label[-1] = -1
    order = draw.permutation(n - 1)
    path = tmp_path_factory.mktemp("graph") / "papers.npz"
    row, column = words.nonzero()
    np.savez(
        path, x_data=np.ones(len(row), np.float32), x_indices=column.astype(np.int32),
        x_indptr=np.searchsorted(row, np.arange(n + 1)).astype(np.int32),
        x_shape=np.array([n, 30]), y=label,
        edges=np.concatenate([np.argwhere(linked), [[3, 3]]]),
        train=order[:20], val=order[20:50], test=np.append(order[50:], n - 1),
    )  # fmt: skip
    return path


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_trains_and_is_judged(variant: str, stored: Path) -> None:
    settings = {**VARIANTS[variant], "epochs": 3, "hidden": 4, "batch": 10}
    report = run(Config(**settings, data=str(stored)), [1])
    assert 0 <= report.value <= 1
    assert report.nodes == 69
    assert report.unjudged == 1


def test_every_published_figure_belongs_to_a_variant() -> None:
    assert {row.variant for row in EXPECTED} <= set(VARIANTS)


def test_a_self_loop_and_a_repeated_edge_are_read_once(stored: Path) -> None:
    task, bare = planetoid(stored)
    matrix = task.relation.matrix()
    assert bare == 1
    assert matrix.diagonal().sum() == 0
    assert matrix.max() == 1
    assert abs(matrix - matrix.T).nnz == 0
    assert task.relation.degree[-1] == 0


def test_features_of_a_node_sum_to_one(stored: Path) -> None:
    task, _ = planetoid(stored)
    total = task.x.dense().sum(1)
    assert torch.allclose(total[total > 0], torch.ones(()))


def test_a_typed_graph_of_papers_and_words_is_learnt(stored: Path) -> None:
    config = Config(**{**VARIANTS["rgcn"], "epochs": 40, "lr": 0.02}, data=str(stored))
    task, _ = data(config)
    ready, progress = trained(config, task)
    assert max(row["accuracy"] for row in progress.metrics) > 0.7
    assert ready.model.inductive == "none"


def test_equal_accuracies_are_told_apart_by_their_loss(stored: Path) -> None:
    config = Config(data=str(stored), epochs=30)
    _, progress = trained(config, data(config)[0])
    top = max(row["accuracy"] for row in progress.metrics)
    losses = [row["loss"] for row in progress.metrics if row["accuracy"] == top]
    best = max(progress.metrics, key=lambda row: row["accuracy, then loss"])
    assert best["accuracy"] == top
    assert best["loss"] == min(losses)


def test_accuracy_counts_rows_whose_largest_logit_is_right() -> None:
    assert accuracy(torch.tensor([[0.0, 1], [2, 1]]), torch.tensor([1, 1])) == 0.5
    with pytest.raises(ValueError, match="without a class"):
        accuracy(torch.zeros(1, 2), torch.tensor([-1]))


def test_one_seed_has_no_interval() -> None:
    report = NodeReport((Trial(1, 0.8, 0.8, 3, 9, 1.0),), 10, 2, 7)
    assert report.line() == (
        "accuracy .8000 (no interval) over 1 seed, 10 nodes, 2 more have no class, "
        "selected on valid accuracy"
    )


@pytest.mark.parametrize(("changes", "said"), [
    ({"data": ""}, "no data"),
    ({"fanouts": "5"}, "need 2 numbers"),
    ({"fanouts": "5,x"}, "need 2 numbers"),
    ({"model": "han", "fanouts": "5,5"}, "han reads whole graphs"),
    ({"model": "hgt", "features": "ids"}, "words as nodes"),
    ({"model": "chebnet", "fanouts": "5,5"}, "whole neighbourhoods"),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(changes, said: str, stored: Path) -> None:
    with pytest.raises(ValueError, match=said):
        run(Config(**{"data": str(stored), "epochs": 1, **changes}), [1])


def test_a_file_without_an_array_names_it(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", y=np.zeros(3))
    with pytest.raises(ValueError, match="lacks x_data"):
        planetoid(tmp_path / "x.npz")
    with pytest.raises(FileNotFoundError):
        planetoid(tmp_path / "none.npz")
