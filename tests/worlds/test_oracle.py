"""The oracle is the ceiling: it knows the truth exactly and beats what only saw the log."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from polyrec.data.events import Dataset
from polyrec.types import Ragged, Requests
from polyrec.worlds import READOUT, TINY, Retail, Truth, build, null, oracle
from polyrec.worlds.people import arrival
from polyrec.worlds.shelf import CLOSING

WORLD = replace(READOUT, users=1_000, items=800, categories=16, events=40.0, least=10)


@pytest.fixture(scope="module")
def shop() -> tuple[Dataset, Truth]:
    return build(WORLD)


def asked(dataset: Dataset) -> tuple[Requests, torch.Tensor]:
    """Everybody's last click as the question, what came before as the history."""
    last = dataset.events.start[2:] - 1
    target = torch.from_numpy(dataset.events.target[last].astype(np.int64))
    actors = torch.arange(1, dataset.events.actors + 1)
    empty = Ragged(torch.zeros(0, dtype=torch.int64), torch.zeros(len(actors) + 1).long())
    return Requests(actors, empty), target


def recall(lists: torch.Tensor, target: torch.Tensor) -> float:
    return float((lists == target[:, None]).any(dim=1).float().mean())


def test_chances_of_a_person_sum_to_one(shop: tuple[Dataset, Truth]) -> None:
    dataset, truth = shop
    requests, _ = asked(dataset)
    everything = torch.arange(dataset.items + 1).expand(5, -1)
    chances = oracle(truth, dataset.vocabs).score(requests.select(torch.arange(5)), everything)
    assert chances.sum(dim=1).tolist() == pytest.approx([1.0] * 5, abs=1e-5)
    assert (chances[:, 0] == 0).all()


def test_recommended_scores_are_the_true_chances(shop: tuple[Dataset, Truth]) -> None:
    dataset, truth = shop
    knows = oracle(truth, dataset.vocabs)
    requests = asked(dataset)[0].select(torch.arange(7))
    answer = knows.recommend(requests, 20)
    assert torch.allclose(answer.scores, knows.score(requests, answer.ids), atol=1e-6)
    everything = torch.arange(dataset.items + 1).expand(7, -1)
    best = knows.score(requests, everything).sort(dim=1, descending=True).values[:, :20]
    assert torch.allclose(answer.scores, best, atol=1e-6)


def test_true_chances_meet_the_observed_shares(shop: tuple[Dataset, Truth]) -> None:
    dataset, truth = shop
    requests, _ = asked(dataset)
    everything = torch.arange(dataset.items + 1).expand(len(requests), -1)
    chances = oracle(truth, dataset.vocabs).score(requests, everything)
    expected = (chances * torch.from_numpy(dataset.events.lengths[1:])[:, None]).sum(dim=0)
    seen = dataset.events.counts(dataset.items)
    z = (seen[1:] - expected[1:].numpy()) / np.sqrt(expected[1:].numpy() + 1e-9)
    assert np.abs(z).max() < 6
    assert z.std() == pytest.approx(1, abs=0.15)


def test_the_oracle_beats_popularity_by_far(shop: tuple[Dataset, Truth]) -> None:
    dataset, truth = shop
    requests, target = asked(dataset)
    found = recall(oracle(truth, dataset.vocabs).recommend(requests, 10).ids, target)
    popular = torch.arange(1, 11).expand(len(target), -1)  # ids are by frequency
    assert found > 2.5 * recall(popular, target)


def test_no_scorer_that_saw_the_log_beats_the_oracle(shop: tuple[Dataset, Truth]) -> None:
    """Counts of the person's own and of co-clicked items, blended: below the ceiling."""
    dataset, truth = shop
    requests, target = asked(dataset)
    log = dataset.events
    last = np.zeros(len(log), dtype=bool)
    last[log.start[2:] - 1] = True
    seen = np.zeros((log.actors + 1, dataset.items + 1), dtype=np.float32)
    np.add.at(seen, (log.actor[~last], log.target[~last]), 1)
    spread = seen / np.maximum(seen.sum(axis=0), 1)
    for own in (0.0, 0.1, 1.0):
        scores = torch.from_numpy(seen @ (seen.T @ spread) + own * seen)[1:]
        scores[:, 0] = -1
        lists = scores.argsort(dim=1, descending=True)[:, :20]
        ceiling = recall(oracle(truth, dataset.vocabs).recommend(requests, 20).ids, target)
        assert recall(lists, target) < ceiling + 0.02


