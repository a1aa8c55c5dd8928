"""What the command line says: text for people, plain lines in a pipe, one object for --json."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

QUIET_SECONDS = 10.0


@dataclass
class Say:
    """Speaks as the caller asked: `as_json` keeps all quiet but the last line."""

    as_json: bool = False
    _shown: float = field(default=0.0, repr=False)
    _live: bool = field(default=False, repr=False)

    def line(self, text: str = "") -> None:
        """A line for people."""
        if not self.as_json:
            self._end_live()
            print(text, flush=True)

    def progress(self, text: str, final: bool = False) -> None:
        """Where long work stands: in place on a terminal, a line now and then in a pipe."""
        if self.as_json:
            return
        now = time.monotonic()
        if sys.stdout.isatty():
            if final or now - self._shown > 0.1:
                sys.stdout.write("\r\033[2K" + text)
                sys.stdout.flush()
                self._live, self._shown = True, now
        elif final or now - self._shown > QUIET_SECONDS:
            print(text, flush=True)
            self._shown = now
        if final:  # what comes next is not written over it, and is said at once
            self._end_live()
            self._shown = 0.0

    def result(self, value: Mapping[str, Any]) -> None:
        """The last line of --json."""
        if self.as_json:
            print(json.dumps(_finite(value), sort_keys=True, allow_nan=False), flush=True)

    def _end_live(self) -> None:
        if self._live:
            sys.stdout.write("\n")
            self._live = False


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: what could not be measured is null."""
    if isinstance(value, Mapping):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
