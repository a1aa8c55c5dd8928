"""The shop's side of the truth: which item lies in which category, and how often it is taken.

Items are numbered 0..n-1 here; names (external keys) carry numbers that were shuffled, so that
neither a number nor a name tells how popular an item is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyrec.types import derived_seed
from polyrec.worlds.retail import Retail

F64 = NDArray[np.float64]
F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
DAY = 86_400_000
CLOSING = 1_717_200_000_000  # 2024-06-01, in milliseconds: every log ends here


def generator(world: Retail, purpose: str, block: int = 0) -> np.random.Generator:
    """Numbers that depend on (seed, purpose, block) alone, on any number of threads."""
    return np.random.Generator(np.random.Philox(derived_seed(world.seed, purpose, block)))


@dataclass(frozen=True)
class Shelf:
    """Categories, chances inside a category, and what a customer can see of an item.

    `weight[e]` sums to 1 inside each category; era 0 lies before the fresh items arrive, era 1
    after. `taken[e]` is its running sum over items in order of category: category c covers
    c..c + 1.
    """

    category: I32  # [n]
    weight: F64  # [2, n]
    chance: F64  # [C], how often a category is an interest; sums to 1
    order: I64  # [n], items by category
    taken: F64  # [2, n]
    price: F64  # [n]
    brand: I32  # [n], 0..brands-1
    content: F32  # [n, dim]
    name: I64  # [n], the number in the external key, 1..n
    cold: NDArray[np.bool_]  # [n], without any event
    fresh: NDArray[np.bool_]  # [n], with events in era 1 only
    shown: I64  # [n], the item whose price, brand, category and content a customer is shown

    @classmethod
    def stocked(cls, world: Retail) -> Shelf:
        """The shelf of a shop."""
        rng = generator(world, "shelf")
        category = (np.arange(world.items) % world.categories).astype(np.int32)
        place = np.arange(world.items) // world.categories
        cold, fresh = _late(world, place, rng)
        base = np.stack(
            [
                _weights(world, category, place, cold | fresh),
                _weights(world, category, place, cold),
            ]
        )
        order = np.argsort(category, kind="stable")
        chance = (np.arange(world.categories) + 1.0) ** -world.skew
        centre = rng.standard_normal((world.categories, world.dim))
        content = centre[category] + 0.7 * rng.standard_normal((world.items, world.dim))
        level = rng.standard_normal(world.categories) * 0.5
        return cls(
            category=category,
            weight=base,
            chance=chance / chance.sum(),
            order=order,
            taken=_taken(base[:, order], category[order]),
            price=np.round(
                20 * np.exp(level[category] + 0.5 * rng.standard_normal(world.items)), 2
            ),
            brand=rng.integers(0, world.brands, world.items, dtype=np.int32),
            content=content.astype(np.float32),
            name=rng.permutation(world.items).astype(np.int64) + 1,
            cold=cold,
            fresh=fresh,
            shown=_shown(world),
        )

    def take(self, category: I32, u: F64, era: I64) -> I64:
        """[E] items: u in [0, 1) runs through the category's chances in that era."""
        x = np.minimum(category + u, np.nextafter(category + 1.0, 0.0))
        place = np.empty(len(x), dtype=np.int64)
        for one in (0, 1):
            rows = era == one
            place[rows] = np.searchsorted(self.taken[one], x[rows], side="right")
        return self.order[place]


def _shown(world: Retail) -> I64:
    """[n]: each item itself, or (features="noise") another one at random."""
    if world.features == "noise":
        return generator(world, "shown").permutation(world.items).astype(np.int64)
    return np.arange(world.items, dtype=np.int64)


def _late(
    world: Retail, place: I64, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which items are cold and which fresh: never a category's first two, so none runs empty."""
    shuffled = rng.permutation(np.flatnonzero(place >= 2))
    n_cold, n_fresh = round(world.cold * world.items), round(world.fresh * world.items)
    cold, fresh = np.zeros(world.items, dtype=bool), np.zeros(world.items, dtype=bool)
    cold[shuffled[:n_cold]] = True
    fresh[shuffled[n_cold : n_cold + n_fresh]] = True
    return cold, fresh


def _weights(world: Retail, category: I32, place: I64, absent: NDArray[np.bool_]) -> F64:
    """[n]: Zipf by place inside the category, mixed with an even share; 1 a category."""
    steep = np.where(absent, 0.0, (place + 1.0) ** -world.zipf)
    even = np.where(absent, 0.0, 1.0)
    parts = [
        part / np.bincount(category, part, world.categories)[category] for part in (steep, even)
    ]
    return (1 - world.floor) * parts[0] + world.floor * parts[1]


def _taken(weight: F64, category: I32) -> F64:
    """[2, n]: running sums that reach exactly c + 1 at the end of category c."""
    first = np.searchsorted(category, np.arange(int(category[-1]) + 1))
    running = np.cumsum(weight, axis=1)
    before = (running - weight)[:, first][:, category]
    inside = running - before
    last = np.append(first[1:], len(category)) - 1
    share: F64 = np.minimum(inside / inside[:, last][:, category], 1.0)
    return share + category.astype(np.float64)
