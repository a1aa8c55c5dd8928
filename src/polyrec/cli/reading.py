"""The flags that say how a log is read: one table, shared by the verbs that read one.

Each field of the reader's options has one flag here; nothing heavy is imported before a verb
runs.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

if TYPE_CHECKING:
    from polyrec.data import Filters
    from polyrec.data.readers import ReadOptions

Flags = dict[str, Any]
TEXT: dict[str, tuple[str, str]] = {
    "reader": ("--reader", "the format by name; empty: recognised"),
    "actor": ("--actor", "column of who acted"),
    "target": ("--target", "column of what was acted on"),
    "time": ("--time", "column of when"),
    "kind": ("--kind", "column of what was done"),
    "weight": ("--weight", "column kept as weight"),
    "label": ("--label", "0/1 columns, comma-separated"),
    "session": ("--session", "column kept as session"),
    "rating": ("--rating", "column kept as rating"),
    "position": ("--position", "column kept as position"),
    "positive": ("--positive", "which rows are events: rating>=4"),
    "sep": ("--sep", "separator, one character, \\t or ::"),
    "columns": ("--columns", "names for a file without header, comma-separated"),
    "quote": ("--quote", "quote character, or none"),
    "encoding": ("--encoding", "text encoding, as latin-1"),
    "time_unit": ("--time-unit", "auto, s, ms, us, ns, iso or order"),
    "time_missing": ("--time-missing", "this time means missing, as 0"),
    "date_format": ("--date-format", "strptime form, as %d/%m/%Y"),
    "part": ("--part", "column of a given split: train, valid, test"),
    "valid": ("--valid", "file beside PATH that is the valid part"),
    "test": ("--test", "file beside PATH that is the test part"),
    "rename": ("--map", "columns to keep as numbers: NEW=OLD, comma-separated"),
    "ignore": ("--ignore", "columns never to look at, comma-separated"),
    "fill": ("--fill", "for missing numbers: COL=0, comma-separated"),
    "list_sep": ("--list-sep", "separator inside lists"),
    "bad_rows": ("--bad-rows", "bad rows to leave out: skip:N or skip:0.1%"),
    "keep": ("--keep", "of two table rows with one key: first or last"),
    "accept": ("--accept", "findings that do not stop, comma-separated: D8"),
    "allow_leak": ("--allow-leak", "L1: repeats across given parts are real"),
    "order": ("--order", "of target ids: auto, frequency, first or given"),
    "mem": ("--mem", "memory that reading may take, as 3G"),
}
SWITCHES = {
    "no_header": ("--no-header", "the first line is data already"),
    "keep_null_keys": ("--keep-null-keys", 'keys "nan", "null" and "None" are real'),
    "key_int": ("--key-int", 'keys like "123.0" are integers'),
    "ignore_unknown": ("--ignore-unknown", "drop features of unknown id (tencentgr)"),
}
FILTERS = {
    "kinds": ("--kinds", "only events of these kinds, comma-separated"),
    "since": ("--since", "only events from this date on"),
    "until": ("--until", "only events before this date"),
    "dedup": ("--dedup", "repeats: all, first, last, consecutive or exact"),
    "min_count": ("--min-count", "USERS,ITEMS: one pass, items first"),
    "k_core": ("--k-core", "both sides at least this, to a fixed point"),
    "max_events": ("--max-events", "only each actor's last ones"),
}
DEFAULTS = {"quote": '"', "encoding": "utf-8", "time_unit": "auto", "list_sep": " "}
DEFAULTS |= {"order": "auto", "dedup": "all"}


def reads(filters: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a verb the reading flags (and those of the filters), collected in its last argument.

    A verb declares its own flags and `flags: Flags`; a caller sees one flag for each entry above.
    """

    def with_flags(verb: Callable[..., None]) -> Callable[..., None]:
        texts = TEXT | (FILTERS if filters else {})
        own = inspect.signature(verb, eval_str=True).parameters.values()
        shared = [_text(name, *told) for name, told in texts.items()]
        shared += [_switch(name, *told) for name, told in SWITCHES.items()]
        names = [parameter.name for parameter in shared]

        @functools.wraps(verb)
        def verb_with_flags(*args: Any, **given: Any) -> None:
            flags = {name: given.pop(name) for name in names}
            verb(*args, **given, flags=flags)

        kept = [parameter for parameter in own if parameter.name != "flags"]
        parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in (*kept, *shared)]
        verb_with_flags.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        verb_with_flags.__annotations__ = {p.name: p.annotation for p in parameters}
        return verb_with_flags

    return with_flags


