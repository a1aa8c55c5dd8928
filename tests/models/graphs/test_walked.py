"""Vectors from short walks: who counts as met, and what nodes that came later get."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from polyrec.data import Source
from polyrec.evaluate.nodes import accuracy, told_of
from polyrec.models.graphs.batches import NodeTask
from polyrec.models.graphs.walked import NodeVectors, WalkPairs, by_degree
from polyrec.recipes.nodes import VARIANTS, Config, Library, library, made, trained

from .test_nodes import without
from .toys import communities

TASKS = communities()


def walked(task: NodeTask, **changes: object) -> Config:
    settings = {**VARIANTS["sage_walks"], "hidden": 16, "epochs": 10, "batch": 128, **changes}
    return Config(**settings)


def test_an_epoch_asks_every_pair_once_whatever_the_batch() -> None:
    def pairs(size: int) -> list[tuple[int, int]]:
        stream = WalkPairs(TASKS, 3, size)
        batches = [stream.batch(1, 0, step) for step in range(stream.steps)]
        return sorted(
            pair
            for batch in batches
            for pair in zip(
                batch.requests.history.values.tolist(), batch.positives.tolist(), strict=True
            )
        )

    assert pairs(50) == pairs(1_000)


def test_a_pair_lies_within_the_walk_and_is_no_node_with_itself() -> None:
    batch = WalkPairs(TASKS, 2, 10_000).batch(1, 0, 0)
    start, met = batch.requests.history.values - 1, batch.positives - 1
    linked = TASKS.relation.matrix().toarray() > 0
    near = linked | (linked.astype(int) @ linked.astype(int) > 0)
    assert (start != met).all()
    assert near[start.numpy(), met.numpy()].all()


def test_parts_of_a_batch_are_the_batch() -> None:
    stream = WalkPairs(TASKS, 3, 64)
    whole = stream.batch(1, 2, 1)
    parts = [stream.batch(1, 2, 1, (rank, 2)).positives for rank in (0, 1)]
    assert torch.equal(torch.cat(parts).sort().values, whole.positives.sort().values)


def test_negatives_are_drawn_by_degree() -> None:
    assert (by_degree(TASKS)[1:].numpy() == TASKS.relation.degree).all()
    assert int(by_degree(TASKS)[0]) == 0


def test_vectors_have_length_one_and_row_zero_is_nothing() -> None:
    ready = made(walked(TASKS), Library(TASKS, Source()))
    vectors = ready.model.vectors
    assert isinstance(vectors, NodeVectors)
    table = vectors.table()
    assert not table[0].any()
    assert torch.allclose(table[1:].norm(dim=1), torch.ones(240), atol=1e-5)


def test_nodes_that_were_away_have_vectors_that_tell_their_class() -> None:
    """A tenth of the nodes and all their edges are away in training, and then there."""
    task = communities(600)
    late = task.parts["test"][:60]
    kept = torch.tensor(sorted(set(range(600)) - set(late.tolist())))
    share = []
    for seen in (task, without(task, kept)):
        ready, _ = trained(walked(seen), Library(seen, Source()))
        assert ready.model.inductive == "features"
        with torch.no_grad():
            encoder = ready.model.vectors.encoder
            batch = task.asked(late, encoder.norm, encoder.depth)
            found = next(iter(ready.model.logits(batch).logits.values())).argmax(1)
        share.append(float((found == task.label[late]).float().mean()))
    assert share[1] >= 0.9 * share[0] > 0.5


def test_vectors_learnt_without_a_class_carry_classes_of_the_simulated_papers() -> None:
    """Five classes, so guessing one of them is right for about a fifth."""
    settings = {**VARIANTS["sage_walks"], "model": "sage_gcn", "epochs": 15}
    config = Config(**settings, world="papers_even")
    held = library(config)
    ready, _ = trained(config, held)
    test, label = held.task.parts["test"], held.task.label
    with torch.no_grad():
        reached = accuracy(ready.logits(test), label[test])
    commonest = float(torch.bincount(label[test]).max()) / len(test)
    assert reached > 2 * commonest


def test_the_same_seed_learns_the_same_vectors_and_another_others() -> None:
    config, held = walked(TASKS, epochs=2), Library(TASKS, Source())
    one, again, other = (
        trained(replace(config, seed=seed), held)[0].model.vectors.table() for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_a_class_that_training_never_met_is_told_last_at_a_finite_loss() -> None:
    train = TASKS.parts["train"]
    met = {**TASKS.parts, "train": train[TASKS.label[train] != 2]}
    task = replace(TASKS, parts=met)
    ready, _ = trained(walked(task, epochs=1), Library(task, Source()))
    with torch.no_grad():
        logits = ready.logits(torch.arange(240))
    assert bool((logits.argmin(1) == 2).all())
    assert np.isfinite(told_of(logits, task.label).values["loss"].value)


def test_no_class_moves_a_vector() -> None:
    other = torch.from_numpy(np.random.default_rng(0).permutation(TASKS.label.numpy()))
    tables = []
    for label in (TASKS.label, other):
        task = NodeTask(TASKS.relation, TASKS.x, label, TASKS.parts)
        ready, _ = trained(walked(task, epochs=1), Library(task, Source()))
        tables.append(ready.model.vectors.table())
    assert torch.equal(*tables)


@pytest.mark.parametrize(("length", "batch"), [(0, 8), (3, 0)])
def test_walks_of_nothing_are_refused(length: int, batch: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        WalkPairs(TASKS, length, batch)
