"""The shop's marginals are what its settings say, and the same bytes come out every time."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from polyrec.worlds import BOOKS_LIKE, DEFAULT, READOUT, TINY, Retail, build, null, write_log
from polyrec.worlds.people import Block, arrival, events, funnel, opening
from polyrec.worlds.retail import KINDS
from polyrec.worlds.shelf import CLOSING, Shelf


def drawn(world: Retail) -> Block:
    """All events of a small world."""
    blocks = [block for _, block in events(world, Shelf.stocked(world))]
    assert len(blocks) == 1
    return blocks[0]


SHOP = replace(DEFAULT, users=2_000)


@pytest.fixture(scope="module")
def shop() -> Block:
    return drawn(SHOP)


def of_kind(block: Block, kind: str) -> np.ndarray:
    return block.kind == KINDS.index(kind)


def test_item_counts_fall_with_the_zipf_exponent() -> None:
    for exponent in (0.7, 1.1):
        world = replace(
            READOUT, users=4_000, items=2_000, categories=10, events=60.0, zipf=exponent
        )
        block = drawn(world)
        count = np.sort(np.bincount(block.item, minlength=world.items))[::-1]
        place = np.arange(world.items) // world.categories + 1.0
        middle = slice(2 * world.categories, 60 * world.categories)
        slope = np.polyfit(np.log(place[middle]), np.log(count[middle]), 1)[0]
        assert slope == pytest.approx(-exponent, abs=0.06)


def test_people_have_as_many_interests_as_asked() -> None:
    world = replace(SHOP, interests_low=1, interests_high=4)
    group = next(iter(events(world, Shelf.stocked(world))))[0]
    assert np.bincount(group.count, minlength=5)[1:] == pytest.approx(500, abs=90)
    assert (np.diff(np.sort(group.interests, axis=1), axis=1) > 0).all()


def test_without_noise_every_click_lies_in_an_interest() -> None:
    world = replace(READOUT, users=500)
    shelf = Shelf.stocked(world)
    group, block = next(iter(events(world, shelf)))
    held = group.interests[block.actor]
    assert (held == shelf.category[block.item][:, None]).any(axis=1).all()


def test_interests_are_mixed_evenly() -> None:
    world = replace(READOUT, users=1_500)
    shelf = Shelf.stocked(world)
    group, block = next(iter(events(world, shelf)))
    which = (group.interests[block.actor] == shelf.category[block.item][:, None]).mean(axis=0)
    assert which == pytest.approx(1 / 3, abs=0.01)


def test_clicks_of_a_person_have_the_asked_mean_and_least(shop: Block) -> None:
    clicks = np.bincount(shop.actor[of_kind(shop, "click")], minlength=SHOP.users)
    assert clicks.min() >= SHOP.least
    assert clicks.mean() == pytest.approx(SHOP.events, rel=0.05)


def test_click_rate_falls_with_the_position(shop: Block) -> None:
    shown = np.bincount(shop.position[of_kind(shop, "exposure")], minlength=SHOP.slots + 1)[1:]
    clicked = np.bincount(shop.position[of_kind(shop, "click")], minlength=SHOP.slots + 1)[1:]
    wanted = funnel(SHOP).rate * funnel(SHOP).seen / funnel(SHOP).seen.mean()
    assert clicked / shown == pytest.approx(wanted, rel=0.06)


def test_places_of_the_page_are_shown_equally_often(shop: Block) -> None:
    shown = np.bincount(shop.position[of_kind(shop, "exposure")], minlength=SHOP.slots + 1)[1:]
    assert shown / shown.mean() == pytest.approx(1, abs=0.05)


def test_purchases_follow_clicks_at_the_asked_rate() -> None:
    block = drawn(replace(SHOP, thrift=0.0))
    bought, clicked = of_kind(block, "buy").sum(), of_kind(block, "click").sum()
    assert bought / clicked == pytest.approx(SHOP.buy, rel=0.05)
    pair = block.actor * SHOP.items + block.item
    assert set(pair[of_kind(block, "buy")]) <= set(pair[of_kind(block, "click")])


def test_cheap_things_are_bought_more_often(shop: Block) -> None:
    price = Shelf.stocked(SHOP).price[shop.item]
    cheap = price < np.median(price)
    rate = [
        of_kind(shop, "buy")[side].sum() / of_kind(shop, "click")[side].sum()
        for side in (cheap, ~cheap)
    ]
    assert rate[0] > 1.3 * rate[1]


def test_events_lie_in_the_window_and_in_order(shop: Block) -> None:
    click = of_kind(shop, "click")
    assert shop.time[click].min() >= opening(SHOP)
    assert shop.time[click].max() < CLOSING
    later = np.diff(shop.time) >= 0
    assert (later | (np.diff(shop.actor) > 0)).all()


def test_cold_items_have_no_event_and_fresh_ones_none_before_they_arrive(shop: Block) -> None:
    shelf = Shelf.stocked(SHOP)
    assert shelf.cold.sum() == round(SHOP.cold * SHOP.items)
    assert not shelf.cold[shop.item].any()
    fresh = shelf.fresh[shop.item] & of_kind(shop, "click")
    assert fresh.sum() > 0
    assert shop.time[fresh].min() >= arrival(SHOP)


def test_keys_do_not_tell_how_popular_an_item_is() -> None:
    world = replace(READOUT, users=1_000)
    count = np.bincount(drawn(world).item, minlength=world.items)
    assert abs(np.corrcoef(Shelf.stocked(world).name, count)[0, 1]) < 0.05


def test_the_null_world_differs_in_interests_alone() -> None:
    block, other = drawn(SHOP), drawn(null(SHOP))
    assert len(other.actor) == pytest.approx(len(block.actor), rel=0.03)
    share = [np.sort(np.bincount(b.item, minlength=SHOP.items))[::-1] for b in (block, other)]
    head = [part[:200].sum() / part.sum() for part in share]
    assert head[0] == pytest.approx(head[1], rel=0.05)
    group = next(iter(events(null(SHOP), Shelf.stocked(SHOP))))[0]
    assert (group.count == 1).all()


def test_even_draws_keep_every_item_near_its_expectation() -> None:
    world = replace(BOOKS_LIKE, users=20_000, items=12_000, categories=60, days=100, fresh_days=5)
    count = np.bincount(drawn(world).item, minlength=world.items)
    assert count.min() >= 5


def test_the_same_settings_give_the_same_bytes_in_any_thread() -> None:
    hashes: list[str] = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: hashes.append(build(TINY)[0].hash))
        thread.start()
        thread.join()
    assert hashes[0] == hashes[1] == build(TINY)[0].hash


def test_another_seed_gives_another_log() -> None:
    assert build(TINY)[0].hash != build(replace(TINY, seed=1))[0].hash


def test_the_written_log_holds_the_drawn_events(tmp_path: Path) -> None:
    rows = write_log(TINY, tmp_path / "log.csv")
    lines = (tmp_path / "log.csv").read_text().splitlines()
    block = drawn(TINY)
    assert lines[0] == "user,item,time,kind"
    assert rows == len(lines) - 1 == len(block.actor)
    first = lines[1].split(",")
    assert first[0] == f"u{block.actor[0] + 1:03d}"
    assert int(first[2]) == block.time[0] // 1000
    assert [line.split(",")[3] for line in lines[1:]] == [KINDS[k] for k in block.kind]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"users": 0}, "users=0"),
        ({"items": 20}, "at least 4 items"),
        ({"interests_low": 5}, "interests 5..4"),
        ({"events": 2.0}, "least=8"),
        ({"noise": 1.5}, "noise=1.5"),
        ({"zipf": -1.0}, "zipf=-1.0"),
        ({"fresh": 0.4, "cold": 0.2}, "fresh \\+ cold"),
        ({"like": 0.0}, "like=0"),
        ({"kinds": ("view",)}, "view"),
        ({"fresh_days": 60}, "fresh_days=60"),
    ],
)
def test_a_setting_out_of_range_is_named(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(DEFAULT, **wrong)  # type: ignore[arg-type]
