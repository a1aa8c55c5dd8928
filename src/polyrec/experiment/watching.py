"""Where an experiment speaks while it works."""

from __future__ import annotations

from typing import Protocol


class Watch(Protocol):
    """Takes lines for people, and where long work stands."""

    def line(self, text: str = "") -> None: ...
    def progress(self, text: str, final: bool = False) -> None: ...


class Quiet:
    """Says nothing: for use from Python."""

    def line(self, text: str = "") -> None:
        """Not said."""

    def progress(self, text: str, final: bool = False) -> None:
        """Not said."""
