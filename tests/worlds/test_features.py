"""Features help on items that came late where the world says so, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from polyrec.nn import ItemTable
from polyrec.nn.features import Form, Tower, precomputed
from polyrec.train import OPTIMS
from polyrec.worlds import DEFAULT, FRESH, TINY, Retail, build, noisy
from polyrec.worlds.people import arrival

SMALL = replace(FRESH, users=1_200, items=400, categories=20, brands=12, dim=8, events=20.0)
CHANCE = 10 / 80  # of 80 late items
COLUMNS = ("category", "brand", "price", "content")


def recall_of_fresh(world: Retail, names: tuple[str, ...], k: int = 10) -> float:
    """Share of clicks on late items found in the first k of these, learnt before they came.

    A person is the mean of what they clicked before; softmax over the items that train knows
    (held against all, items never clicked are learnt to be the worst), 150 steps.
    """
    torch.manual_seed(0)
    dataset, truth = build(world)
    events, items = dataset.events, dataset.items
    late = torch.from_numpy(events.time >= arrival(world))
    actor, target = (torch.from_numpy(x.astype(np.int64)) for x in (events.actor, events.target))
    seen = torch.bincount(target[~late], minlength=items + 1) > 0
    tower = Tower(ItemTable(items, 16), dataset.tables["target"], names, seen, Form(16))
    optimiser = OPTIMS["lazy_adam"]().build(tower.parameters())
    optimiser.param_groups[0]["lr"] = 0.02
    early = torch.arange(len(target))[~late]
    everyone = torch.arange(items + 1)

    def scores(rows: torch.Tensor) -> torch.Tensor:
        """[R, n + 1]: everybody's early clicks, but for the row's own, against all items."""
        vectors = tower(everyone)
        total = torch.zeros(events.actors + 1, 16).index_add(
            0, actor[early], vectors[target[early]]
        )
        own = vectors[target[rows]] * (~late[rows])[:, None]
        count = torch.bincount(actor[early], minlength=events.actors + 1)[actor[rows]]
        mean = (total[actor[rows]] - own) / count.clamp(min=1)[:, None]
        return 8 * mean @ vectors.T

    for _ in range(150):
        rows = early[torch.randint(len(early), (512,))]
        optimiser.zero_grad()
        known = scores(rows).masked_fill(~seen, -torch.inf)
        torch.nn.functional.cross_entropy(known, target[rows]).backward()
        optimiser.step()
    fresh = torch.zeros(items + 1, dtype=torch.bool)
    fresh[dataset.vocabs["target"].ids(list(np.array(truth.item_keys)[truth.shelf.fresh]))] = True
    asked = torch.arange(len(target))[late & fresh[target]]
    assert not seen[fresh].any()
    assert fresh.sum() == 80
    assert precomputed(tower).items == items
    with torch.no_grad():
        late_ones = scores(asked).masked_fill(~fresh, -torch.inf)
        best = late_ones.sort(dim=1, descending=True).indices[:, :k]
    return (best == target[asked][:, None]).any(dim=1).float().mean().item()


@pytest.fixture(scope="module")
def found() -> dict[str, float]:
    return {
        "features": recall_of_fresh(SMALL, COLUMNS),
        "ids alone": recall_of_fresh(SMALL, ()),
        "noise": recall_of_fresh(noisy(SMALL), COLUMNS),
    }


def test_features_find_items_that_nobody_had_clicked(found: dict[str, float]) -> None:
    assert found["features"] > 2 * max(found["ids alone"], CHANCE), found


def test_features_that_are_noise_find_no_more_than_chance(found: dict[str, float]) -> None:
    assert found["noise"] < 1.5 * CHANCE, found


def test_the_standard_shop_has_items_that_come_late() -> None:
    dataset, truth = build(DEFAULT)
    fresh = np.zeros(dataset.items + 1, bool)
    fresh[dataset.vocabs["target"].ids(list(np.array(truth.item_keys)[truth.shelf.fresh]))] = True
    events = dataset.events
    assert fresh.sum() == 60
    # an exposure stands up to half a minute before its click
    assert events.time[fresh[events.target]].min() >= arrival(DEFAULT) - 30_000
    last = events.target[events.start[2:] - 1]
    assert 0.01 < fresh[last].mean() < 0.05


def test_noise_moves_what_is_shown_and_no_event() -> None:
    told, silent = build(TINY)[0], build(noisy(TINY))[0]
    assert np.array_equal(told.events.target, silent.events.target)
    assert np.array_equal(told.events.time, silent.events.time)
    for name in COLUMNS:
        a, b = (d.tables["target"].columns[name].values for d in (told, silent))
        assert not np.array_equal(a, b)
        # nothing is made up: the same cells, of other items
        assert np.allclose(np.sort(a, axis=0), np.sort(b, axis=0))


def test_noise_says_nothing_of_the_category() -> None:
    dataset, truth = build(noisy(replace(DEFAULT, users=10)))
    ids = dataset.vocabs["target"].ids(list(truth.item_keys))
    shown = dataset.tables["target"].columns["category"].values[ids]
    same = shown[:, None] == shown[None, :]
    real = truth.shelf.category[:, None] == truth.shelf.category[None, :]
    off = ~np.eye(len(ids), dtype=bool)
    assert (same & real & off).sum() / (real & off).sum() < 0.03  # by chance: .0095


def test_an_unknown_kind_of_features_is_an_error() -> None:
    with pytest.raises(ValueError, match="choose telling or noise"):
        replace(TINY, features="some")
