"""The command line: verbs in modules of their own, what they need imported when they run.

Exit codes: 0 done, 2 bad input (one line on stderr), 1 a fault of ours (Python's traceback), 3 a
failed gate. POLYREC_DEBUG=1 shows where a refusal comes from.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from polyrec.cli import data as data_verbs
from polyrec.cli import demo, judge, run, show

app = typer.Typer(
    help="From an event log to a recommender that you can believe and serve.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(demo.demo)
app.add_typer(data_verbs.app, name="data", help="Bring a log in, check it, split it, look at it.")
app.command("list")(show.list_parts)
app.command("show")(show.show)
app.command("run")(run.run)
app.command("judge")(judge.judge)
app.command("compare")(judge.compare)
app.command("recommend")(judge.recommend)
app.add_typer(show.metrics, name="metrics", help="What a metric means.")

# typer carries its own copy of click; the error that all usage errors share is named by no
# public module, but is a parent of a public one.
_USAGE: type[Exception] = typer.BadParameter.__mro__[2]
_BAD_INPUT = (ValueError, KeyError, FileNotFoundError, FileExistsError, MemoryError, OSError)


def main() -> None:
    """The entry point of `polyrec`."""
    sys.exit(status(sys.argv[1:]))


def status(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; speaks on stderr when it is not 0."""
    command = typer.main.get_command(app)
    try:
        returned = command.main(list(arguments), prog_name="polyrec", standalone_mode=False)
        return int(returned or 0)
    except _USAGE as error:
        return _refuse(_usage(error))
    except typer.Abort:
        return _refuse("stopped")
    except KeyboardInterrupt:
        return _refuse("interrupted; what was saved stays: `polyrec run --resume RUN` goes on")
    except _BAD_INPUT as error:
        if os.environ.get("POLYREC_DEBUG"):
            raise
        return _refuse(_one_line(error))


def _usage(error: Exception) -> str:
    told = getattr(error, "format_message", error.__str__)
    return " ".join(str(told()).split())


def _one_line(error: BaseException) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return " ".join(text.split()) or type(error).__name__


def _refuse(text: str) -> int:
    sys.stderr.write(f"polyrec: {text}\n")
    return 2
