"""A data set in words: where it comes from, what was assumed, some of its events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from polyrec.cli.say import Say

if TYPE_CHECKING:
    from polyrec.data import Dataset
    from polyrec.data.readers import ReadOptions

SHOWN = 5


def read_aloud(path: str, options: ReadOptions, say: Say) -> Dataset:
    """Reads a log; the mapping of its columns is shown, with sample rows, before it is used."""
    from pathlib import Path

    from polyrec.data.readers import assemble, draft, read
    from polyrec.data.store import is_stored

    if is_stored(Path(path)) or not Path(path).exists():
        return read(path, None if options.told() == {} else options)
    held = draft(path, options)
    say.line(f"{held.rows.name}: {held.rows.count:,} rows, reader {held.reader}")
    say.line(held.mapping.show(held.rows))
    return assemble(held)


def say_source(dataset: Dataset, say: Say) -> None:
    """Counts, filters and notes of a data set."""
    actors, targets, events = dataset.sizes
    source = dataset.source
    say.line(f"{source.name}: {actors:,} actors, {targets:,} targets, {events:,} events")
    for told in (source.address, source.licence):
        if told:
            say.line(f"  {told}")
    for count in source.counts:
        before, after = count.before, count.after
        say.line(
            f"  filter {count.filter}: {before.events:,} events of {before.actors:,} actors and "
            f"{before.targets:,} targets -> {after.events:,}, {after.actors:,}, {after.targets:,}"
        )
    for note in source.notes:
        say.line(f"  note: {note}")
    for name, table in dataset.tables.items():
        say.line(f"  table {name}: {table.size:,} rows; {', '.join(table.columns)}")
    say.line(f"  clock: {'yes' if dataset.events.clock else 'no'}; hash {dataset.hash[:16]}")


def as_json_values(dataset: Dataset) -> dict[str, Any]:
    """The same as JSON values."""
    source = dataset.source
    return {
        "name": source.name,
        "reader": source.reader,
        "options": dict(source.options),
        **dataset.sizes._asdict(),
        "clock": dataset.events.clock,
        "kinds": list(dataset.kinds),
        "hash": dataset.hash,
        "sha256": dict(source.sha256),
        "filters": [
            {"filter": c.filter, "before": c.before._asdict(), "after": c.after._asdict()}
            for c in source.counts
        ],
        "notes": list(source.notes),
        "tables": {name: table.size for name, table in dataset.tables.items()},
    }


def sample(dataset: Dataset, actor: str = "") -> list[dict[str, Any]]:
    """Some events, or all of one actor, under the keys of the file.

    Raises:
        KeyError: no such actor.
    """
    events, vocabs = dataset.events, dataset.vocabs
    first, last = 0, min(SHOWN, len(events))
    if actor:
        id = int(vocabs["actor"].ids([actor])[0])
        if not id:
            raise KeyError(
                f'no actor "{actor}" in {dataset.source.name} ({vocabs["actor"].size:,} actors); '
                "`polyrec data show` lists some"
            )
        first, last = int(events.start[id]), int(events.start[id + 1])
    return [
        {
            "actor": vocabs["actor"].key(int(events.actor[at])),
            "target": vocabs["target"].key(int(events.target[at])),
            "kind": dataset.kinds[int(events.kind[at])],
            "time": _moment(int(events.time[at])) if events.clock else int(events.time[at]),
        }
        for at in range(first, last)
    ]


def _moment(ms: int) -> str:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return str(ms)
