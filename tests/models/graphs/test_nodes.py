"""Classifiers of nodes: what they learn, what they may be asked, what samples stand for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from polyrec.data import Source
from polyrec.losses import CLASS_LOSSES, one_of
from polyrec.models.graphs.batches import TASK, NodeTask, WholeGraph
from polyrec.models.graphs.nodes import NODE_MODELS, NodeClassifier, Settings, Shape
from polyrec.models.graphs.sampled import SampledNodes
from polyrec.models.graphs.smoothing import effective_rank, smoothing
from polyrec.recipes.nodes import Config, Library, Made
from polyrec.recipes.nodes import trained as trained_on
from polyrec.train import Answer, Epochs, Stage, Task, fit
from polyrec.types import Progress

from .toys import communities

every = pytest.mark.parametrize("name", NODE_MODELS)
TASKS = communities()


def made(name: str, task: NodeTask, settings: Settings = Settings(hidden=8)) -> NodeClassifier:
    torch.manual_seed(0)
    return NODE_MODELS[name](Shape(task.width, task.classes), settings)


def trained(config: Config, task: NodeTask) -> tuple[Made, Progress]:
    return trained_on(config, Library(task, Source()))


def right(model: NodeClassifier, task: NodeTask, part: str = "test") -> float:
    with torch.no_grad():
        batch = task.asked(task.parts[part], model.norm, model.depth)
        found = model.logits(batch).logits[TASK].argmax(1)
    return float((found == task.label[batch.at]).float().mean())


@every
def test_a_classifier_learns_from_its_neighbours(name: str) -> None:
    epochs = 15 if name == "sage_lstm" else 60
    made_, _ = trained(Config(model=name, hidden=8, epochs=epochs, lr=0.02, decay=0.0), TASKS)
    assert right(made_.model, TASKS) > (0.5 if name in ("mlp", "sage_lstm") else 0.75)


@every
def test_whoever_is_known_by_features_serves_another_graph(name: str) -> None:
    model = made(name, TASKS).eval()
    assert model.inductive == "features"
    other = communities(90, seed=5)
    batch = other.asked(other.parts["test"], model.norm, model.depth)
    assert model.logits(batch).logits[TASK].shape == (0, 3)
    batch = other.asked(torch.arange(90), model.norm, model.depth)
    assert model.logits(batch).logits[TASK].shape == (90, 3)


def test_a_table_of_ids_refuses_a_new_node_with_the_remedy() -> None:
    task = communities().by_ids()
    model = NODE_MODELS["sage_mean"](Shape(8, task.classes, nodes=200), Settings())
    assert model.inductive == "none"
    with pytest.raises(ValueError, match=r"node 239 is new.*cold_start.*fit again"):
        model.logits(task.asked(torch.arange(3), model.norm, model.depth))


def without(task: NodeTask, kept: torch.Tensor) -> NodeTask:
    """The graph of the kept nodes alone, renumbered."""
    matrix = task.relation.matrix()[kept.numpy()][:, kept.numpy()].tocsr()
    matrix.sort_indices()
    relation = replace(
        task.relation, indptr=matrix.indptr.astype(np.int64),
        indices=matrix.indices.astype(np.int32), targets=len(kept),
    )  # fmt: skip
    number = torch.full((len(task.label),), -1)
    number[kept] = torch.arange(len(kept))
    parts = {name: number[part][number[part] >= 0] for name, part in task.parts.items()}
    return NodeTask(relation, task.x.rows_at(kept), task.label[kept], parts)


@pytest.mark.parametrize("name", ["gcn", "sage_mean", "gat"])
def test_nodes_that_came_after_training_are_classed_nearly_as_well(name: str) -> None:
    """A tenth of the nodes and all their edges are away in training, and then there."""
    task = communities(600)
    late = task.parts["test"][:60]
    kept = torch.tensor(sorted(set(range(600)) - set(late.tolist())))
    config = Config(model=name, hidden=8, epochs=60, lr=0.02, decay=0.0)
    before, _ = trained(config, task)
    after, _ = trained(config, without(task, kept))
    asked = before.asked(late)
    share = [
        float((m.model.logits(asked).logits[TASK].argmax(1) == task.label[late]).float().mean())
        for m in (before, after)
    ]
    assert share[1] >= 0.9 * share[0] > 0.6


@every
def test_a_sample_of_all_neighbours_is_the_whole_graph(name: str) -> None:
    if name in ("chebnet", "sage_lstm"):  # no sample; another order of the neighbours
        return
    model = made(name, TASKS).eval()
    stream = SampledNodes(TASKS, model.norm, (500, 500), 30)
    batch = stream.batch(1, 0, 0)
    found = model.logits(batch).logits[TASK]
    whole = model.logits(TASKS.asked(torch.arange(240), model.norm, 2)).logits[TASK]
    near = torch.cdist(found, whole).argmin(1)
    assert torch.allclose(found, whole[near], atol=1e-5)
    assert (batch.labels[TASK].argmax(1) == TASKS.label[near]).all()


@pytest.mark.parametrize("norm", ["row", "gcn"])
def test_drawn_neighbours_stand_for_all_on_average(norm: str) -> None:
    """The first layer's sum over draws, averaged over many draws, is the whole sum."""
    whole = TASKS.adjacency(norm).dense()
    stream, total = SampledNodes(TASKS, norm, (3,), 30), torch.zeros(240, 240)
    times = 400
    for epoch in range(times):
        sample = stream._sampler.sample(_all_seeds(), 1, epoch)
        nodes = torch.from_numpy(sample.nodes["node"])
        dense = stream._weighed(sample.hops[0][0], nodes).dense()
        total[:, nodes] += dense / times
    assert float((total - whole).abs().mean()) < 0.002
    assert float((total.sum(1) - whole.sum(1)).abs().max()) < 0.08


