"""One line of seq.jsonl, taken apart: a user's profile, and what was shown and done."""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress
from typing import cast

from polyrec.data.readers.faults import shown
from polyrec.data.readers.formats.tencentgr.coded import Broken, Value

FIELDS = "[user_id, item_id, user_feature, item_feature, action_type, timestamp]"
RULE = f"a line is one JSON list of records {FIELDS}"
NONE = type(None)


@dataclass(frozen=True)
class Line:
    """A user's records, every field of its type; E events."""

    user: Value
    about: Mapping[str, object]  # user features, not yet looked at
    items: tuple[Value, ...]  # [E]
    features: tuple[Mapping[str, object] | None, ...]  # [E], not yet looked at
    actions: tuple[int, ...]  # [E], 0..2
    times: array[int]  # [E], as in the file


def parsed(line: bytes) -> Line:
    """The records of one line. Columns are looked at as wholes: their types, not their cells.

    Raises:
        Broken: the line is not what a line must be.
    """
    users, items, abouts, features, actions, times = _columns(_records(line))
    at = _profile(items, abouts)
    about = abouts[at]
    if type(about) is not dict:
        what = f"user_feature {shown(about)}"
        raise Broken("user_feature", what, "user features are {id: value}")
    _one_user(users)
    _refuse_profile_fields(at, features, actions)
    others = [place != at for place in range(len(items))]
    items, features, actions, times = (
        tuple(compress(column, others)) for column in (items, features, actions, times)
    )
    if not {*map(type, items)} <= {int, str}:
        raise Broken("item_id", f"item_id {_odd(items, (int, str))}", "an id is an integer")
    if not {*map(type, features)} <= {dict, NONE}:
        what = f"item_feature {_odd(features, (dict, NONE))}"
        raise Broken("item_feature", what, "item features are {id: value}")
    return Line(
        user=cast(Value, users[0]),
        about=about,
        items=cast("tuple[Value, ...]", items),
        features=cast("tuple[Mapping[str, object] | None, ...]", features),
        actions=_actions(actions),
        times=_times(times),
    )


def _records(line: bytes) -> list[list[object]]:
    try:
        records = json.loads(line.decode("utf-8-sig" if line[:3] == b"\xef\xbb\xbf" else "utf-8"))
    except (ValueError, RecursionError) as error:
        what = f"broken JSON: {shown(error)} in {shown(line)}"
        raise Broken("broken JSON", what, RULE) from None
    if type(records) is not list or not records:
        raise Broken("no list", f"a {type(records).__name__} {shown(line)}", RULE)
    return records


def _columns(records: list[list[object]]) -> list[tuple[object, ...]]:
    if {*map(type, records)} != {list} or {*map(len, records)} != {6}:
        at, record = next(
            (at, r) for at, r in enumerate(records) if type(r) is not list or len(r) != 6
        )
        size = f"{len(record)} fields" if type(record) is list else f"a {type(record).__name__}"
        raise Broken("record", f"record {at} is {size}", f"a record is {FIELDS}")
    return list(zip(*records, strict=True))


def _profile(items: tuple[object, ...], abouts: tuple[object, ...]) -> int:
    """The place of the one record that says who the user is."""
    places = [at for at, item in enumerate(items) if item is None]
    rule = "a user has exactly one profile record (item_id null, user_feature given)"
    if not places:
        raise Broken("no profile", "no profile record", rule)
    if len(places) > 1:
        told = " and ".join(map(str, places[:2]))
        raise Broken("two profiles", f"{len(places)} profile records ({told})", rule)
    odd = [at for at, about in enumerate(abouts) if (about is None) == (at == places[0])]
    if odd:
        given = "no" if abouts[odd[0]] is None else "a"
        what = f"record {odd[0]} has item_id {shown(items[odd[0]])} and {given} user_feature"
        raise Broken("user_feature", what, "user_feature stands in the profile record alone")
    return places[0]


def _one_user(users: tuple[object, ...]) -> None:
    if not {*map(type, users)} <= {int, str}:
        raise Broken("user_id", f"user_id {_odd(users, (int, str))}", "an id is an integer")
    if len({*users}) > 1:
        told = " and ".join(sorted(map(str, {*users}))[:2])
        raise Broken("users mixed", f"users {shown(told)} on one line", "a line is one user's")


def _refuse_profile_fields(
    at: int, features: tuple[object, ...], actions: tuple[object, ...]
) -> None:
    if features[at] is not None or actions[at] is not None:
        raise Broken(
            "profile",
            f"the profile record {at} has item features or an action",
            "in the profile item fields and action are null",
        )


def _actions(actions: tuple[object, ...]) -> tuple[int, ...]:
    if {*map(type, actions)} <= {int} and {*actions} <= {0, 1, 2}:
        return cast("tuple[int, ...]", actions)
    wrong = next(a for a in actions if type(a) is not int or a not in (0, 1, 2))
    rule = "actions are 0 (exposure), 1 (click), 2 (conversion)"
    raise Broken("action_type", f"action_type {shown(wrong)}", rule)


def _times(times: tuple[object, ...]) -> array[int]:
    if {*map(type, times)} <= {int}:
        try:
            return array("q", cast("tuple[int, ...]", times))
        except OverflowError:
            large = next(t for t in cast("tuple[int, ...]", times) if abs(t) >= 2**63)
            what = f"timestamp {shown(large)}"
            raise Broken("timestamp", what, "a timestamp is in seconds") from None
    if None in times:
        raise Broken("null timestamp", "a timestamp is null", "every event has its time")
    what = f"timestamp {_odd(times, (int,))}"
    raise Broken("timestamp", what, "a timestamp is an integer, in seconds")


def _odd(values: tuple[object, ...], kinds: tuple[type, ...]) -> str:
    """The first value of another type, for a message."""
    return shown(next(value for value in values if type(value) not in kinds))
