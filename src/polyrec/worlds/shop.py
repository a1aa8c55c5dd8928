"""A shop becomes a data set, and its truth is handed over apart from it.

Nothing in the data set leads to the truth: keys and ids say nothing of interests, and a model
gets the data set alone.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from polyrec.data import events as data
from polyrec.data import tables
from polyrec.worlds.log import item_keys, user_keys
from polyrec.worlds.oracle import Truth
from polyrec.worlds.people import Block, People, events
from polyrec.worlds.retail import KINDS, Retail
from polyrec.worlds.shelf import Shelf


def build(world: Retail) -> tuple[data.Dataset, Truth]:
    """The log of a shop with its tables, and what only an oracle may know.

    Tables: "target" has category, brand, price and a content vector for every item, cold ones
    included (they are the last ids); "actor" has segment and age. `extra["position"]` is the
    place on the page. Keys are texts such as "u0012" and "i0345".
    """
    shelf = Shelf.stocked(world)
    groups: list[People] = []
    blocks: list[Block] = []
    for group, block in events(world, shelf):
        groups.append(group)
        blocks.append(block)
    everyone = _joined(groups)
    users = pa.array(user_keys(world, np.arange(world.users)), pa.large_string())
    items = pa.array(item_keys(world, shelf), pa.large_string())
    dataset = data.build(
        _log(world, blocks, users, items),
        data.Source(
            name="retail",
            licence="simulated: free of anybody's data",
            reader="worlds.retail",
            options=_plain(asdict(world)),
            notes=("a simulated shop whose truth is known",),
        ),
        tables={"actor": _actors(users, everyone), "target": _targets(items, shelf)},
    )
    return dataset, Truth(
        world, shelf, everyone, tuple(users.to_pylist()), tuple(items.to_pylist())
    )


def _log(world: Retail, blocks: list[Block], users: pa.Array, items: pa.Array) -> data.Log:
    """The events of all blocks as columns; keys as codes into the distinct keys."""

    def column(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(block, name) for block in blocks])

    kinds = tuple(kind for kind in KINDS if kind in world.kinds)
    place = np.array([kinds.index(kind) if kind in kinds else -1 for kind in KINDS])
    return data.Log(
        actor=pa.DictionaryArray.from_arrays(column("actor"), users),
        target=pa.DictionaryArray.from_arrays(column("item"), items),
        time=column("time"),
        kind=place[column("kind")],
        kinds=kinds,
        extra={"position": column("position")},
    )


def _actors(keys: pa.Array, everyone: People) -> tables.Table:
    """What is known of people."""
    segment = np.char.add("s", everyone.segment.astype(str))
    return tables.build(
        keys, {"segment": tables.Sparse.of(segment), "age": tables.Dense.of(everyone.age)}
    )


def _targets(keys: pa.Array, shelf: Shelf) -> tables.Table:
    """What is known of items."""
    at = shelf.shown
    return tables.build(
        keys,
        {
            "category": tables.Sparse.of(_named("c", shelf.category[at])),
            "brand": tables.Sparse.of(_named("b", shelf.brand[at])),
            "price": tables.Dense.of(shelf.price[at]),
            "content": tables.Dense.of(shelf.content[at]),
        },
    )


def _named(letter: str, numbers: NDArray[np.int32]) -> NDArray[Any]:
    """[n] keys of a feature: a letter and a number from 1, with leading zeros."""
    width = len(str(int(numbers.max()) + 1))
    return np.char.add(letter, np.char.zfill((numbers + 1).astype(str), width))


def _joined(groups: list[People]) -> People:
    """All blocks of people as one."""
    columns = {
        name: np.concatenate([getattr(group, name) for group in groups])
        for name in ("interests", "count", "clicks", "segment", "age")
    }
    return People(first=0, **columns)


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Settings as JSON values."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}
