"""A run folder becomes a page's values. What is missing stays empty; nothing here ever stops a run.

Read: config.json, run.json, report.json, probe.json, baselines/*.json and metrics.jsonl. A file
that cannot be read is named on the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from polyrec.report import logs
from polyrec.report.page import (
    Ailment,
    Figure,
    Filter,
    Interests,
    Reference,
    Rival,
    RunPage,
    Setting,
    Slice,
)
from polyrec.report.reading import Folder, flat, inner, number, plain, rows, text

SMALL = 100  # requests: fewer take part in no test and are shown grey


def collect(run_folder: Path) -> RunPage:
    """All that the folder tells.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if not run_folder.is_dir():
        raise FileNotFoundError(f"{run_folder}: no such run folder")
    folder = Folder(run_folder)
    run, report = folder.document("run.json"), folder.document("report.json")
    config, probe = folder.document("config.json"), folder.document("probe.json")
    lines = folder.lines("metrics.jsonl")
    settings = tuple(_settings(config))
    figures = tuple(_figures(inner(report, "values")))
    data = inner(run, "data")
    return RunPage(
        title=text(run.get("title")) or _title(run, run_folder),
        about=tuple(_about(run, run_folder)),
        primary=_primary(settings, figures),
        figures=figures,
        rivals=tuple(_rivals(report, folder)),
        tracks=logs.tracks(lines),
        losses=tuple(_losses(run)),
        reference=_reference(inner(run, "reference") or inner(report, "reference")),
        slices=tuple(_slices(report.get("slices"))),
        interests=_interests(inner(probe, "best") or inner(probe, "last") or probe),
        filters=_counted(data.get("counts", run.get("counts"))),
        dropped=tuple(flat(inner(run, "split", "dropped") or inner(data, "dropped"))),
        facts=tuple(_facts(run)),
        notes=tuple(text(note) for note in rows(data.get("notes"))),
        settings=settings,
        environment=tuple(_environment(run)),
        findings=_findings(run.get("findings")),
        ending=logs.ending(lines),
        next_commands=tuple(_next(run, run_folder)),
        damaged=tuple(folder.damaged),
    )


def figure(name: str, entry: Any) -> Figure | None:
    """One value of report.json: a number, or a mapping with its interval and passport."""
    value = number(entry)
    if value is None:
        return None
    held = plain(entry)
    count = number(held.get("n"))
    return Figure(
        name=name,
        value=value,
        low=number(held.get("low")),
        high=number(held.get("high")),
        n=None if count is None else int(count),
        meaning=text(held.get("short") or inner(held, "passport").get("short")),
    )


def _figures(values: dict[str, Any]) -> Iterator[Figure]:
    for name, entry in values.items():
        found = figure(name, entry)
        if found is not None:
            yield found


def _title(run: dict[str, Any], folder: Path) -> str:
    told = " · ".join(text(run.get(key)) for key in ("recipe", "variant") if run.get(key))
    return told or folder.name


def _about(run: dict[str, Any], folder: Path) -> Iterator[tuple[str, str]]:
    for label in ("recipe", "variant", "seed", "started", "parent"):
        if run.get(label) not in (None, ""):
            yield label, text(run[label])
    name = text(inner(run, "data").get("name"))
    if name:
        yield "data", name
    yield "run", folder.name


def _primary(settings: tuple[Setting, ...], figures: tuple[Figure, ...]) -> str:
    """The metric that chose the checkpoint, if the report has it; else the first one."""
    names = [entry.name for entry in figures]
    chosen = [s.value.split(",")[0].removeprefix("-") for s in settings if s.key == "select_by"]
    return next((name for name in [*chosen, *names] if name in names), "")


def _rivals(report: dict[str, Any], folder: Folder) -> Iterator[Rival]:
    """Baselines of report.json, then those of the folder it does not name, then the ceiling."""
    told = inner(report, "baselines")
    files = {
        path.stem: folder.document(f"baselines/{path.name}")
        for path in sorted((folder.path / "baselines").glob("*.json"))
    }
    for name, entry in {**files, **told}.items():
        held = plain(entry)
        yield Rival(name, tuple(_figures(inner(held, "values") or held)))
    ceiling = inner(report, "ceiling")
    if ceiling:
        values = inner(ceiling, "values") or ceiling
        yield Rival("oracle (the ceiling)", tuple(_figures(values)), ceiling=True)


def _reference(held: dict[str, Any]) -> Reference | None:
    points = [
        (int(step), float(loss), float(recall))
        for step, loss, recall in (
            [number(cell) for cell in rows(point)][:3]
            for point in rows(held.get("points"))
            if len(rows(point)) >= 3
        )
        if step is not None and loss is not None and recall is not None
    ]
    if not points:
        return None
    return Reference(tuple(points), number(held.get("band")) or 0.0, text(held.get("source")))