def _all_seeds():
    from polyrec.graph.sampling import Seeds

    return Seeds("node", np.arange(240))


def test_an_epoch_of_samples_asks_every_train_node_once() -> None:
    stream = SampledNodes(TASKS, "row", (3, 3), 7)
    asked = sum(len(stream.batch(1, 4, step).at) for step in range(stream.steps))
    halves = [stream.batch(1, 4, 0, (rank, 2)) for rank in (0, 1)]
    assert asked == 30
    assert sum(len(half.at) for half in halves) == 7


def test_training_on_samples_learns() -> None:
    model = made("sage_mean", TASKS)
    stage = Stage(
        "train", [Task(SampledNodes(TASKS, "row", (5, 5), 10), Answer({TASK: one_of}))],
        Epochs(30), lr=0.02,
    )  # fmt: skip
    fit(model, [stage], lambda m, p: {}, Progress(seed=1))
    assert right(model, TASKS) > 0.75


def test_the_same_seed_trains_the_same_bytes() -> None:
    weights = [
        [w.detach() for w in trained(Config(model="gat", epochs=5), TASKS)[0].model.parameters()]
        for _ in range(2)
    ]
    assert all(torch.equal(one, two) for one, two in zip(*weights, strict=True))


def test_a_whole_graphs_parts_are_the_batch() -> None:
    stream = WholeGraph(TASKS, "gcn", 2)
    parts = torch.cat([stream.batch(0, 0, 0, (rank, 2)).at for rank in (0, 1)])
    assert sorted(parts.tolist()) == sorted(stream.batch(0, 0, 0).at.tolist())


def test_a_part_with_a_node_of_no_class_is_refused() -> None:
    label = TASKS.label.clone()
    label[TASKS.parts["test"][:2]] = -1
    with pytest.raises(ValueError, match="'test' holds 2 nodes without a class"):
        replace(TASKS, label=label)


def test_weights_pay_for_their_length_in_training_only() -> None:
    model, batch = made("gcn", TASKS), WholeGraph(TASKS, "gcn", 2).batch(0, 0, 0)
    paid = model.logits(batch).extra["decay"]
    assert torch.isclose(paid, 5e-4 / 2 * model.layers[0].weight.square().sum())
    assert not model.eval().logits(batch).extra


@pytest.mark.parametrize("name", CLASS_LOSSES)
def test_a_class_loss_is_one_finite_number_a_row_with_the_right_gradient(name: str) -> None:
    logit = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    label = torch.eye(3, dtype=torch.float64)[[0, 2, 1, 1]]
    assert CLASS_LOSSES[name](logit, label).shape == (4,)
    assert torch.isfinite(CLASS_LOSSES[name](logit * 500, label)).all()
    assert torch.autograd.gradcheck(lambda x: CLASS_LOSSES[name](x, label), (logit,))


def test_one_of_three_equal_logits_costs_the_log_of_three() -> None:
    cost = one_of(torch.zeros(1, 3), torch.tensor([[0.0, 1, 0]]))
    assert float(cost) == pytest.approx(np.log(3))


def test_depth_smooths_the_vectors_of_averaging_layers() -> None:
    shallow, deep = (
        smoothing(made("gcn", TASKS, Settings(hidden=16, depth=depth)), TASKS)[-2]
        for depth in (3, 24)
    )
    assert deep.energy < 0.2 * shallow.energy
    assert deep.random > 0.95
    assert deep.rank < shallow.rank
    assert deep.too_smooth


def test_the_effective_rank_counts_directions() -> None:
    assert effective_rank(torch.eye(5)) == pytest.approx(5)
    assert effective_rank(torch.ones(9, 4)) == pytest.approx(1)
