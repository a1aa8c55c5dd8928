"""A simulated shop whose truth is known: who likes what, and what will be clicked next.

A person has a few latent interests (categories of items). Each thing that the shop shows is
taken from one of them, chosen evenly, or with a small chance from anywhere; the higher on the
page, the sooner it is seen and clicked; some clicks end in a purchase. Because a next event
comes from one interest *or* another, a model with a single vector per person must average what
it should keep apart: that is what multi-interest models are for. `null` gives the same shop to
people of one interest each, where they must show no gain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["exposure", "click", "buy"]
KINDS: tuple[Kind, ...] = ("exposure", "click", "buy")


@dataclass(frozen=True)
class Retail:
    """The settings of a shop; the same settings give the same bytes on every machine.

    Raises:
        ValueError: a setting is outside its range (the message names it, the limit, the remedy).
    """

    users: int = 4_000  # people
    items: int = 2_000  # articles on the shelves, cold ones included
    categories: int = 100  # latent interests that exist; every item belongs to one
    interests_low: int = 2  # fewest interests of a person
    interests_high: int = 4  # most interests of a person; low..high are equally likely
    events: float = 24.0  # mean clicks of a person
    least: int = 8  # fewest clicks of a person; the rest is geometric
    zipf: float = 1.0  # an item's weight inside its category is place^-zipf
    floor: float = 0.0  # share of that weight spread evenly: real logs lose their rarest items
    skew: float = 0.0  # a category is somebody's interest in proportion to place^-skew
    noise: float = 0.05  # share of what is shown that comes from outside the interests
    slots: int = 10  # places on a page, shown equally often
    fade: float = 0.6  # a place is looked at in proportion to place^-fade
    like: float = 0.30  # chance of a click at place 1 inside the interests
    dislike: float = 0.06  # chance of a click at place 1 outside the interests
    buy: float = 0.12  # chance that a click ends in a purchase, at the median price
    thrift: float = 0.5  # that chance falls as price^-thrift
    days: int = 60  # length of the log
    fresh: float = 0.03  # share of items that arrive in the last `fresh_days`
    fresh_days: int = 6  # how long before the end they arrive
    cold: float = 0.02  # share of items without any event
    brands: int = 60  # brands, spread over all categories
    dim: int = 16  # width of the content vectors (a noisy picture of the category)
    kinds: tuple[Kind, ...] = KINDS  # what is logged
    draw: Literal["independent", "even"] = (
        "independent"  # "even" keeps every item's count within a few of its expectation
    )
    features: Literal["telling", "noise"] = (
        "telling"  # "noise": what is shown of an item is another one's, and tells nothing
    )
    seed: int = 0

    def __post_init__(self) -> None:
        _check_sizes(self)
        _check_shares(self)
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown or not self.kinds:
            raise ValueError(f"retail kinds={self.kinds}: choose from {', '.join(KINDS)}")
        if self.draw not in ("independent", "even"):
            raise ValueError(f"retail draw={self.draw!r}: choose independent or even")
        if self.features not in ("telling", "noise"):
            raise ValueError(f"retail features={self.features!r}: choose telling or noise")


def _check_sizes(world: Retail) -> None:
    """Counts that a shop cannot do without."""
    for name in ("users", "items", "categories", "slots", "days", "brands", "dim", "least"):
        if getattr(world, name) < 1:
            raise ValueError(f"retail {name}={getattr(world, name)}: need at least 1")
    if world.items < 4 * world.categories:
        raise ValueError(
            f"retail items={world.items} in {world.categories} categories: need at least 4 items "
            f"a category; use categories <= {world.items // 4}"
        )
    if not 1 <= world.interests_low <= world.interests_high <= world.categories:
        raise ValueError(
            f"retail interests {world.interests_low}..{world.interests_high}: need 1 <= low <= "
            f"high <= categories ({world.categories})"
        )
    if world.events < world.least:
        raise ValueError(
            f"retail events={world.events} is the mean and least={world.least} the fewest: "
            "raise events or lower least"
        )
    if not 0 < world.fresh_days < world.days:
        raise ValueError(
            f"retail fresh_days={world.fresh_days}: need 1..{world.days - 1} (days - 1)"
        )


def _check_shares(world: Retail) -> None:
    """Shares and chances lie between 0 and 1, exponents are not negative."""
    for name in ("floor", "noise", "like", "dislike", "buy", "fresh", "cold"):
        if not 0 <= getattr(world, name) <= 1:
            raise ValueError(f"retail {name}={getattr(world, name)}: a share, need 0..1")
    for name in ("zipf", "skew", "fade", "thrift"):
        if getattr(world, name) < 0:
            raise ValueError(f"retail {name}={getattr(world, name)}: an exponent, need >= 0")
    if world.fresh + world.cold > 0.5:
        raise ValueError(
            f"retail fresh + cold = {world.fresh + world.cold}: need at most .5, or the old "
            "shelves are empty"
        )
    if world.like == 0:
        raise ValueError("retail like=0: nobody would ever click; use a chance above 0")


def null(world: Retail) -> Retail:
    """The same shop for people of one interest each: all other marginals stay as they are.

    Here one vector can say all there is to say, so several must show no gain.
    """
    return replace(world, interests_low=1, interests_high=1)


def noisy(world: Retail) -> Retail:
    """The same shop, its items described by one another's features: nothing to learn from them."""
    return replace(world, features="noise")


DEFAULT = Retail()

# Small enough that several models train on two cores in about two minutes. A category holds 20
# items, so that a list of 50 has room for all that a person may like: one interest is then easy
# for every model, and several are not.
DEMO = Retail(users=5_000, items=2_400, categories=120, events=26.0, fresh=0.0, kinds=("click",))

TINY = Retail(users=300, items=160, categories=8, events=16.0, brands=12, dim=8)

# A fifth of the shelf arrives in the last quarter of the log, so that a model that knows items by
# their ids alone must fail on much of what is asked at the end, where features tell the category.
FRESH = Retail(users=5_000, items=2_400, categories=120, fresh=0.2, fresh_days=15, kinds=("click",))

# Small enough that sixty settings of a model can be held against each other in an hour; a tenth of
# the shelf is new, so that features have something to say.
STUDY = Retail(users=1_500, items=800, categories=40, events=14.0, fresh=0.1, kinds=("click",))

# The controlled experiment on the read-out: 4,000 items in 80 clusters, 3 clusters a person,
# 8,000 people to train on and 1,000 each for validation and test (a split by user, 8:1:1).
# Histories are long enough to fill the 20 places that a model reads: with shorter ones some seeds
# are still on the steep part of their curve at 3,000 steps.
READOUT = Retail(
    users=10_000,
    items=4_000,
    categories=80,
    interests_low=3,
    interests_high=3,
    events=40.0,
    least=25,
    noise=0.0,
    fresh=0.0,
    cold=0.0,
    kinds=("click",),
)

# The shape of the 5-core Amazon Books log: 603,668 people, 367,983 items, 8.9M events.
BOOKS_LIKE = Retail(
    users=603_668,
    items=367_983,
    categories=2_000,
    interests_low=1,
    interests_high=6,
    events=14.74,
    least=5,
    floor=0.4,
    skew=0.3,
    fresh=0.0,
    cold=0.0,
    days=5_000,
    fresh_days=30,
    kinds=("click",),
    draw="even",
)
