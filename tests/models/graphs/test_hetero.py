"""Classifiers on graphs of several kinds: they learn, say what they need, and never peek."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from torch import nn

from polyrec.graph import Graph, Relation
from polyrec.losses import one_of
from polyrec.models.graphs.batches import TASK
from polyrec.models.graphs.hetero import HETERO_MODELS
from polyrec.models.graphs.nodes import Settings
from polyrec.models.graphs.sampled import SampledTyped
from polyrec.models.graphs.typed import TypedTask, Whole
from polyrec.train import Answer, Epochs, Stage, Task, fit
from polyrec.types import Progress

every = pytest.mark.parametrize("name", HETERO_MODELS)
SMALL = Settings(hidden=4, heads=2, dropout=0.2, decay=0.0)


def library(n: int = 150, ids: bool = False) -> TypedTask:
    """Papers of three classes, whose authors mostly write in one; papers' words say little."""
    draw, authors = np.random.default_rng(0), 40
    label, field = np.arange(n) % 3, np.arange(authors) % 3
    wrote = draw.random((authors, n)) < np.where(field[:, None] == label, 0.25, 0.01)
    cites = draw.random((n, n)) < np.where(label[:, None] == label, 0.03, 0.005)
    graph = Graph(
        {"author": authors, "paper": n},
        (_relation(("author", "wrote", "paper"), wrote),
         _relation(("paper", "cites", "paper"), cites)),
    ).with_reverses()  # fmt: skip
    order = torch.from_numpy(draw.permutation(n))
    words = torch.from_numpy(draw.normal(size=(n, 6)) + 0.3 * np.eye(6)[label]).float()
    x = {"paper": words, "author": torch.from_numpy(draw.normal(size=(authors, 4))).float()}
    parts = {"train": order[:30], "valid": order[30:60], "test": order[60:]}
    told = {"paper": x["paper"]} if ids else x
    known = frozenset({"author"}) if ids else frozenset()
    return TypedTask(graph, told, "paper", torch.from_numpy(label), parts, known)


def _relation(key: tuple[str, str, str], linked: np.ndarray) -> Relation:
    matrix = csr_matrix(linked.astype(np.float32))
    return Relation(
        key, matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), linked.shape[1]
    )


LIBRARY = library()


@dataclass(frozen=True)
class Built:
    """A model, and what it reads of its task."""

    model: nn.Module
    given: Any


def learnt(built: Built, task: TypedTask, stream=None, epochs: int = 50) -> float:
    stream = stream or Whole(task, built.given)
    stage = Stage("train", [Task(stream, Answer({TASK: one_of}))], Epochs(epochs), lr=0.02)
    fit(built.model, [stage], lambda m, p: {}, Progress(seed=1))
    with torch.no_grad():
        batch = Whole(task, built.given).asked(task.parts["test"])
        found = built.model.logits(batch).logits[TASK].argmax(1)
    return float((found == task.label[task.parts["test"]]).float().mean())


def made(name: str, task: TypedTask = LIBRARY) -> Built:
    torch.manual_seed(0)
    given = HETERO_MODELS[name].reads(task, SMALL)
    return Built(HETERO_MODELS[name].build(task, SMALL, given), given)


@every
def test_a_typed_classifier_learns(name: str) -> None:
    assert learnt(made(name), LIBRARY) > 0.55


@every
def test_a_typed_classifier_says_what_new_nodes_need(name: str) -> None:
    assert made(name).model.inductive == "features"


@pytest.mark.parametrize("name", ["rgcn", "hgt", "blind"])
def test_a_sample_of_all_neighbours_is_the_whole_typed_graph(name: str) -> None:
    built = made(name)
    built.model.eval()
    batch = SampledTyped(LIBRARY, (500, 500), 12).batch(1, 0, 0)
    found = built.model.logits(batch).logits[TASK]
    whole = built.model.logits(Whole(LIBRARY, built.given).asked(torch.arange(150))).logits[TASK]
    near = torch.cdist(found, whole).argmin(1)
    assert torch.allclose(found, whole[near], atol=1e-5)
    assert (batch.labels[TASK].argmax(1) == LIBRARY.label[near]).all()


def test_training_on_samples_of_a_typed_graph_learns() -> None:
    built = made("rgcn")
    assert learnt(built, LIBRARY, SampledTyped(LIBRARY, (6, 6), 15), 25) > 0.55


@pytest.mark.parametrize("name", ["rgcn", "hgt", "blind"])
def test_a_lonely_node_asked_alone_is_answered_from_itself(name: str) -> None:
    """Nobody wrote it and nobody cites it, so its sample holds no author at all."""
    node = int(LIBRARY.parts["train"][0])
    dense = {r.key: r.matrix().toarray() > 0 for r in LIBRARY.graph.relations[:2]}
    for key, linked in dense.items():
        linked[:, node] = False
        if key[0] == "paper":
            linked[node] = False
    graph = Graph(LIBRARY.graph.sizes, tuple(_relation(*pair) for pair in dense.items()))
    parts = {**LIBRARY.parts, "train": torch.tensor([node])}
    task = replace(LIBRARY, graph=graph.with_reverses(), parts=parts)
    built = made(name, task)
    built.model.eval()
    found = built.model.logits(SampledTyped(task, (5, 5), 1).batch(1, 0, 0)).logits[TASK]
    whole = built.model.logits(Whole(task, built.given).asked(parts["train"])).logits[TASK]
    assert torch.allclose(found, whole, atol=1e-5)


def test_a_type_known_by_ids_makes_the_model_transductive() -> None:
    built = made("hgt", library(ids=True))
    assert built.model.inductive == "none"
    given = replace(built.given, x={**built.given.x, "author": torch.arange(41)})
    with pytest.raises(ValueError, match="author 40 is new"):
        built.model.logits(Whole(library(ids=True), given).asked(torch.arange(3)))


def test_a_type_without_features_and_ids_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'author' has no features"):
        replace(LIBRARY, x={"paper": LIBRARY.x["paper"]})


def test_a_type_that_reads_nothing_is_refused_with_the_remedy() -> None:
    one_way = Graph(LIBRARY.graph.sizes, (LIBRARY.graph["wrote"],))
    with pytest.raises(ValueError, match="with_reverses"):
        replace(LIBRARY, graph=one_way)


def test_what_sehgnn_reads_of_a_train_node_does_not_follow_from_its_own_label() -> None:
    node = int(LIBRARY.parts["train"][0])
    label = LIBRARY.label.clone()
    label[node] = (label[node] + 1) % 3
    one, two = made("sehgnn").given, made("sehgnn", replace(LIBRARY, label=label)).given
    assert any("labels" in name for name in one.names)
    for a, b in zip(one.parts, two.parts, strict=True):
        assert torch.allclose(a[node], b[node], atol=1e-6)


def test_labels_of_validation_and_test_are_carried_nowhere() -> None:
    label = LIBRARY.label.clone()
    held = torch.cat([LIBRARY.parts["valid"], LIBRARY.parts["test"]])
    label[held] = (label[held] + 1) % 3
    one, two = made("sehgnn").given, made("sehgnn", replace(LIBRARY, label=label)).given
    assert all(torch.equal(a, b) for a, b in zip(one.parts, two.parts, strict=True))
