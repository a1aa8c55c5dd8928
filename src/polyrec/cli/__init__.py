"""The command line: verbs in modules of their own, what they need imported when they run.

Exit codes: 0 done, 2 bad input (one line on stderr), 1 a fault of ours (Python's traceback), 3 a
failed gate, 130 interrupted (a run says how to go on). POLYREC_DEBUG=1 shows where a refusal comes
from.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import TextIO

import typer

from polyrec.cli import ablate, demo, judge, run, show
from polyrec.cli import data as data_verbs
from polyrec.cli.checks.verbs import audit, doctor
from polyrec.cli.graphs.embed import embed
from polyrec.cli.graphs.figures import graph
from polyrec.cli.graphs.similar import similar
from polyrec.process import settle

app = typer.Typer(
    help="From an event log to a recommender that you can believe and serve.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(demo.demo)
app.add_typer(data_verbs.app, name="data", help="Bring a log in, check it, split it, look at it.")
app.command("graph")(graph)
app.command("embed")(embed)
app.command("list")(show.list_parts)
app.command("show")(show.show)
app.command("run")(run.run)
app.command("judge")(judge.judge)
app.command("audit")(audit)
app.command("doctor")(doctor)
app.command("compare")(judge.compare)
app.command("ablate")(ablate.ablate)
app.command("recommend")(judge.recommend)
app.command("similar")(similar)
app.add_typer(show.metrics, name="metrics", help="What a metric means.")

# typer carries its own copy of click; the error that all usage errors share is named by no
# public module, but is a parent of a public one.
_USAGE: type[Exception] = typer.BadParameter.__mro__[2]
BAD_INPUT, INTERRUPTED = 2, 130
_BAD_INPUT = (ValueError, KeyError, FileNotFoundError, FileExistsError, MemoryError, OSError)


def main() -> None:
    """The entry point of `polyrec`."""
    signal.signal(signal.SIGTERM, _stop)
    warnings.showwarning = _warn
    settle()
    sys.exit(status(sys.argv[1:]))


def status(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; speaks on stderr when it is not 0."""
    command = typer.main.get_command(app)
    try:
        with command.make_context("polyrec", list(arguments)) as context:
            command.invoke(context)
        return 0
    except typer.Exit as done:
        return int(done.exit_code)
    except _USAGE as error:
        return _misused(error)
    except typer.Abort:
        return _refuse("stopped")
    except KeyboardInterrupt as stop:
        return _refuse(str(stop) or "interrupted", INTERRUPTED)
    except _BAD_INPUT as error:
        if os.environ.get("POLYREC_DEBUG"):
            raise
        return _refuse(_one_line(error))


def _misused(error: Exception) -> int:
    """A usage error in one line; a group without a verb answers with its help."""
    told = str(getattr(error, "format_message", error.__str__)())
    if told.startswith("Usage:"):
        sys.stdout.write(told + "\n")
        return 0
    return _refuse(" ".join(told.split()))


def _one_line(error: BaseException) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return " ".join(text.split()) or type(error).__name__


def _refuse(text: str, code: int = BAD_INPUT) -> int:
    sys.stderr.write(f"polyrec: {text}\n")
    return code


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning in one line, without the place in the code that it comes from."""
    sys.stderr.write(f"polyrec: {' '.join(str(message).split())}\n")


def _stop(number: int, frame: object) -> None:
    """What SIGTERM does outside of training, which has its own way to stop after a step."""
    raise KeyboardInterrupt
