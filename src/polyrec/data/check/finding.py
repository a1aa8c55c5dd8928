"""What a check says: an id, how bad it is, and one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from polyrec.data.readers.faults import InputError

Level = Literal["PASS", "WARN", "FAIL"]


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    id: str  # "D1" ...
    level: Level
    message: str


def graded(id: str, share: float, bounds: tuple[float, float], message: str) -> Finding:
    """PASS, WARN above the first bound, FAIL above the second."""
    warn, fail = bounds
    level: Level = "FAIL" if share > fail else "WARN" if share > warn else "PASS"
    return Finding(id, level, message)


def refuse(findings: Sequence[Finding], accept: Sequence[str], flag: str = "--accept") -> None:
    """Stops where a check failed that was not accepted by name.

    Raises:
        ValueError: the first such finding.
    """
    for finding in findings:
        if finding.level == "FAIL" and finding.id not in accept:
            raise InputError(
                f"{finding.id}: {finding.message}; a failed check stops here; "
                f"correct the data, or {flag} {finding.id}",
                finding.id,
            )
