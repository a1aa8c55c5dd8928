"""Reading files of a run folder that may be missing, half there or from another version."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Folder:
    """A run folder; remembers which files could not be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged: list[str] = []

    def document(self, name: str) -> dict[str, Any]:
        """A JSON object; empty where there is none."""
        file = self.path / name
        if not file.is_file():
            return {}
        try:
            held = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            self.damaged.append(f"{name}: {error}")
            return {}
        if not isinstance(held, dict):
            self.damaged.append(f"{name}: holds a {type(held).__name__}, expected an object")
            return {}
        return held

    def lines(self, name: str) -> list[dict[str, Any]]:
        """The objects of a JSON-lines file, oldest first; broken lines are counted."""
        file = self.path / name
        if not file.is_file():
            return []
        found, broken = [], 0
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                held = json.loads(line)
            except ValueError:
                broken += 1
                continue
            found += [held] if isinstance(held, dict) else []
        if broken:
            self.damaged.append(f"{name}: {broken} line(s) could not be read")
        return found


def plain(value: Any) -> dict[str, Any]:
    """A mapping, or an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[Any]:
    """A list, or an empty one."""
    return value if isinstance(value, list) else []


def inner(held: Any, *keys: str) -> dict[str, Any]:
    """The mapping below these keys, or an empty one."""
    for key in keys:
        held = plain(held).get(key)
    return plain(held)


def number(value: Any) -> float | None:
    """A finite number, also from a mapping's "value"; None for anything else."""
    if isinstance(value, dict):
        value = value.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def text(value: Any) -> str:
    """A value as a person reads it.

    >>> text(None), text(12345), text(0.25), text([1, "a"]), text(True)
    ('', '12,345', '0.25', '1, a', 'yes')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(text(cell) for cell in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {text(cell)}" for key, cell in value.items())
    return str(value)


def flat(held: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """(label, value) of every leaf; labels are the keys on the way, in words."""
    for key, value in held.items():
        label = f"{above} {key}".strip().replace("_", " ")
        if isinstance(value, dict):
            yield from flat(value, label)
        elif value not in (None, "", []):
            yield label, text(value)
