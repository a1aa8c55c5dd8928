"""The runs of an ablation as they lie on disk, found by what they do and not by their names."""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from polyrec.data import Split
from polyrec.experiment import records
from polyrec.experiment.ablation.arms import Arm, key
from polyrec.experiment.stored import Stored, stored
from polyrec.run import Run

State = Literal["begun", "trained", "finished", "failed"]
RUNS, SEARCH = "runs", "search"


@dataclass(frozen=True)
class Found:
    """A run that lies there, and how far it came."""

    path: Path
    state: State


@dataclass
class Shelf:
    """All runs below a folder, by the key of their settings."""

    out: Path
    held: dict[str, Found]

    @classmethod
    def scan(cls, out: Path, name: str, split: Split) -> Shelf:
        """What lies below `out`.

        Raises:
            ValueError: runs of another recipe, or of other data.
        """
        held = {}
        for file in sorted(
            p for part in (RUNS, SEARCH) for p in out.glob(f"{part}/*/*/**/run.json")
        ):
            if any(part.startswith(".") for part in file.relative_to(out).parts):
                continue  # half a folder, left by a crash
            one = stored(file.parent)
            _ours(one, name, split, out)
            held[key(one.config)] = Found(file.parent, state(one.run))
        return cls(out, held)

    def of_run(self, arm: Arm, rate: float | None, seed: int, share: float = 1.0) -> Found | None:
        """The run of an arm with a learning rate and a seed."""
        return self.held.get(key(dataclasses.replace(arm.config, **arm.own(rate, seed, share))))

    def note(self, path: Path) -> Found:
        """Takes in a run that was just made or went on."""
        one = stored(path)
        found = Found(path, state(one.run))
        self.held[key(one.config)] = found
        return found

    def settle(self, arm: Arm, found: Found) -> Found:
        """A run that was made to choose a learning rate takes its place among those that count."""
        place = self.out / RUNS / arm.folder / found.path.name
        if SEARCH not in found.path.relative_to(self.out).parts[:1] or place.exists():
            return found
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(found.path, place)
        return self.note(place)


def state(run: Run) -> State:
    """How far a run came."""
    if (run.path / "report.json").is_file():
        return "finished"
    if run.lines("nonfinite"):
        return "failed"
    return "trained" if run.read_json("run.json").get("trained") else "begun"


def _ours(one: Stored, name: str, split: Split, out: Path) -> None:
    if one.recipe_name != name:
        raise ValueError(
            f"{out} holds runs of recipe {one.recipe_name}, for example {one.path}; name another "
            "folder with --out"
        )
    try:
        records.same_data(one.run.read_json("run.json"), split, one.path)
    except ValueError as error:
        raise ValueError(f"{error}; or name another folder with --out") from None
