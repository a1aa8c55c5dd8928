"""The shop's log as a TencentGR folder: for those who have the code but not the data.

Every event is a record; a purchase is a conversion. Features stand under ids of the published
kinds: item 100 category, 101 brand, 102 price in tenths of the shelf, vector 81 content; user
103 segment, 104 age in decades, and 106, an array: a tag of the segment and a tag of nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from polyrec.files import writing_folder
from polyrec.worlds.log import item_keys, user_keys
from polyrec.worlds.people import Block, People, events
from polyrec.worlds.retail import Retail
from polyrec.worlds.shelf import CLOSING, F32, I64, Shelf, generator

TAGS = 50  # tags that mean nothing
TENTHS = np.arange(1, 10) / 10


def write_tencentgr(world: Retail, folder: Path) -> int:
    """Writes seq.jsonl, item_feat_dict.json, indexer.json, creative_emb/; returns the events.

    Read back with the reader `tencentgr` it has the keys of `build(world)` and its events, with
    times in seconds; people without events are left out. The profile record stands at a random
    place of its line and, as in the published data, has a time after all events.

    Raises:
        FileExistsError: the folder holds something already.
    """
    shelf, count = Shelf.stocked(world), 0
    features = _item_features(shelf)
    with writing_folder(folder) as beside:
        with (beside / "seq.jsonl").open("w", encoding="utf-8") as file:
            for number, (group, block) in enumerate(events(world, shelf)):
                rng = generator(world, "profiles", number)
                file.writelines(_lines(group, block, features, rng))
                count += len(block.actor)
        about = ",\n".join(f'"{i}": {told}' for i, told in enumerate(features, 1))
        (beside / "item_feat_dict.json").write_text("{" + about + "}\n", encoding="utf-8")
        _write_indexer(world, shelf, beside / "indexer.json")
        part = beside / "creative_emb" / f"emb_81_{world.dim}" / "part-00000.json"
        part.parent.mkdir(parents=True)
        with part.open("w", encoding="utf-8") as file:
            file.writelines(_vectors(item_keys(world, shelf), shelf.content[shelf.shown]))
    return count


def _item_features(shelf: Shelf) -> list[str]:
    """[n], as JSON, of what is shown of each item."""
    at = shelf.shown
    tenth = np.searchsorted(np.quantile(shelf.price, TENTHS), shelf.price) + 1
    cells = zip(shelf.category[at] + 1, shelf.brand[at] + 1, tenth[at], strict=True)
    return [f'{{"100": {category}, "101": {brand}, "102": {t}}}' for category, brand, t in cells]


def _lines(
    group: People, block: Block, features: list[str], rng: np.random.Generator
) -> Iterator[str]:
    """A line a person who has events."""
    lengths = np.bincount(block.actor - group.first, minlength=len(group))
    ends = np.cumsum(lengths)
    place = (rng.random(len(group)) * (lengths + 1)).astype(np.int64)
    tags = rng.integers(1, TAGS + 1, len(group))
    abouts = _user_features(group, tags)
    item, kind = (block.item + 1).tolist(), block.kind.tolist()
    time = (block.time // 1000).tolist()
    for p in np.flatnonzero(lengths).tolist():
        user, end = group.first + p + 1, int(ends[p])
        records = [
            f"[{user}, {item[e]}, null, {features[item[e] - 1]}, {kind[e]}, {time[e]}]"
            for e in range(end - int(lengths[p]), end)
        ]
        about = f"[{user}, null, {abouts[p]}, null, null, {CLOSING // 1000}]"
        records.insert(int(place[p]), about)
        yield "[" + ", ".join(records) + "]\n"


def _user_features(group: People, tags: I64) -> list[str]:
    """[P], as JSON."""
    decade = (group.age // 10).astype(np.int64)
    cells: Iterator[tuple[int, int, int]] = zip(group.segment + 1, decade, tags, strict=True)
    return [
        f'{{"103": {segment}, "104": {age}, "106": [{TAGS + segment}, {tag}]}}'
        for segment, age, tag in cells
    ]


def _vectors(keys: list[str], content: F32) -> Iterator[str]:
    """A line an item."""
    rows = content.astype(np.float64).round(4).tolist()
    for key, row in zip(keys, rows, strict=True):
        yield json.dumps({"anonymous_cid": key, "emb": row}) + "\n"


def _write_indexer(world: Retail, shelf: Shelf, path: Path) -> None:
    people = user_keys(world, np.arange(world.users))
    numbers: Mapping[str, Mapping[str, int]] = {
        "u": {key: i for i, key in enumerate(people, 1)},
        "i": {key: i for i, key in enumerate(item_keys(world, shelf), 1)},
    }
    path.write_text(json.dumps(numbers) + "\n", encoding="utf-8")
