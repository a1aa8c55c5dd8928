"""The shop's log as a CSV file: streamed, a block of people at a time, in bounded memory.

Every column but the kind has a fixed width, so a block is one matrix of bytes and no line is
ever formatted by itself.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyrec.files import writing
from polyrec.worlds.people import Block, events
from polyrec.worlds.retail import KINDS, Retail
from polyrec.worlds.shelf import I64, Shelf

Bytes = NDArray[np.uint8]


def write_log(world: Retail, path: Path) -> int:
    """Writes `user,item,time[,kind]` with external keys and seconds; returns the rows written.

    The kind is written only where the world logs several. Rows are in order of user and time.
    """
    shelf = Shelf.stocked(world)
    several = len(world.kinds) > 1
    rows = 0
    with writing(path) as beside, beside.open("wb") as file:
        file.write(b"user,item,time,kind\n" if several else b"user,item,time\n")
        for _, block in events(world, shelf):
            _lines(world, shelf, block, several=several).tofile(file)
            rows += len(block.actor)
    return rows


def user_keys(world: Retail, numbers: I64) -> list[str]:
    """External keys of people, from their 0-based numbers."""
    width = len(str(world.users))
    return [f"u{number + 1:0{width}d}" for number in numbers.tolist()]


def item_keys(world: Retail, shelf: Shelf) -> list[str]:
    """[n] external keys of all items, in the shelf's order."""
    width = len(str(world.items))
    return [f"i{number:0{width}d}" for number in shelf.name.tolist()]


def _lines(world: Retail, shelf: Shelf, block: Block, *, several: bool) -> Bytes:
    """A block's lines as one run of bytes."""
    columns = [
        _key(b"u", block.actor + 1, len(str(world.users))),
        _key(b"i", shelf.name[block.item], len(str(world.items))),
        _digits(block.time // 1000, 10),
    ]
    if several:
        names = np.array([kind.encode() for kind in KINDS], dtype="S8")
        columns.append(names[block.kind].view(np.uint8).reshape(-1, 8))
    parts: list[Bytes] = []
    for place, column in enumerate(columns):
        end = b"\n" if place == len(columns) - 1 else b","
        parts += [column, np.full((len(column), 1), end[0], dtype=np.uint8)]
    flat: Bytes = np.concatenate(parts, axis=1).ravel()
    return flat[flat != 0] if several else flat


def _key(letter: bytes, number: I64, width: int) -> Bytes:
    """[E, 1 + width]: a letter and a number with leading zeros."""
    first = np.full((len(number), 1), letter[0], dtype=np.uint8)
    return np.concatenate([first, _digits(number, width)], axis=1)


def _digits(number: I64, width: int) -> Bytes:
    """[E, width]: decimal digits, leading zeros kept."""
    out = np.empty((len(number), width), dtype=np.uint8)
    rest = number.copy()
    for place in range(width - 1, -1, -1):
        rest, digit = np.divmod(rest, 10)
        out[:, place] = digit + ord("0")
    return out
