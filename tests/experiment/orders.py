"""Small orders through the command line: what it said, and the folders it left."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyrec.cli import status

TINY = (
    "world=retail_tiny", "dim=8", "hidden=8", "batch=16", "negatives_per_positive=2",
    "max_steps=20", "eval_every=10", "log_every=5",
)  # fmt: skip


@dataclass(frozen=True)
class Said:
    """Exit code and both streams of one command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The last line of --json."""
        return json.loads(self.out.splitlines()[-1])


def say(*arguments: str | Path) -> Said:
    """One command line, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = status([str(argument) for argument in arguments])
    return Said(code, out.getvalue(), err.getvalue())


def train(out: Path, *settings: str, variant: str = "dr") -> Path:
    """A small finished run."""
    said = say("run", "comirec", "--variant", variant, "--out", out, "--json", *TINY, *settings)
    assert said.code == 0, said.err
    return Path(said.json["runs"][0])


def read(run: Path, name: str) -> Any:
    """A document of a run folder."""
    return json.loads((run / name).read_text())


def lines(run: Path, kind: str) -> list[dict[str, Any]]:
    """Lines of the log of one kind."""
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line for line in found if line["kind"] == kind]


def clicks(path: Path, people: int = 60, shift: int = 0) -> Path:
    """A small log as CSV: each person walks through 24 items."""
    rows = [
        f"u{person},i{(person * 7 + at * (1 + person % 3) + shift) % 24:02d},{1000 + at}"
        for person in range(people)
        for at in range(10)
    ]
    path.write_text("user,item,timestamp\n" + "\n".join(rows) + "\n")
    return path
