"""The people's side: their interests, how much they do, and every event, a block at a time.

Events are drawn in whole arrays. Exposures form a Poisson stream, and a click thins it: so
clicks and ignored exposures are independent streams, each drawn directly from its own law
instead of showing ten things to have one clicked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyrec.worlds.retail import KINDS, Retail
from polyrec.worlds.shelf import CLOSING, DAY, F64, I32, I64, Shelf, generator

BLOCK = 65_536
GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class People:
    """A block of people: interests [P, high] (the first `count` hold), clicks to come."""

    first: int  # number of the first person, 0-based
    interests: I32  # [P, high]
    count: I64  # [P]
    clicks: I64  # [P]
    segment: I32  # [P], 0..7: a coarse and sometimes wrong picture of the first interest
    age: F64  # [P], years

    def __len__(self) -> int:
        return len(self.count)


@dataclass(frozen=True)
class Block:
    """Events of a block of people, by (person, time)."""

    actor: I64  # [E], 0-based over all people
    item: I64  # [E], 0-based
    time: I64  # [E], milliseconds
    kind: NDArray[np.int8]  # [E], place in KINDS
    position: NDArray[np.int16]  # [E], 1..slots


@dataclass(frozen=True)
class Funnel:
    """What follows from the settings: rates at which exposures turn into clicks."""

    seen: F64  # [slots], how much a place is looked at, 1 at the first
    rate: float  # clicks an exposure, all told
    clicked_noise: float  # share of clicks from outside the interests
    ignored_noise: float  # share of ignored exposures from outside the interests


def funnel(world: Retail) -> Funnel:
    """The rates of a shop, by Bayes from its settings.

    >>> round(funnel(Retail(noise=0.0, fade=0.0, like=0.2)).rate, 3)
    0.2
    """
    seen = np.arange(1.0, world.slots + 1).astype(np.float64) ** -world.fade
    inside = (1 - world.noise) * world.like * seen.mean()
    outside = world.noise * world.dislike * seen.mean()
    rate = float(inside + outside)
    return Funnel(
        seen=seen,
        rate=rate,
        clicked_noise=float(outside / rate),
        ignored_noise=float((world.noise - outside) / max(1 - rate, 1e-12)),
    )


def people(world: Retail, shelf: Shelf) -> Iterator[People]:
    """Everybody, in blocks; a block depends on its number alone."""
    for block, first in enumerate(range(0, world.users, BLOCK)):
        size = min(BLOCK, world.users - first)
        rng = generator(world, "people", block)
        count = rng.integers(world.interests_low, world.interests_high + 1, size)
        interests = _distinct(shelf.chance, size, world.interests_high, rng)
        more = world.events - world.least
        extra = rng.geometric(1 / (more + 1), size) - 1 if more > 0 else np.zeros(size, np.int64)
        told = rng.random(size) < 0.7
        yield People(
            first=first,
            interests=interests,
            count=count,
            clicks=world.least + extra,
            segment=np.where(told, interests[:, 0] % 8, rng.integers(0, 8, size)).astype(np.int32),
            age=np.clip(np.round(38 + 13 * rng.standard_normal(size)), 16, 90),
        )


def events(world: Retail, shelf: Shelf) -> Iterator[tuple[People, Block]]:
    """Every person and event of the shop, in blocks of bounded size."""
    drawn = np.zeros(world.categories, dtype=np.int64)  # so far, a category: for even draws
    for block, group in enumerate(people(world, shelf)):
        rng = generator(world, "events", block)
        yield group, _block(_Day(world, shelf, group, rng, drawn))


@dataclass(frozen=True)
class _Day:
    """What drawing a block of events needs at hand; `drawn` is moved on, the rest is fixed."""

    world: Retail
    shelf: Shelf
    group: People
    rng: np.random.Generator
    drawn: I64  # [C], draws of each category so far


def _block(day: _Day) -> Block:
    """Clicks, what they bought, and what was passed over, in order of (person, time)."""
    world, rng, rates = day.world, day.rng, funnel(day.world)
    actor, item, time = _stream(day, day.group.clicks, rates.clicked_noise)
    at = _places(rates.seen, len(actor), rng)
    parts = [(actor, item, time, at, KINDS.index("click"))]
    if "exposure" in world.kinds:
        shown = time - rng.integers(2_000, 30_000, len(time))
        parts.append((actor, item, shown, at, KINDS.index("exposure")))
        ignored = rng.poisson(day.group.clicks * (1 / rates.rate - 1))
        passed = _stream(day, ignored, rates.ignored_noise)
        left = 1 - rates.rate / rates.seen.mean() * rates.seen
        parts.append((*passed, _places(left, len(passed[0]), rng), KINDS.index("exposure")))
    if "buy" in world.kinds:
        chance = np.minimum(world.buy * (day.shelf.price[item] / 20) ** -world.thrift, 1.0)
        bought = rng.random(len(item)) < chance
        later = (time + rng.integers(60_000, 600_000, len(time)))[bought]
        parts.append((actor[bought], item[bought], later, at[bought], KINDS.index("buy")))
    if "click" not in world.kinds:
        parts = parts[1:]
    return _sorted(parts, day.group.first)


def _stream(day: _Day, number: I64, noise: float) -> tuple[I64, I64, I64]:
    """(person in the block, item, time) of `number` independent draws a person."""
    world, group, rng = day.world, day.group, day.rng
    actor = np.repeat(np.arange(len(group)), number)
    pick = (rng.random(len(actor)) * group.count[actor]).astype(np.int64)
    category = group.interests[actor, pick]
    if noise > 0:
        stray = np.flatnonzero(rng.random(len(actor)) < noise)
        category[stray] = _categories(day.shelf.chance, rng.random(len(stray)))
    time = opening(world) + rng.integers(0, world.days * DAY, len(actor))
    era = (time >= arrival(world)).astype(np.int64)
    even = world.draw == "even"
    u = _even(category, day.drawn) if even else rng.random(len(actor))
    return actor, day.shelf.take(category, u, era), time


def _places(weight: F64, number: int, rng: np.random.Generator) -> I64:
    """[number] places on the page, from 1."""
    return np.asarray(rng.choice(len(weight), number, p=weight / weight.sum()) + 1)


def opening(world: Retail) -> int:
    """The start of the log, in milliseconds."""
    return CLOSING - world.days * DAY


def arrival(world: Retail) -> int:
    """When the fresh items come, in milliseconds."""
    return CLOSING - world.fresh_days * DAY


def _even(category: I32, drawn: I64) -> F64:
    """Golden-ratio steps inside each category: counts stay near their expectation.

    `drawn` counts the draws of each category so far and is moved on.
    """
    order = np.argsort(category, kind="stable")
    number = np.bincount(category, minlength=len(drawn))
    start = np.cumsum(number) - number
    place = np.empty(len(category), dtype=np.int64)
    place[order] = np.arange(len(category)) - np.repeat(start, number)
    running = place + drawn[category]
    drawn += number
    return np.asarray((running * GOLDEN + category * 0.377) % 1.0)


def _categories(chance: F64, u: F64) -> I32:
    """[E] categories by inverse distribution."""
    edges = np.cumsum(chance)
    return np.minimum(np.searchsorted(edges, u, side="right"), len(chance) - 1).astype(np.int32)


def _distinct(chance: F64, rows: int, width: int, rng: np.random.Generator) -> I32:
    """[rows, width]: categories without repeats in a row, as if drawn one after the other.

    A place that repeats an earlier one is drawn again until none does; since earlier places
    never change because of later ones, this is drawing without replacement.
    """
    out = _categories(chance, rng.random(rows * width)).reshape(rows, width)
    while True:
        twin = np.zeros(out.shape, dtype=bool)
        for right in range(1, width):
            twin[:, right] = (out[:, :right] == out[:, right : right + 1]).any(axis=1)
        if not twin.any():
            return out
        out[twin] = _categories(chance, rng.random(int(twin.sum())))


def _sorted(parts: list[tuple[I64, I64, I64, I64, int]], first: int) -> Block:
    """All streams of a block as one, by (person, time), ties in the order given."""
    actor, item, time, place = (
        np.concatenate([part[column] for part in parts]) for column in range(4)
    )
    kind = np.concatenate([np.full(len(part[0]), part[4], dtype=np.int8) for part in parts])
    order = np.lexsort((time, actor))
    return Block(
        actor=actor[order] + first,
        item=item[order],
        time=time[order],
        kind=kind[order],
        position=place[order].astype(np.int16),
    )
