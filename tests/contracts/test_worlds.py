"""Every world of the catalogue keeps the promises of a world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from polyrec.types import Ragged, Requests
from polyrec.worlds import NETWORKS, WORLDS, Retail, build, oracle, written


def small(world: Retail) -> Retail:
    """The same character at the size of a test."""
    share = max(1, world.items // 400)
    categories = max(world.interests_high, world.categories // share)
    return replace(world, users=150, items=max(400, 4 * categories), categories=categories)


by_name = pytest.mark.parametrize("name", WORLDS)


@by_name
def test_a_world_gives_a_sorted_log_with_tables_and_a_source(name: str) -> None:
    dataset, _ = build(small(WORLDS[name]))
    log = dataset.events
    assert log.clock
    assert log.actors == 150
    assert (np.diff(log.time) >= 0)[np.diff(log.actor) == 0].all()
    assert set(dataset.tables) == {"actor", "target"}
    assert {"category", "brand", "price", "content"} <= set(dataset.tables["target"].columns)
    assert dataset.tables["target"].size == dataset.items == small(WORLDS[name]).items
    assert dataset.source.options["seed"] == WORLDS[name].seed


@by_name
def test_a_world_is_the_same_twice(name: str) -> None:
    assert build(small(WORLDS[name]))[0].hash == build(small(WORLDS[name]))[0].hash


@by_name
def test_a_world_has_an_oracle_that_lists_real_items(name: str) -> None:
    dataset, truth = build(small(WORLDS[name]))
    actors = torch.arange(1, 31)
    answer = oracle(truth, dataset.vocabs).recommend(Requests(actors, Ragged.of([[]] * 30)), 10)
    assert answer.ids.shape == (30, 10)
    assert (answer.ids >= 1).all()
    assert (answer.scores[:, :-1] >= answer.scores[:, 1:]).all()


@by_name
def test_the_data_set_holds_nothing_of_the_truth(name: str) -> None:
    dataset, _ = build(small(WORLDS[name]))
    assert set(dataset.events.columns) == {"actor", "target", "time", "kind", "position"}
    assert set(dataset.tables["actor"].columns) == {"segment", "age"}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_the_same_twice_and_its_links_name_what_is_there(name: str) -> None:
    world, (one, two) = NETWORKS[name], (written(NETWORKS[name]) for _ in range(2))
    assert (one.label == two.label).all()
    for kind, pairs in one.links.items():
        assert (pairs == two.links[kind]).all()
        assert pairs.min() >= 0
        assert pairs[:, 0].max() < world.papers
        assert pairs[:, 1].max() < one.sizes[kind]
        assert len(np.unique(pairs, axis=0)) == len(pairs)


@pytest.mark.parametrize("name", NETWORKS)
def test_parts_of_a_network_share_no_paper_and_train_has_as_many_of_each_class(name: str) -> None:
    world, made = NETWORKS[name], written(NETWORKS[name])
    every = np.concatenate(list(made.parts.values()))
    assert sorted(every) == list(range(world.papers))
    counts = np.bincount(made.label[made.parts["train"]], minlength=world.classes)
    assert (counts == world.train_each).all()


def test_authors_tell_the_class_as_often_as_the_world_says() -> None:
    world, made = NETWORKS["papers"], written(NETWORKS["papers"])
    by = made.links["by"]
    same = (by[:, 1] % world.classes == made.label[by[:, 0]]).mean()
    chance = 1 / world.classes
    assert same == pytest.approx(world.by_authors + (1 - world.by_authors) * chance, abs=0.03)
