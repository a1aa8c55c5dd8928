"""Every world of the catalogue keeps the promises of a world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from polyrec.types import Ragged, Requests
from polyrec.worlds import WORLDS, Retail, build, oracle


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
