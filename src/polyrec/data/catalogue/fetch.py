"""Downloads: resumed where they stopped, verified before they get a name."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from polyrec.data.catalogue.entry import Entry, File
from polyrec.data.readers.text.content import unpacked

BLOCK = 1 << 20
TIMEOUT = 30.0  # seconds without a byte
Told = Callable[[str, int, int], None]  # file, bytes so far, bytes in all (0 = unknown)


def quiet(file: str, done: int, total: int) -> None:
    """Says nothing of a download's progress."""


def fetch(entry: Entry, file: File, folder: Path, address: str = "", told: Told = quiet) -> Path:
    """One file of a set, from its official address, into `folder`.

    Args:
        address: another base address, for mirrors one runs oneself and for tests.

    Raises:
        FileNotFoundError: no connection, or the file can only be fetched by hand.
        ValueError: the hash is another.
    """
    url = f"{address.rstrip('/')}/{file.name}" if address else file.url
    if not url:
        raise by_hand(entry, file, folder, "it has no direct address")
    path = folder / url.rsplit("/", 1)[1]
    if path.is_file():
        verify(entry, file, path)
        return path
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{path.name}.part"
    try:
        _download(url, part, lambda done, total: told(path.name, done, total))
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        kept = part.stat().st_size if part.exists() else 0
        raise by_hand(entry, file, folder, f"{url}: {_reason(error)}", kept) from None
    try:
        verify(entry, file, part)
    except ValueError:
        forget(part)
        raise
    os.replace(part, path)
    forget(part)
    return path


def forget(part: Path) -> None:
    """Removes a partial download and what is remembered of it."""
    part.unlink(missing_ok=True)
    _tag(part).unlink(missing_ok=True)


def verify(entry: Entry, file: File, path: Path) -> str:
    """The sha256 of the file's decompressed bytes.

    Raises:
        ValueError: it is not the catalogue's.
    """
    digest, size = hashed(path)
    if file.sha256 and digest != file.sha256:
        hint = entry.edition or "another edition, or a damaged copy"
        bytes_ = f"{size} bytes, expected {file.size}" if file.size else f"{size} bytes"
        raise ValueError(
            f"{path.name}: sha256 {digest[:16]}..., expected {file.sha256[:16]}... ({bytes_}); "
            f"a catalogue set is one edition; {hint}: fetch it again, or read it by its path as a "
            "set of your own"
        )
    return digest


def hashed(path: Path) -> tuple[str, int]:
    """(sha256, size) of the file's decompressed bytes.

    Raises:
        ValueError: the archive is damaged.
    """
    told, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        magic = file.read(8)
    try:
        with unpacked(path, magic) as stream:
            while block := stream.read(BLOCK):
                told.update(block)
                size += len(block)
    except (EOFError, OSError) as error:
        raise ValueError(
            f"{path.name}: the archive ends early or is damaged ({error}); a catalogue file is "
            "whole; remove it and fetch it again"
        ) from None
    return told.hexdigest(), size


def by_hand(entry: Entry, file: File, folder: Path, why: str, kept: int = 0) -> FileNotFoundError:
    """What to do when a file cannot be fetched: address, name, hash, and where it goes."""
    resume = f" ({kept} bytes are kept: the same command goes on from there)" if kept else ""
    return FileNotFoundError(
        f"{entry.name}: cannot fetch {file.name}: {why}{resume}; sha256 {file.hash_told}; open "
        f"{entry.address} and put {file.name} into {folder}"
    )


def _download(url: str, part: Path, told: Callable[[int, int], None]) -> None:
    if not url.startswith(("http://", "https://")):
        raise urllib.error.URLError(f"{url} is no web address")
    done = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "polyrec"})
    tag = _tag(part).read_text() if done and _tag(part).exists() else ""
    if tag:
        request.add_header("Range", f"bytes={done}-")
        request.add_header("If-Range", tag)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        resumed = answer.status == http.client.PARTIAL_CONTENT
        done = done if resumed else 0
        length = int(answer.headers.get("Content-Length") or 0)
        total = done + length if length else 0
        _tag(part).write_text(answer.headers.get("ETag") or "")
        _room(part.parent, length)
        with part.open("ab" if resumed else "wb") as file:
            while block := answer.read(BLOCK):
                file.write(block)
                done += len(block)
                told(done, total)
    if total and done < total:
        raise http.client.IncompleteRead(b"", total - done)


def _room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(f"{folder} has {free} bytes free, {needed} are needed")


def _tag(part: Path) -> Path:
    return part.with_name(part.name + ".tag")


def _reason(error: Exception) -> str:
    if isinstance(error, http.client.IncompleteRead):
        return f"the connection broke with {error.expected} bytes to go"
    reason = getattr(error, "reason", None)
    return " ".join(str(reason or error).split()) or type(error).__name__
