"""`ablation.json`: what was asked, what was run, what came out; whole on disk after every run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyrec.experiment.ablation.question import Ask, Question
from polyrec.experiment.ablation.scheme import Scheme, restored
from polyrec.experiment.ablation.trainings.work import Done
from polyrec.run import Run

NAME = "ablation.json"


@dataclass
class Book:
    """Written beside and renamed after each run."""

    out: Path
    asked: dict[str, Any]
    scheme: dict[str, Any] = field(default_factory=dict)
    estimates: tuple[str, ...] = ()  # one of each call
    runs: list[dict[str, Any]] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)

    def note(self, done: Done) -> None:
        """One more run, and the file again."""
        task = done.task
        self.runs.append({
            "anchor": task.arm.anchor.name,
            "change": task.arm.name,
            "lr": task.rate,
            "seed": task.seed,
            "purpose": task.purpose,
            "path": None if done.path is None else str(done.path),
            "failed": done.reason,
        })  # fmt: skip
        self.write()

    def write(self) -> None:
        """The file as it stands."""
        self.out.mkdir(parents=True, exist_ok=True)
        Run.open(self.out).write_json(NAME, self.to_json())

    def to_json(self) -> dict[str, Any]:
        """All of it; without a result it is not finished."""
        return {
            "asked": self.asked,
            "scheme": self.scheme,
            "estimates": list(self.estimates),
            "runs": self.runs,
            "finished": bool(self.result),
            **self.result,
        }


def asked(q: Question, ask: Ask) -> dict[str, Any]:
    """The question as JSON values: the same question is trimmed the same way again."""
    return {
        "recipe": q.name,
        "anchors": [[a.name, a.variant, dict(a.settings)] for a in q.anchors],
        "factors": [[f.name, [[c.label, dict(c.settings)] for c in f.changes]] for f in q.factors],
        "base": dict(q.base),
        "rates": list(q.rates),
        "primary": q.primary,
        "seeds": ask.seeds,
        "budget_hours": ask.hours,
    }


def as_before(
    scheme: Scheme, question: dict[str, Any], out: Path
) -> tuple[Scheme, tuple[str, ...]] | None:
    """The scheme as an earlier call of the same question trimmed it, and what that call estimated;
    None = there was none.

    Raises:
        ValueError: the file is damaged.
    """
    file = out / NAME
    if not file.is_file():
        return None
    try:
        held = json.loads(file.read_text())
        if held["asked"] != json.loads(json.dumps(question)):
            return None
        return restored(scheme, held["scheme"]), tuple(held["estimates"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file} is damaged ({error}): remove it; finished runs beside it are found again"
        ) from error
