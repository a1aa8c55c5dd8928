"""What a number means: every choice that went into it, kept with it and printed under it.

Two values may be compared, subtracted or drawn on one axis only if their passports agree on
everything but what tells two runs apart (seeds, checkpoint, code) and what a run merely observed
(ties met, duplicates met).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from polyrec import __version__

_ONE_ORDER = ("", " (one order of many)")
_OBSERVED = ("tied", "duplicates", "seeds", "checkpoint", "code")


@dataclass(frozen=True)
class Passport:
    """The birth certificate of one value."""

    metric: str  # "ndcg"
    k: int | None = None
    formula: str = ""  # name and version of the definition
    dialect: str = "polyrec"
    candidates: str = "full"  # full | u100 | pop100 | given | batch
    candidate_seed: int | None = None  # None = none was drawn
    excluded: str = "none"  # none | history | train | train+valid | query-given
    data: str = ""  # hash of the data
    split: str = ""  # how, and hash of the questions
    part: str = ""  # valid | test
    requests: int = 0  # kept
    dropped: tuple[tuple[str, int], ...] = ()  # reason, count
    duplicates: int = 0  # requests whose list held an id twice
    ties: str = "seeded hash of the item id"
    tied: float = 0.0  # share of requests whose value a tie touches
    truth: str = "set"  # set | list: whether repeats of a wanted item count
    cold: str = "kept"  # wanted items unknown to train: kept (as misses) or dropped
    unknown: int = 0  # how many of those
    threshold: str = ""  # where a label threshold came from
    weights: str = ""  # of rows or groups
    averaging: str = "request"  # request | user | pooled | whole
    selected_on: str = ""  # valid | test | fixed steps
    checkpoint: str = ""  # step and why that one
    seeds: tuple[int, ...] = ()
    code: str = __version__
    note: str = ""  # what the metric itself must add: source of vectors, recalibration

    @property
    def id(self) -> str:
        """Hash of all fields."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """As it must be shown: sampled candidates are never left out.

        >>> Passport("ndcg", 10, candidates="u100").name
        'ndcg@10[u100]'
        """
        at = "" if self.k is None else f"@{self.k}"
        sampled = "" if self.candidates in ("full", "given") else f"[{self.candidates}]"
        return f"{self.metric}{at}{sampled}"

    def short(self) -> str:
        """One line for under a table."""
        dropped = sum(count for _, count in self.dropped)
        words = [
            f"dialect {self.dialect}",
            f"candidates {self.candidates}",
            f"excluded {self.excluded}",
            " ".join(x for x in (self.part or "part unknown", self.split) if x),
            f"{self.requests:,} requests" + (f" ({dropped:,} dropped)" if dropped else ""),
            f"wanted items as {self.truth}",
        ]
        words += [f"{self.unknown:,} unknown wanted {self.cold}"] if self.unknown else []
        words += [f"ties {self.tied:.1%}{_ONE_ORDER[self.tied > 0.01]}"] if self.tied else []
        words += [f"{self.duplicates:,} lists with duplicates"] if self.duplicates else []
        words += [f"threshold {self.threshold}"] if self.threshold else []
        words += [self.averaging] if self.averaging != "request" else []
        words += [self.note] if self.note else []
        words.append(self.selection())
        return " · ".join(word for word in words if word)

    def selection(self) -> str:
        """How the measured checkpoint was chosen; a choice on test is an upper bound."""
        if self.selected_on == "test":
            return "(chosen on test: upper bound)"
        return f"chosen on {self.selected_on}" if self.selected_on else ""

    def to_json(self) -> dict[str, Any]:
        """JSON values of all fields."""
        state = {**asdict(self), "seeds": list(self.seeds), "id": self.id}
        return {**state, "dropped": [list(pair) for pair in self.dropped]}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        known = {field.name for field in fields(cls)}
        kept = {name: value for name, value in state.items() if name in known}
        kept["dropped"] = tuple((str(why), int(n)) for why, n in kept.get("dropped", ()))
        kept["seeds"] = tuple(kept.get("seeds", ()))
        return cls(**kept)


def as_fraction(name: str, value: float) -> float:
    """The value of a [0, 1] metric typed in by a person.

    Raises:
        ValueError: it is no fraction; above 1 it looks like percent.
    """
    if value > 1:
        raise ValueError(f"{name}={value:g} looks like percent: divide by 100")
    if not value >= 0:
        raise ValueError(f"{name}={value:g}; allowed is 0 to 1")
    return value


def differing(a: Passport, b: Passport) -> dict[str, tuple[object, object]]:
    """The fields that forbid a comparison, with both values."""
    out = {
        field.name: (getattr(a, field.name), getattr(b, field.name))
        for field in fields(a)
        if field.name not in _OBSERVED and getattr(a, field.name) != getattr(b, field.name)
    }
    # A closed form has nothing to select; only a choice made on test is another quantity.
    if "test" not in out.get("selected_on", ("test",)):
        out.pop("selected_on", None)
    return out


def comparable(a: Passport, b: Passport) -> None:
    """Passes if two values may be compared.

    Raises:
        ValueError: names each differing field and the remedy.
    """
    wrong = differing(a, b)
    if wrong:
        what = "; ".join(f"{name}: {x!r} and {y!r}" for name, (x, y) in wrong.items())
        raise ValueError(
            f"{a.name} and {b.name} do not mean the same ({what}); judge both runs alike"
            " (polyrec judge RUN), of one log and one split"
        )
