"""Which reader a path wants: by magic bytes, names, and the first 64 KB; never by hope."""

from __future__ import annotations

import re
from pathlib import Path

from polyrec.data.readers.faults import fault, near
from polyrec.data.readers.formats.atomic import SUFFIXES, beside
from polyrec.data.readers.formats.comirec import TRIPLE, triple_files
from polyrec.data.readers.formats.lists import part_files, play_files
from polyrec.data.readers.formats.movielens import is_movielens
from polyrec.data.readers.formats.tencentgr import is_tencentgr
from polyrec.data.readers.text.content import HEAD, empty, head, refuse_binary

FRAMES = (b"PAR1", b"ARROW1", b"FEA1")
ATOMIC = re.compile(rf"({'|'.join(map(re.escape, SUFFIXES))})(\.gz|\.zst|\.bz2)?$")
SEQUENCES = re.compile(
    r"(beauty|sports|toys|yelp|lastfm|books|movies|clothing|video_games|tools|cds|games|home|"
    r"office|pet|grocery|health|music|baby|automotive|kitchen|cell_phones|electronics|apps|"
    r"digital_music|ml-\d|.*seq|.*session)",
    re.IGNORECASE,
)
LISTS = re.compile(r"(train|valid|test)\.txt(\.gz|\.zst|\.bz2)?")


def recognise(path: Path) -> str:
    """The name of the reader for a path.

    Raises:
        FileNotFoundError: nothing is there; the nearest names are given.
        ValueError: a folder of no known layout, a binary file, ragged integers whose meaning
            the name does not decide.
    """
    if not path.exists():
        raise missing(path)
    return _folder(path) if path.is_dir() else _file(path)


def missing(path: Path) -> FileNotFoundError:
    """The error for a path where nothing is."""
    folder = path.parent
    if not folder.is_dir():
        return FileNotFoundError(
            f"{path}: no such file; the folder {folder} is not there either; check the path"
        )
    names = [p.name for p in sorted(folder.iterdir()) if not p.name.startswith(".")]
    found = near(path.name, names)
    told = ", ".join(names[:5]) if found == "none" else found
    return FileNotFoundError(
        f"{path}: no such file; nearest names in {folder}: {told or 'the folder is empty'}; "
        "check the spelling"
    )


def need_file(path: Path) -> None:
    """Refuses a path where no file is, before a reader of one file opens it.

    Raises:
        FileNotFoundError: nothing is there; the nearest names are given.
        ValueError: it is a folder.
    """
    if not path.exists():
        raise missing(path)
    if path.is_dir():
        raise fault(str(path), "is a folder", "one file", "name a file in it")


def _folder(path: Path) -> str:
    files = [p.name for p in sorted(path.iterdir()) if p.is_file() and not p.name.startswith(".")]
    if any(re.search(r"\.inter(\.gz|\.zst|\.bz2)?$", name) for name in files):
        return "atomic"
    if is_movielens(path):
        return "movielens"
    if {"train", "test"} <= set(part_files(path)):
        return "lightgcn"
    if _is_lastfm(path):
        return "lastfm"
    if len(triple_files(path)) == 3:
        return "comirec"
    if is_tencentgr(path):
        return "tencentgr"
    told = ", ".join(files[:8]) + (f" and {len(files) - 8} more" if len(files) > 8 else "")
    raise fault(
        str(path),
        f"is a folder of no known layout ({told or 'no files'})",
        "known: NAME.inter; u.data, ratings.dat or ratings.csv; train.txt and test.txt; "
        "data1.txt and test1.txt; NAME_train.txt, NAME_valid.txt, NAME_test.txt; seq.jsonl",
        "name one file in it",
    )


def _file(path: Path) -> str:
    if not path.is_file():
        raise fault(str(path), "is no ordinary file", "a log is a file or a folder", "copy it")
    if path.stat().st_size == 0:
        raise empty(path)
    first = head(path)
    if first.startswith(FRAMES):
        return "parquet"
    with path.open("rb") as file:
        file.seek(-1, 2)
        last = file.read(1)
    refuse_binary(path, first[:64], last)
    if ATOMIC.search(path.name) and ".inter" in beside(path):
        return "atomic"
    return _text(path, first)


def _text(path: Path, first: bytes) -> str:
    lines = [line.strip() for line in first.replace(b"\r", b"\n").split(b"\n")]
    if len(first) >= HEAD:  # the last line may be cut
        lines = lines[:-1] or lines
    lines = [line for line in lines[:100] if line]
    if is_movielens(path):
        return "movielens"
    if not lines:  # damaged or blank: the reader says which
        return "delimited"
    if is_tencentgr(path) or re.match(rb"\[\s*\[", lines[0]):
        return "tencentgr"
    if re.match(rb"\[\s*(\{|$)", lines[0]):
        raise fault(
            f"{path.name}:1",
            "one JSON array",
            "JSON is read as one object a line",
            "write it so; for example jq -c '.[]' IN > OUT",
        )
    if lines[0].startswith(b"{"):
        return "reviews"
    if path in play_files(path).values() and _is_lastfm(path):
        return "lastfm"
    if path.name.startswith("UserBehavior.csv") and 5 in _fields(lines, b","):
        return "taobao"
    if TRIPLE.fullmatch(path.name) and _integers(lines, b",") > 0.5 and 3 in _fields(lines, b","):
        return "comirec"
    named = LISTS.fullmatch(path.name) or SEQUENCES.match(path.name)
    if max(_integers(lines, b" "), _integers(lines, b"\t")) > (0.49 if named else 0.999):
        return _ragged(path, lines)
    return "delimited"


def _is_lastfm(path: Path) -> bool:
    """Whether both files are there, and the first holds three whole numbers a line."""
    files = play_files(path)
    if len(files) < 2:
        return False
    lines = head(files["data1"]).splitlines()[:100]
    return {len(line.split()) for line in lines[:-1] or lines} == {3} and all(
        cell.isdigit() for line in lines[:-1] or lines for cell in line.split()
    )


def _integers(lines: list[bytes], sep: bytes) -> float:
    """Share of lines that are whole numbers."""
    whole = [all(cell.isdigit() for cell in re.split(sep + b"+", line)) for line in lines]
    return sum(whole) / len(lines)


def _fields(lines: list[bytes], sep: bytes) -> set[int]:
    return {len(line.split(sep)) for line in lines}


def _ragged(path: Path, lines: list[bytes]) -> str:
    widths = {len(line.split()) for line in lines}
    listed = LISTS.fullmatch(path.name)
    if len(widths) == 1 and max(widths) in (2, 3, 4) and not listed:
        return "delimited"
    if listed:
        return "lightgcn"
    if SEQUENCES.match(path.name):
        return "sequences"
    raise fault(
        path.name,
        "a line an actor, ragged integers: a list or a sequence?",
        "the name decides (train.txt, Beauty.txt), and this one does not",
        "--reader sequences if items stand in order of time, --reader lightgcn if not",
    )
