"""Command lines of ours in processes of their own, several at once, one thread each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Any, TypeVar

T = TypeVar("T")
WAIT = 0.2  # seconds between looks
INTERRUPTED = 130
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Ended:
    """How a process ended and what it said, line by line."""

    code: int
    out: Sequence[str]
    errors: Sequence[str]

    @property
    def refusal(self) -> str:
        """Why there is no result; empty where there is one."""
        if self.code == 0:
            return ""
        if self.code < 0:
            return f"its process was killed by signal {-self.code}; was memory short?"
        return self.errors[-1].removeprefix("polyrec: ")

    def result(self) -> Any:
        """The last line of --json."""
        return json.loads(self.out[-1])


@dataclass(frozen=True)
class _Running:
    """What was started; files hold what it says, since a pipe that nobody reads would block."""

    process: subprocess.Popen[bytes]
    out: IO[str]
    errors: IO[str]

    def ended(self) -> Ended:
        return Ended(self.process.returncode, _lines(self.out), _lines(self.errors))


def at_once(
    tasks: Sequence[T], command: Callable[[T], Sequence[str]], jobs: int
) -> Iterator[tuple[T, Ended]]:
    """Runs the tasks' commands, at most `jobs` at a time; yields each as it ends.

    Raises:
        KeyboardInterrupt: somebody asked us or one of them to stop; all are told to save.
    """
    waiting, running = list(tasks), list[tuple[T, _Running]]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                task = waiting.pop(0)
                running.append((task, _start(command(task))))
            for pair in [pair for pair in running if pair[1].process.poll() is not None]:
                running.remove(pair)
                ended = pair[1].ended()
                if ended.code == INTERRUPTED:
                    raise KeyboardInterrupt("a run was interrupted")
                yield pair[0], ended
            time.sleep(WAIT)
    finally:
        for _, one in running:
            one.process.terminate()
        for _, one in running:
            one.process.wait()


def _start(arguments: Sequence[str]) -> _Running:
    out, errors = TemporaryFile("w+"), TemporaryFile("w+")  # noqa: SIM115  # closed when read
    process = subprocess.Popen(
        [sys.executable, "-m", "polyrec", *arguments],
        stdout=out,
        stderr=errors,
        env={**os.environ, **dict.fromkeys(ONE_THREAD, "1")},
        start_new_session=True,  # a terminal's interrupt reaches them through us, once
    )
    return _Running(process, out, errors)


def _lines(stream: IO[str]) -> list[str]:
    with stream:
        stream.seek(0)
        return stream.read().strip().splitlines() or [""]
