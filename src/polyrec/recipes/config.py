"""Flat, typed settings with a reason beside each default, parsed from text and never guessed."""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

C = TypeVar("C")
Origin = Literal["default", "variant", "file", "flag", "resume"]


def setting(
    default: Any,
    why: str,
    least: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> Any:
    """A field of a recipe's Config: its default, the reason for it, and what it may be."""
    limits = {"least": least, "above": above, "below": below}
    return dataclasses.field(default=default, metadata={"why": why, **limits})


@dataclass(frozen=True)
class Sourced(Generic[C]):
    """A config, and who set each key."""

    config: C
    origin: Mapping[str, Origin]


def compose(
    make: type[C],
    variants: Mapping[str, Mapping[str, Any]],
    variant: str | None,
    file: Path | None = None,
    flags: Iterable[str] = (),
) -> Sourced[C]:
    """Defaults, then the variant, then the file, then `key=value` flags; the last one wins.

    Raises:
        KeyError: an unknown variant or key; the message names the nearest one.
        ValueError: a value that is not of its field's type.
    """
    values: dict[str, Any] = {}
    origin: dict[str, Origin] = {f.name: "default" for f in _fields(make)}
    if variant is not None:
        for key, value in chosen(variants, variant, "variant").items():
            values[key], origin[key] = value, "variant"
    for key, value in (_toml(file) if file else {}).items():
        values[key], origin[key] = typed(make, key, value), "file"
    for key, text in pairs(flags):
        values[key], origin[key] = typed(make, key, text), "flag"
    return Sourced(within_limits(make(**values)), origin)


def changed(config: C, flags: Iterable[str]) -> tuple[C, dict[str, Any]]:
    """A config with some keys replaced, and just those that differ."""
    values = {key: typed(type(config), key, text) for key, text in pairs(flags)}
    differing = {key: value for key, value in values.items() if getattr(config, key) != value}
    replaced = dataclasses.replace(config, **values)  # type: ignore[type-var]
    return within_limits(replaced), differing


def within_limits(config: C) -> C:
    """The config itself, if every number lies where its field allows.

    Raises:
        ValueError: one does not; names the key, the value, the limit and the recipe's own value.
    """
    for field in _fields(type(config)):
        value, limits = getattr(config, field.name), field.metadata
        least, above, below = (limits.get(name) for name in ("least", "above", "below"))
        wanted = [
            *([f"at least {least:,}"] if least is not None and value < least else []),
            *([f"above {above:,}"] if above is not None and value <= above else []),
            *([f"below {below:,}"] if below is not None and value >= below else []),
        ]
        if wanted:
            raise ValueError(
                f"{field.name}={value}: must be {' and '.join(wanted)}; "
                f"the default is {field.default} ({limits['why']})"
            )
    return config


def chosen(options: Mapping[str, Any], name: str, what: str) -> Any:
    """`options[name]`, or an error that names the nearest.

    >>> chosen({"dr": 1, "sa": 2}, "dr", "variant")
    1
    """
    if name not in options:
        raise KeyError(f"no {what} {name!r}{near(name, options)}; there are: {', '.join(options)}")
    return options[name]


def near(name: str, options: Iterable[str]) -> str:
    """', did you mean X?' where one is near enough, else nothing."""
    match = difflib.get_close_matches(name, list(options), n=1, cutoff=0.65)
    return f", did you mean {match[0]!r}?" if match else ""


def pairs(flags: Iterable[str]) -> list[tuple[str, str]]:
    """`key=value` texts, split."""
    split = [flag.partition("=") for flag in flags]
    for key, equals, _ in split:
        if not equals:
            raise ValueError(f"setting {key!r} has no value; write {key}=VALUE")
    return [(key, text) for key, _, text in split]


def typed(make: type[Any], key: str, value: Any) -> Any:
    """`value` as the type of field `key`: text is parsed, TOML values are checked."""
    hints = _hints(make)  # type: ignore[arg-type]  # a class is hashable
    if key not in hints:
        raise KeyError(
            f"no setting {key!r}{near(key, hints)}; `polyrec show` of the recipe lists them"
        )
    hint = hints[key]
    if typing.get_origin(hint) is Literal:
        options = typing.get_args(hint)
        found = {str(option): option for option in options}.get(str(value))
        if found is None:
            names = ", ".join(map(str, options))
            raise ValueError(f"{key}={value!r}: must be one of {names}")
        return found
    return _parsed(hint, key, value)


@cache
def _hints(make: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(make)


def _parsed(hint: Any, key: str, value: Any) -> Any:
    if hint is bool:
        known = {"true": True, "false": False}
        if isinstance(value, bool) or str(value) in known:
            return value if isinstance(value, bool) else known[str(value)]
        raise ValueError(f"{key}={value!r}: must be true or false")
    if hint is str:
        if isinstance(value, Mapping | list | bool):
            raise ValueError(f'{key}={value!r}: must be text; write {key} = "..."')
        return str(value)
    if isinstance(value, bool):
        raise ValueError(f"{key}={value!r}: must be {_noun(hint)}")
    try:
        if hint is int:
            return int(value) if isinstance(value, str) else int(_whole(value))
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{key}={value!r}: must be {_noun(hint)}") from None
    if not math.isfinite(number):
        raise ValueError(f"{key}={value!r}: must be a finite number")
    return number


def _whole(value: Any) -> Any:
    if int(value) != value:
        raise ValueError(value)
    return value


def _noun(hint: Any) -> str:
    return {int: "a whole number", float: "a number"}.get(hint, str(hint))


def _fields(make: type[Any]) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(make)


def reasons(make: type[Any]) -> dict[str, str]:
    """key -> why its default is what it is."""
    return {f.name: str(f.metadata.get("why", "")) for f in _fields(make)}


def _toml(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such settings file; write key = value lines (TOML)")
    try:
        return tomllib.loads(file.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: not TOML: {error}; write key = value lines") from None
