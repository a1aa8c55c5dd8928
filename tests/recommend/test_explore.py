"""A place for what few have seen: off by default, never twice, and back to what is liked."""

from __future__ import annotations

import pytest
import torch

from polyrec.recommend import Explore, Shown
from polyrec.types import TopK

TIMES = torch.tensor([0, 500, 500, 500, 3, 90, 0])
LISTS = TopK(torch.tensor([[1, 2, 3]] * 4_000), torch.zeros(4_000, 3), torch.zeros(4_000).long())
SHOWN = Shown(TIMES, torch.tensor([0, 9, 9, 9, 0, 80, 0]))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def test_it_is_off_by_default() -> None:
    assert Explore()(LISTS, SHOWN, seeded()) is LISTS


def test_a_share_of_lists_ends_with_a_fresh_item() -> None:
    found = Explore(0.25)(LISTS, SHOWN, seeded()).ids
    changed = found[:, -1] != 3
    assert float(changed.float().mean()) == pytest.approx(0.25, abs=0.03)
    assert bool((found[:, :2] == LISTS.ids[:, :2]).all())
    counts = torch.bincount(found[changed, -1], minlength=7)
    assert counts[:4].sum() == 0
    assert counts[4:].min() > 0.27 * counts.sum()
    assert torch.equal(found, Explore(0.25)(LISTS, SHOWN, seeded()).ids)


def test_thompson_comes_back_to_what_is_liked() -> None:
    found = Explore(1.0, how="thompson")(LISTS, SHOWN, seeded()).ids[:, -1]
    counts = torch.bincount(found, minlength=7)
    assert counts[5] > counts[6] > counts[4] > 0


def test_a_list_with_a_fresh_item_stays_and_without_fresh_ones_all_do() -> None:
    lists = TopK(torch.tensor([[4, 1]]), torch.zeros(1, 2), torch.zeros(1).long())
    assert Explore(1.0)(lists, SHOWN, seeded()).ids.tolist() == [[4, 1]]
    assert Explore(1.0, below=1)(LISTS, Shown(TIMES + 1, SHOWN.chosen), seeded()) is LISTS


@pytest.mark.parametrize("bad", [{"ratio": 1.5}, {"below": 0}])
def test_shares_outside_their_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="explore"):
        Explore(**bad)