def test_excluded_items_are_never_listed_and_among_holds(shop: tuple[Dataset, Truth]) -> None:
    dataset, truth = shop
    knows = oracle(truth, dataset.vocabs)
    requests = asked(dataset)[0].select(torch.arange(3))
    first = knows.recommend(requests, 5).ids
    barred = Ragged(first.reshape(-1), torch.arange(0, 20, 5))
    second = knows.recommend(requests, 5, exclude=barred).ids
    assert not (first[:, :, None] == second[:, None, :]).any()
    allowed = torch.tensor([3, 9, 11])
    assert set(knows.recommend(requests, 3, among=allowed).ids.unique().tolist()) == {3, 9, 11}


def test_fresh_items_are_listed_only_once_they_are_there() -> None:
    world = replace(TINY, fresh=0.3, users=200)
    dataset, truth = build(world)
    names = np.array(truth.item_keys)[truth.shelf.fresh].tolist()
    fresh = torch.from_numpy(dataset.vocabs["target"].ids(names).astype(np.int64))
    actors, empty = torch.arange(1, 21), Ragged.of([[]] * 20)
    for shift, there in ((-1, False), (1, True)):
        time = torch.full((20,), arrival(world) + shift)
        chance = oracle(truth, dataset.vocabs, "next").score(
            Requests(actors, empty, time), fresh.expand(20, -1)
        )
        assert bool(chance.sum() > 0) is there


def test_the_rest_of_a_history_holds_fresh_items_in_proportion_to_the_time_left() -> None:
    world = replace(TINY, fresh=0.3, users=200)
    dataset, truth = build(world)
    names = np.array(truth.item_keys)[truth.shelf.fresh].tolist()
    fresh = torch.from_numpy(dataset.vocabs["target"].ids(names).astype(np.int64))
    actors, empty = torch.arange(1, 21), Ragged.of([[]] * 20)
    left = CLOSING - arrival(world)
    chances = [
        oracle(truth, dataset.vocabs)
        .score(
            Requests(actors, empty, torch.full((20,), CLOSING - times * left)),
            fresh.expand(20, -1),
        )
        .sum()
        for times in (1, 2, 4)
    ]
    assert chances[1] / chances[0] == pytest.approx(0.5, rel=1e-5)
    assert chances[2] / chances[0] == pytest.approx(0.25, rel=1e-5)


def test_a_stranger_gets_everybodys_chances_and_a_reason(shop: tuple[Dataset, Truth]) -> None:
    dataset, truth = shop
    answer = oracle(truth, dataset.vocabs).recommend(
        Requests(torch.tensor([0, 1]), Ragged.of([[], []])), 3
    )
    assert answer.why.tolist() == [1, 0]


def test_one_interest_is_easier_than_several(shop: tuple[Dataset, Truth]) -> None:
    def ceiling(world: Retail) -> float:
        dataset, truth = build(world)
        requests, target = asked(dataset)
        return recall(oracle(truth, dataset.vocabs).recommend(requests, 20).ids, target)

    assert ceiling(null(WORLD)) > ceiling(WORLD) + 0.1


def test_the_oracle_of_a_huge_world_is_refused_with_its_size(shop: tuple[Dataset, Truth]) -> None:
    _, truth = shop
    huge = replace(truth, world=replace(WORLD, users=10_000_000))
    with pytest.raises(ValueError, match=r"1\.2 GB|GB, limit 2 GB"):
        _ = replace(huge, world=replace(WORLD, users=100_000_000)).interests
