"""docs/cli.md, written from the commands themselves.

`python -m polyrec.cli.reference docs/cli.md` renews it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from polyrec.cli import app
from polyrec.files import writing

HEAD = """# The command line

Written by `python -m polyrec.cli.reference docs/cli.md` from the commands' own help; a test holds
the two together.

Every verb that yields figures takes `--json`: its last line is then one JSON object and nothing
else is printed. Ids are those of the log, in and out.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | a fault of ours, with Python's traceback |
| 2 | bad input: one line on stderr names the value, the limit and the remedy |
| 3 | a failed gate or a serious finding |
| 130 | interrupted (Ctrl-C, SIGTERM): saved; one line on stderr names the command that goes on |
"""


def reference() -> str:
    """The whole page, as Markdown."""
    sections = _sections("polyrec", typer.main.get_command(app))
    return HEAD + "".join(f"\n{section}" for section in sections)


def _sections(name: str, command: Any) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield _verb(name, command)
        return
    for verb, part in inner.items():
        yield from _sections(f"{name} {verb}", part)


def _verb(name: str, command: Any) -> str:
    with command.make_context(name, [], resilient_parsing=True) as context:
        usage = command.get_usage(context).removeprefix("Usage: ")
        records = [(p, _record(p, context)) for p in command.params]
    rows = [_row(parameter, told) for parameter, told in records if told is not None]
    table = "| argument or option | meaning |\n|---|---|\n" + "".join(rows)
    return f"## {name}\n\n{command.help}\n\n```\n{usage}\n```\n\n{table}"


def _record(parameter: Any, context: Any) -> tuple[str, str] | None:
    found: tuple[str, str] | None = parameter.get_help_record(context)
    return found


def _row(parameter: Any, told: tuple[str, str]) -> str:
    name, text = (" ".join(part.split()).replace("|", "\\|") for part in told)
    return f"| `{name}` | {text} |\n"


def main() -> None:
    """Writes the page to the path that is given."""
    with writing(Path(sys.argv[1])) as beside:
        beside.write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