def options(flags: Flags) -> ReadOptions:
    """The reader's options from the flags.

    Raises:
        ValueError: a flag holds something it does not take.
    """
    from polyrec.data.readers import ReadOptions
    from polyrec.data.readers.options import size

    plain = {n: flags[n] for n in TEXT if n in flags and isinstance(flags[n], str)}
    for name in ("label", "columns", "ignore"):
        plain[name] = words(flags[name])
    plain["accept"] = accepted(flags["accept"]) + accepted(flags["allow_leak"], "--allow-leak")
    plain.pop("allow_leak")
    plain["rename"] = tuple(_pair("--map", word) for word in words(flags["rename"]))
    fills = [_pair("--fill", word) for word in words(flags["fill"])]
    plain["fill"] = tuple((name, number("--fill", value)) for name, value in fills)
    missing = flags["time_missing"]
    plain["time_missing"] = number("--time-missing", missing) if missing else None
    plain["mem"] = size(flags["mem"]) if flags["mem"] else 0
    switches = {name: flags[name] for name in ("keep_null_keys", "key_int", "ignore_unknown")}
    return ReadOptions(**plain, **switches, header=not flags["no_header"])


def filters(flags: Flags) -> Filters:
    """The filters from the flags.

    Raises:
        ValueError: a flag holds something it does not take.
    """
    from polyrec.data import Filters
    from polyrec.data.filters import Dedup

    counts = words(flags["min_count"])
    if counts and len(counts) != 2:
        raise ValueError(f'--min-count: got "{flags["min_count"]}"; USERS,ITEMS; for example 5,5')
    pair = tuple(integer("--min-count", word) for word in counts)
    return Filters(
        kinds=words(flags["kinds"]),
        since=moment("--since", flags["since"]),
        until=moment("--until", flags["until"]),
        dedup=one_of("--dedup", flags["dedup"], [*get_args(Dedup)]),
        min_count=(pair[0], pair[1]) if pair else None,
        k_core=integer("--k-core", flags["k_core"] or "0"),
        max_events=integer("--max-events", flags["max_events"] or "0"),
    )


def words(text: str) -> tuple[str, ...]:
    """Comma-separated words."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def one_of(flag: str, value: str, known: list[str]) -> Any:
    """A value of a fixed set.

    Raises:
        ValueError: it is none of them; the nearest is named.
    """
    from polyrec.data.readers.faults import near

    if value not in known:
        raise ValueError(
            f'{flag}: got "{value}"; one of {", ".join(known)}; nearest "{near(value, known, 1)}"'
        )
    return value


def accepted(text: str, flag: str = "--accept") -> tuple[str, ...]:
    """Names of findings.

    Raises:
        ValueError: there is no such finding; the nearest is named.
    """
    from polyrec.data.check import CHECKS

    known = ["L1"] if flag == "--allow-leak" else [*CHECKS]
    return tuple(str(one_of(flag, word, known)) for word in words(text))


def integer(flag: str, text: str) -> int:
    """A whole number of 0 or more.

    Raises:
        ValueError: it is none.
    """
    if not text.isdecimal():
        raise ValueError(f'{flag}: got "{text}"; a whole number; for example 5')
    return int(text)


def number(flag: str, text: str) -> float:
    """A number.

    Raises:
        ValueError: it is none.
    """
    try:
        return float(text)
    except ValueError:
        raise ValueError(f'{flag}: got "{text}"; a number; for example 0') from None


def moment(flag: str, text: str) -> int | None:
    """A date as milliseconds, UTC where it names no zone; None where there is none.

    Raises:
        ValueError: it is no date.
    """
    from datetime import UTC, datetime

    if not text:
        return None
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f'{flag}: got "{text}"; a date; for example 2014-05-01 or 2014-05-01T12:00'
        ) from None
    return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1000)


def _pair(flag: str, word: str) -> tuple[str, str]:
    first, equals, second = word.partition("=")
    if not (first and equals and second):
        raise ValueError(f'{flag}: got "{word}"; NAME=VALUE; for example price=0')
    return first, second


def _text(name: str, flag: str, told: str) -> inspect.Parameter:
    annotation = Annotated[str, typer.Option(flag, help=told, show_default=False)]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=DEFAULTS.get(name, ""), annotation=annotation
    )


def _switch(name: str, flag: str, told: str) -> inspect.Parameter:
    annotation = Annotated[bool, typer.Option(flag, help=told)]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation
    )
