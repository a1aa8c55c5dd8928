"""Where an experiment speaks while it works."""

from __future__ import annotations

import time
from collections.abc import Callable
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


def share_done(watch: Watch, what: str) -> Callable[[float], None]:
    """Tells a watch how much of some work is done, and when it ends at that rate."""
    heard: list[tuple[float, float]] = []  # when, and which part: what came before is other work

    def told(part: float) -> None:
        now = time.monotonic()
        if not heard:
            heard.append((now, part))
        began, gone = heard[0][0], part - heard[0][1]
        left = f" · {clock((now - began) * (1 - part) / gone)} left" if gone > 0 else ""
        watch.progress(f"  {what} {100 * part:.0f}%{left}")

    return told


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss, or m:ss below an hour."""
    whole = round(min(max(seconds, 0.0), 86_400 * 99))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
