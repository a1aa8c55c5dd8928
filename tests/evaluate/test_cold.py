"""Hiding items: all of their events, a share of each popularity, questions that cannot leak."""

from __future__ import annotations

import pytest
import torch

from polyrec import worlds
from polyrec.data import Events
from polyrec.evaluate import hidden_items, hide


def log() -> tuple[Events, int]:
    dataset, _ = worlds.build(worlds.WORLDS["retail_tiny"])
    return dataset.events, dataset.items


def test_one_item_is_hidden_of_each_ten_alike_in_popularity() -> None:
    counts = torch.tensor([0, *range(1, 101), 0])
    found = hidden_items(counts, 0.1, seed=3)
    assert len(found) == 10
    assert sorted(((100 - found) // 10).tolist()) == list(range(10))
    assert torch.equal(found, hidden_items(counts, 0.1, seed=3))
    assert not torch.equal(found, hidden_items(counts, 0.1, seed=4))


def test_no_event_of_a_hidden_item_is_left_and_each_is_asked_for() -> None:
    events, items = log()
    found = hide(events, items, seed=1)
    hidden = set(found.hidden.tolist())
    assert not hidden & set(found.train.target.tolist())
    assert set(found.cold.truth.values.tolist()) == hidden
    assert not hidden & set(found.warm.truth.values.tolist())
    whole = sum(len(part.truth.values) for part in (found.cold, found.warm))
    assert whole == len(found.overall.truth.values) == len(events) - len(found.train)


def test_histories_are_what_the_model_was_fitted_on() -> None:
    events, items = log()
    found = hide(events, items, seed=1)
    asked = found.cold.requests(torch.arange(3)).history
    for row in range(3):
        person = int(found.cold.key[row])
        own = found.train.target[found.train.actor == person].tolist()
        assert asked.select(torch.tensor([row])).values.tolist() == own


@pytest.mark.parametrize("bad", [{"share": 0.0}, {"share": 0.7}, {"cut": 1.0}])
def test_shares_outside_their_range_are_refused(bad: dict[str, float]) -> None:
    events, items = log()
    with pytest.raises(ValueError, match=next(iter(bad))):
        hide(events, items, **bad)
