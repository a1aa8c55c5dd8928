"""Which column plays which role: matched by name, or told by a flag, always shown.

Two candidates for one role are an error, never a choice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass, field

from polyrec.data.readers.faults import fault, near, plain
from polyrec.data.readers.options import ReadOptions
from polyrec.data.readers.rows import Rows
from polyrec.data.readers.text.shape import plain_name

ACTOR = ("user", "user_id", "uid", "userId", "reviewerID", "actor", "visitorid")
TARGET = ("item", "item_id", "iid", "movieId", "asin", "target", "itemid")
TIME = ("timestamp", "ts", "time", "unixReviewTime", "date", "datetime")
RATING = ("rating", "score", "overall")
LABEL = ("label", "click", "is_click")
NAMES = {"actor": ACTOR, "target": TARGET, "time": TIME, "rating": RATING, "label": LABEL}
KNOWN = frozenset(plain_name(n) for names in NAMES.values() for n in names) | {"sessionid"}
COMPARE = (">=", "<=", "==", "!=", ">", "<")
FLAGGED = ("kind", "weight", "session", "position", "part")
SAMPLE = 3


@dataclass(frozen=True)
class Mapping:
    """Roles of a table's columns."""

    roles: MappingOf[str, str]  # role -> column: actor, target, time, kind, rating ...
    labels: tuple[str, ...] = ()
    extra: MappingOf[str, str] = field(default_factory=dict)  # new name -> column
    ignored: tuple[str, ...] = ()

    @property
    def used(self) -> list[str]:
        """Columns that are read, each once."""
        return list(dict.fromkeys([*self.roles.values(), *self.labels, *self.extra.values()]))

    def show(self, rows: Rows) -> str:
        """The mapping with three sample rows, as it is printed before an import."""
        told = [(role, column) for role, column in self.roles.items()]
        told += [("label", column) for column in self.labels]
        told += [(f"extra {new}", column) for new, column in self.extra.items()]
        count = min(SAMPLE, rows.count)
        lines = []
        for role, column in told:
            cells = [plain(v) for v in rows.columns[column].slice(0, count).to_pylist()]
            lines.append([role, column, *cells])
        head = ["role", "column", *(f"row {i}" for i in range(1, count + 1))]
        table = _table([head, *lines])
        if self.ignored:
            table += "\nnot used: " + ", ".join(self.ignored)
        return table


@dataclass(frozen=True)
class Condition:
    """A column held against a number: which rows are events (applied by the filters)."""

    column: str
    compare: str  # one of COMPARE
    value: float


def condition(text: str) -> Condition:
    """Reads "rating>=4".

    >>> condition("rating>=4")
    Condition(column='rating', compare='>=', value=4.0)

    Raises:
        ValueError: not of the form COLUMN COMPARISON NUMBER.
    """
    match = re.fullmatch(r"\s*(.+?)\s*(>=|<=|==|!=|>|<)\s*([-+]?\d+(?:\.\d+)?)\s*", text)
    if not match:
        raise ValueError(
            f'--positive: got "{plain(text)}"; COLUMN, one of {" ".join(COMPARE)}, NUMBER; '
            'for example "rating>=4"'
        )
    return Condition(match[1], match[2], float(match[3]))


def mapping_of(file: str, names: Sequence[str], options: ReadOptions) -> Mapping:
    """Chooses the columns.

    Raises:
        ValueError: a role has no column or two; a flag names a column that is not there.
    """
    free = [name for name in names if name not in options.ignore]
    _known(file, "--ignore", options.ignore, names)
    roles: dict[str, str] = {}
    for role in ("actor", "target", "time", "rating"):
        column = _told(file, role, options, names) or _matched(file, role, free, roles)
        if column:
            roles[role] = column
    _require(file, roles, names)
    for role in FLAGGED:
        if column := _told(file, role, options, names):
            roles[role] = column
    labels = options.label
    _known(file, "--label", labels, names)
    extra = dict(options.rename)
    _known(file, "--map", tuple(extra.values()), names)
    if options.positive:
        wanted = condition(options.positive).column
        _known(file, "--positive", (wanted,), names)
        extra |= {} if wanted in {*roles.values(), *labels} else {wanted: wanted}
        free = [name for name in free if name != wanted]
    if not labels and (column := _matched(file, "label", free, roles)):
        labels = (column,)
    _refuse_shared(file, roles)
    used = {*roles.values(), *labels, *extra.values()}
    return Mapping(roles, labels, extra, tuple(name for name in names if name not in used))


def _told(file: str, role: str, options: ReadOptions, names: Sequence[str]) -> str:
    column: str = getattr(options, role)
    if column:
        _known(file, f"--{role}", (column,), names)
    return column


def _known(file: str, flag: str, wanted: Sequence[str], names: Sequence[str]) -> None:
    for column in wanted:
        if column not in names:
            raise fault(
                file,
                f'{flag}: no column "{plain(column)}"',
                f"columns are {_list(names)}",
                f"nearest: {near(column, list(names), 1)}",
                "D2",
            )


def _matched(file: str, role: str, free: Sequence[str], roles: MappingOf[str, str]) -> str:
    wanted = {plain_name(name) for name in NAMES[role]}
    found = [name for name in free if plain_name(name) in wanted and name not in roles.values()]
    if role == "actor" and not found:
        found = [name for name in free if plain_name(name) == "sessionid"]
    if len(found) > 1:
        raise fault(
            file,
            f"{' and '.join(plain(name) for name in found)} both look like {role}",
            "one column plays one role",
            f"--{role} {plain(found[0])}, or --ignore the other",
            "D2",
        )
    return found[0] if found else ""


def _require(file: str, roles: MappingOf[str, str], names: Sequence[str]) -> None:
    for role in ("actor", "target"):
        if role not in roles:
            raise fault(
                file,
                f"no column for {role}",
                f"saw {_list(names)}",
                f"--{role} NAME",
                "D2",
            )


def _refuse_shared(file: str, roles: MappingOf[str, str]) -> None:
    for role, column in roles.items():
        others = [other for other, name in roles.items() if name == column and other != role]
        if others:
            raise fault(
                file,
                f'column "{plain(column)}" is both {role} and {others[0]}',
                "one column plays one role",
                f"--{role} NAME",
                "D2",
            )


def _list(names: Sequence[str], most: int = 12) -> str:
    told = ", ".join(plain(name) for name in names[:most])
    return told + (f" and {len(names) - most} more" if len(names) > most else "")


def _table(lines: list[list[str]]) -> str:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
