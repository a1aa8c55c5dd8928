"""Which kind of file a graph stands in, from its first lines."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from polyrec.data.readers.text.content import HEAD, head

GraphForm = Literal["edges", "adjacency", "planetoid", "log"]
FORMS = ("edges", "adjacency", "planetoid", "log")


def recognise_graph(path: Path) -> GraphForm:
    """The form of a graph file; what is none is taken as a log.

    Two or three words on every line are edges (the third a weight), integers in lines of unequal
    length an adjacency list. A log of three columns, or lists of a user's items, look the same:
    name the form then. A later line with a weight that is no number, or with one end alone, leaves
    the file a list of edges, so that its reader tells the line.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if path.suffix == ".npz":
        return "planetoid"
    if path.is_dir() or not path.exists():
        return "log"
    raw = head(path)
    text = raw.decode("utf-8", "replace")
    lines = text.splitlines()[: -1 if len(raw) == HEAD else None]
    rows = [line.replace(",", " ").split() for line in lines if line.strip()[:1] not in ("#", "%")]
    rows = [row for row in rows if row]
    if not rows:
        return "edges"
    lengths = {len(row) for row in rows}
    whole = all(word.lstrip("-").isdecimal() for row in rows[1:] for word in row[:2])
    header = whole and len(rows) > 1 and not all(_number(word) for word in rows[0])
    if header:
        return "log"
    if lengths == {2} or (lengths == {3} and _number(rows[0][2])):
        return "edges"
    integers = all(word.isdecimal() for row in rows for word in row)
    if lengths == {1, 2} and not integers:
        return "edges"
    return "adjacency" if integers and "," not in text else "log"


def _number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
