"""What an audit or a diagnosis says: evidence, what it means, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing that was found in a run or its data."""

    rule: str  # "L4", "F6"
    kind: Literal["fault", "note"]
    evidence: str  # numbers
    meaning: str
    remedy: str  # a command or a change

    def line(self) -> str:
        """The finding in one line.

        >>> Finding("L4", "fault", "3 of 9 test edges", "leak", "rebuild").line()
        'L4 fault: 3 of 9 test edges; leak: rebuild'
        """
        return f"{self.rule} {self.kind}: {self.evidence}; {self.meaning}: {self.remedy}"
