"""What is wrong with an input, in one line: where, what, which rule, what to do.

Every message of the readers has the form `FILE:LINE[:COLUMN]: what; limit or rule; remedy`.
Values are cut to 60 characters and control characters escaped, so that a message never breaks
into two lines however broken the file is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

SHOWN = 60


def shown(value: object) -> str:
    """The value in quotes, escaped, cut to 60 characters."""
    return f'"{plain(value)}"'


def plain(value: object) -> str:
    """The value without quotes around it, escaped, cut to 60 characters."""
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    text = text[: SHOWN + 1]
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return escaped if len(escaped) <= SHOWN else escaped[: SHOWN - 3] + "..."


class InputError(ValueError):
    """Bad input, in one line; `finding` is the check that it fails."""

    def __init__(self, message: str, finding: str = "D1") -> None:
        super().__init__(message)
        self.finding = finding


def fault(where: str, what: str, rule: str, remedy: str, finding: str = "D1") -> InputError:
    """The error to raise: one line, in the form that this module describes."""
    return InputError(f"{where}: {what}; {rule}; {remedy}", finding)


def near(name: str, known: list[str], count: int = 3) -> str:
    """The names nearest to `name`, for "nearest: a, b"; "none" when nothing is near."""
    from difflib import get_close_matches

    return ", ".join(get_close_matches(name, known, count, 0.4)) or "none"


def refuse_twins(where: str, names: Sequence[str], remedy: str = "rename one") -> None:
    """A name means one column.

    Raises:
        ValueError: a name stands twice; both places are named.
    """
    for name, count in Counter(names).items():
        if count > 1:
            places = " and ".join(str(i) for i, other in enumerate(names, 1) if other == name)
            what = f"column {shown(name)} stands {count} times ({places})"
            raise fault(where, what, "a name means one column", remedy)


@dataclass(frozen=True)
class Fault:
    """One kind of bad row: what it is, the rows that have it, and how to say so."""

    kind: str  # for the account of dropped rows: "empty actor"
    rows: np.ndarray  # int64, row numbers
    column: int  # 1-based field number, 0 = the whole row
    say: Callable[[int], str]  # row -> what is wrong with it
    rule: str
    remedy: str = "fix the row or --bad-rows skip:N"
    finding: str = "D1"


@dataclass
class Faults:
    """The bad rows found so far; `settle` raises, or returns the rows to leave out."""

    where: Callable[[int], str]  # row -> FILE:LINE
    rows: int
    found: list[Fault] = field(default_factory=list)

    def add(self, fault_: Fault) -> None:
        """Notes a kind of bad row; nothing when it has no rows."""
        if len(fault_.rows):
            self.found.append(fault_)

    def settle(self, allowed: int) -> tuple[np.ndarray, list[str]]:
        """[bad rows] int64 and one note a kind, when at most `allowed` rows are bad.

        Raises:
            ValueError: more rows are bad; the first three lines of the first kind are named.
        """
        if not self.found:
            return np.empty(0, np.int64), []
        bad = np.unique(np.concatenate([f.rows for f in self.found]))
        if len(bad) > allowed:
            raise self.error(self.found[0], len(bad), allowed)
        notes = [f"{len(f.rows)} rows left out: {f.kind}" for f in self.found]
        return bad, notes

    def error(self, first: Fault, total: int, allowed: int) -> ValueError:
        """The message of one kind of bad row."""
        row = int(first.rows[0])
        place = self.where(row) + (f":{first.column}" if first.column else "")
        what = first.say(row)
        if len(first.rows) > 1:
            others = ", ".join(self.where(int(r)).rpartition(":")[2] for r in first.rows[1:3])
            what += f" ({len(first.rows)} of {self.rows} rows; also line {others})"
        rule = first.rule
        if allowed:
            rule += f" ({total} bad rows in all, --bad-rows allows {allowed})"
        return fault(place, what, rule, first.remedy, first.finding)