def _slices(held: Any) -> Iterator[Slice]:
    """A list of {by, name, metric, value, low, high, n, small}."""
    for entry in rows(held):
        told = plain(entry)
        found = figure(text(told.get("metric")), told)
        if found is None:
            continue
        few = found.n is not None and found.n < SMALL
        yield Slice(
            by=text(told.get("by")),
            name=text(told.get("name", told.get("slice"))),
            figure=found,
            small=bool(told.get("small", few)),
        )


def _interests(probe: dict[str, Any]) -> Interests | None:
    matrix = tuple(
        tuple(value for value in map(number, rows(row)) if value is not None)
        for row in rows(probe.get("cosine"))
    )
    square = len(matrix) > 1 and all(len(row) == len(matrix) for row in matrix)
    shares = tuple(v for v in map(number, rows(probe.get("answer_shares"))) if v is not None)
    shown = ("cosine", "answer_shares", "singular_values")
    facts = tuple(flat({key: value for key, value in probe.items() if key not in shown}))
    if not probe:
        return None
    return Interests(matrix if square else (), shares, facts)


def _counted(held: Any) -> tuple[Filter, ...] | None:
    """None where nothing says whether anything was filtered."""
    return None if held is None else tuple(_filters(held))


def _filters(held: Any) -> Iterator[Filter]:
    for entry in rows(held):
        cells = plain(entry)
        if isinstance(entry, list) and len(entry) == 3:
            cells = dict(zip(("filter", "before", "after"), entry, strict=True))
        yield Filter(
            text(cells.get("filter")), _sizes(cells.get("before")), _sizes(cells.get("after"))
        )


def _sizes(held: Any) -> tuple[int, int, int]:
    """(people, items, events), as a list or by name."""
    values = list(plain(held).values()) if isinstance(held, dict) else rows(held)
    counted = [int(number(value) or 0) for value in values][:3]
    return (*counted, *([0] * (3 - len(counted))))  # type: ignore[return-value]


def _facts(run: dict[str, Any]) -> Iterator[tuple[str, str]]:
    skipped = ("counts", "notes", "dropped", "options")
    for part in ("data", "split"):
        yield from flat({k: v for k, v in inner(run, part).items() if k not in skipped})
    yield from flat({"read with": inner(run, "data", "options")})
    yield from flat({"fitted on": inner(run, "scope")})


def _losses(run: dict[str, Any]) -> Iterator[str]:
    """Loss, negatives and similarity of each task, in words."""
    for entry in rows(run.get("losses")):
        told = plain(entry)
        parts = [text(told.get("loss", told.get("objective")))]
        if told.get("count"):
            shared = f" shared by the {text(told['share'])}" if told.get("share") else ""
            parts.append(f"{text(told['count'])} negatives of {text(told.get('sampler'))}{shared}")
        if told.get("log_q") is not None:
            parts.append("log q applied" if told["log_q"] else "log q not applied")
        shown = ("similarity", "temperature", "margin", "pick")
        parts += [f"{key} {text(told[key])}" for key in shown if told.get(key) is not None]
        yield f"{text(told.get('task')) or 'loss'}: {', '.join(part for part in parts if part)}"


def _settings(config: dict[str, Any]) -> Iterator[Setting]:
    for key, entry in config.items():
        held = plain(entry) or {"value": entry}
        yield Setting(
            key=key,
            value=text(held.get("value")),
            origin=text(held.get("origin")) or "default",
            recipe=text(held.get("recipe")),
            why=text(held.get("why")),
        )


def _findings(held: Any) -> tuple[Ailment, ...] | None:
    """None where nothing was looked for."""
    if not isinstance(held, list):
        return None
    keys = ("rule", "kind", "evidence", "meaning", "remedy")
    return tuple(Ailment(*(text(plain(entry).get(key)) for key in keys)) for entry in held)


def _environment(run: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from flat(inner(run, "environment"))
    for key in ("seconds", "peak_memory_mb", "commit"):
        if run.get(key) not in (None, ""):
            yield key.replace("_", " "), text(run[key])


def _next(run: dict[str, Any], folder: Path) -> Iterator[tuple[str, str]]:
    """Commands of the run itself, or the usual ones."""
    told = [[text(cell) for cell in rows(entry)] for entry in rows(run.get("next"))]
    if told:
        yield from ((entry[0], entry[1] if len(entry) > 1 else "") for entry in told if entry)
        return
    yield f"polyrec judge {folder} --k 20", "the same model, judged at another list length"
    yield f"polyrec compare {folder} OTHER_RUN", "a paired test against another run"
    ask = text(run.get("ask")) or "--history ID,ID --k 10"
    yield f"polyrec recommend {folder} {ask}", "ask it for a list"
    if run.get("recipe"):
        yield f"polyrec show {text(run['recipe'])}", "its variants and settings, with reasons"
