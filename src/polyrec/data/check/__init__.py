"""Checks of a log before anything is learned from it: D1 to D25, each PASS, WARN or FAIL."""

from __future__ import annotations

from pathlib import Path

from polyrec.data.check import keys, log, rows
from polyrec.data.check.finding import Finding, Level, refuse
from polyrec.data.check.parts import check_split
from polyrec.data.events import Dataset
from polyrec.data.readers import ReadOptions, assemble, draft, read_path
from polyrec.data.readers.assemble import Draft
from polyrec.data.readers.columns.times import times
from polyrec.data.readers.faults import Faults, InputError
from polyrec.data.store import is_stored
from polyrec.data.vocab import Vocab

__all__ = ["CHECKS", "Finding", "Level", "check", "check_dataset", "check_split", "refuse"]

CHECKS = {
    "D1": "every row parsed, rows and columns counted",
    "D2": "required roles mapped to columns",
    "D3": "keys that are empty, blank or null words",
    "D4": "keys that differ by case or blanks alone",
    "D5": "two alphabets in one word, wrongly decoded bytes",
    "D6": "exact duplicate rows",
    "D7": "equal rows with different labels",
    "D8": "time: unit, range, future, missing, constant",
    "D9": "equal times at the valid/test cut",
    "D10": "events out of order inside their actor",
    "D11": "sizes, density, events an actor, one-event actors",
    "D12": "train events after the first test question",
    "D13": "targets and actors of valid and test unknown to train",
    "D14": "conversion without click",
    "D15": "labels of one class or with few positives",
    "D16": "constant columns, columns unique in every row",
    "D17": "a column that tells the label alone",
    "D18": "weights among the features",
    "D19": "categories that occur in test only",
    "D20": "self loops and repeated edges",
    "D21": "memory against the budget",
    "D22": "columns that may hold personal data",
    "D23": "rows sorted by label",
    "D24": "licence forbids passing the set on",
    "D25": "actor and target swapped",
}


def check(source: Path | str, options: ReadOptions | None = None) -> list[Finding]:
    """Reads a log and looks for what is wrong with it; bad rows become a FAIL, not an error.

    Raises:
        FileNotFoundError: nothing is there.
    """
    options = options or ReadOptions()
    path = Path(source)
    if is_stored(path) or not path.exists():
        return check_dataset(read_path(path, None), options)
    try:
        held = draft(path, options, every=True)
        dataset = assemble(held)
    except InputError as error:
        return [Finding(error.finding, "FAIL", str(error))]
    found = [*_read(held, dataset), *check_dataset(dataset, options, held), *rows.row_checks(held)]
    found += [*keys.personal(held), _order(held)]
    return sorted(found, key=lambda finding: int(finding.id[1:]))


def check_dataset(
    dataset: Dataset, options: ReadOptions | None = None, held: Draft | None = None
) -> list[Finding]:
    """The checks that need the data set alone."""
    return [
        *keys.key_twins(dataset),
        *keys.mixed_scripts(dataset),
        log.constant_time(dataset),
        log.ties(dataset),
        log.sizes(dataset),
        *log.label_logic(dataset),
        *log.graphs(dataset),
        log.memory(dataset, options or ReadOptions()),
        log.licence(dataset),
        *keys.swapped(dataset, held),
    ]


def _read(held: Draft, dataset: Dataset) -> list[Finding]:
    """D1 to D3 of a log that could be read."""
    out = [note for note in dataset.source.notes if "rows left out: " in note]
    told_out = "; ".join(out) or "none left out"
    counted = f"{held.rows.count:,} rows, {len(held.rows.columns)} columns; {told_out}"
    told = ", ".join(f"{role} = {column}" for role, column in held.mapping.roles.items())
    if held.mapping.ignored:
        told += f"; not used: {', '.join(held.mapping.ignored)}"
    null = held.options.keep_null_keys
    kept = "null words are kept as keys (--keep-null-keys)" if null else "no event has an empty key"
    return [
        Finding("D1", "PASS", counted),
        Finding("D2", "PASS", told),
        Finding("D3", "WARN" if null else "PASS", kept),
    ]


def _order(held: Draft) -> Finding:
    roles = held.mapping.roles
    if "time" not in roles:
        return Finding("D10", "PASS", "not checked: no times")
    faults = Faults(held.rows.where, held.rows.count)
    read = times(held.rows, roles["time"], held.options, faults)
    _, actor = Vocab.build(held.rows.columns[roles["actor"]], "first")
    return rows.order_in_file(actor, read.values)
