"""What metrics.jsonl tells: curves, and how the run ended."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from polyrec.report.page import Track
from polyrec.report.reading import number, plain, text

POINTS = 240  # of a curve: more are averaged, so that a long run's page stays small
Line = dict[str, Any]


def tracks(lines: list[Line]) -> tuple[Track, ...]:
    """Losses and their chance level by step, then every evaluated metric."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for line, step in _stepped(lines):
        for part, name, value in _values(line):
            found[part, name].append((step, value))
    return tuple(
        Track(name, thinned(points) if part != "valid" else tuple(points), part)
        for (part, name), points in found.items()
    )


def thinned(
    points: list[tuple[float, float]], most: int = POINTS
) -> tuple[tuple[float, float], ...]:
    """At most `most` points, each the mean of its neighbours.

    >>> thinned([(1, 2.0), (2, 4.0), (3, 6.0), (4, 8.0)], most=2)
    ((1.5, 3.0), (3.5, 7.0))
    """
    size = -(-len(points) // most)
    groups = [points[at : at + size] for at in range(0, len(points), size)] if size > 1 else []
    if not groups:
        return tuple(points)
    return tuple(
        (sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group))
        for group in groups
    )


def ending(lines: list[Line]) -> tuple[str, ...]:
    """Stops, resumes and readings of test, in words."""
    told = []
    for line in lines:
        if line.get("kind") == "stop":
            reason = text(line.get("reason")) or "no reason recorded"
            stage = text(line.get("stage"))
            told.append(f"{stage}: {reason}" if stage else reason)
        elif line.get("kind") == "resume":
            changed = text(line.get("changed", line.get("keys")))
            told.append(
                f"resumed at step {text(line.get('step'))}"
                + (f", changed {changed}" if changed else "")
            )
        elif line.get("kind") == "nonfinite":
            told.append(f"a loss was not finite at step {text(line.get('step'))}")
    reads = Counter(text(line.get("part")) for line in lines if line.get("kind") == "read")
    for part, times in sorted(reads.items()):
        told.append(f"{part} was read {times} time{'s' if times > 1 else ''}")
    return tuple(told)


def _stepped(lines: list[Line]) -> Iterator[tuple[Line, float]]:
    """Lines that have a step, counted over all stages: a later stage goes on where one ended."""
    before, last, stage = 0.0, 0.0, None
    for line in lines:
        step = number(line.get("step"))
        if step is None or line.get("kind") not in ("train", "eval"):
            continue
        if stage is not None and line.get("stage") != stage:
            before += last
        stage, last = line.get("stage"), step
        yield line, before + step


def _values(line: Line) -> Iterator[tuple[str, str, float]]:
    """(part, name, value) of one line."""
    if line.get("kind") == "train":
        for part, keys in (("train", ("losses", "loss")), ("chance", ("chance", "chances"))):
            for key in keys:
                for name, value in _named(line.get(key), "loss"):
                    yield part, name, value
    else:
        held = plain(line.get("metrics")) or plain(line.get("values")) or line
        for name, value in _named({k: v for k, v in held.items() if "@" in k or held is not line}):
            yield "valid", name, value


def _named(held: Any, alone: str = "") -> Iterator[tuple[str, float]]:
    """(name, number) of a mapping, or of a number that has the name `alone`."""
    single = None if isinstance(held, dict) and "value" not in held else number(held)
    if single is not None:
        yield alone, single
        return
    for name, value in plain(held).items():
        found = number(value)
        if found is not None:
            yield name, found
