"""A text file as clean UTF-8 bytes: decompressed, decoded, without mark, with LF line ends.

All forms of the same text (gzip, zstandard, bzip2, CRLF, byte-order mark) become the same bytes
here, so everything after this file sees one form, and the data set's hash is the same.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from polyrec.data.readers.faults import fault
from polyrec.data.readers.options import ReadOptions, within

BLOCK = 4 << 20
HEAD = 65536  # bytes looked at to tell formats apart
NEWLINE = b"\n"
PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstandard", b"BZh": "bzip2"}
BINARY = {
    b"PK\x03\x04": "a zip archive; unzip it and name the file inside",
    b"7z\xbc\xaf": "a 7z archive; unpack it and name the file inside",
    b"Rar!": "a rar archive; unpack it and name the file inside",
    b"\xfd7zXZ": "an xz archive; unpack it with xz -d",
    b"PAR1": "a Parquet file; --reader parquet",
    b"ARROW1": "an Arrow file; --reader parquet reads it too",
    b"FEA1": "a Feather file; --reader parquet reads it too",
    b"\x93NUMPY": "a numpy array; write it as CSV or Parquet",
    b"SQLite format 3": "an SQLite database; export the table as CSV",
    b"\x89HDF": "an HDF5 file; export the table as CSV or Parquet",
    b"\xd0\xcf\x11\xe0": "an old Office document; save the sheet as CSV UTF-8",
    b"%PDF": "a PDF; export the table as CSV",
    b"\x89PNG": "a picture; is this the right file?",
    b"\xff\xd8\xff": "a picture; is this the right file?",
    b"<!doctype html": "a web page; was an error page downloaded instead? fetch it again",
    b"<html": "a web page; was an error page downloaded instead? fetch it again",
}
WORKBOOKS = (".xlsx", ".xlsm", ".ods")
MARKS = {codecs.BOM_UTF16_LE: "FF FE", codecs.BOM_UTF16_BE: "FE FF"}
PICKLED = re.compile(rb"\x80[\x01-\x08]|(?:\(lp|\(dp|ccopy_reg|c__main__|cnumpy|\(i)[\w.]*\n")
PICKLE_NAMES = (".pkl", ".pickle", ".p", ".joblib", ".dill", ".pt", ".pth", ".ckpt")


@dataclass(frozen=True)
class Text:
    """A whole text, clean; line l of the file is line l of `data`."""

    name: str
    data: bytes  # UTF-8, LF
    sha256: str  # of the decompressed file as it is, before decoding
    notes: tuple[str, ...]

    @property
    def lines(self) -> int:
        """Number of lines, the last one counted even without its line end."""
        return self.data.count(b"\n") + (not self.data.endswith(b"\n") and bool(self.data))

    def line_at(self, offset: int) -> int:
        """The 1-based line that holds byte `offset`."""
        return self.data.count(b"\n", 0, offset) + 1


def open_text(path: Path, options: ReadOptions) -> Text:
    """Reads `path` whole.

    Raises:
        ValueError: empty, binary, pickled, damaged or wrongly decoded; the message says which.
        MemoryError: longer than the memory budget.
    """
    before = path.stat()
    if before.st_size == 0:
        raise empty(path)
    whole = io.BytesIO()
    for block in _blocks(path, options):
        whole.write(block)
    raw = whole.getvalue()
    after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise fault(
            path.name,
            f"changed while it was read ({before.st_size} bytes before, {after.st_size} after)",
            "a file must stand still during an import",
            "start again",
        )
    if not raw:
        raise empty(path)
    refuse_binary(path, raw[:64], raw[-1:])
    digest = hashlib.sha256(raw).hexdigest()
    data, notes = _clean(path.name, raw, options)
    if not data.strip():
        raise fault(path.name, "holds blank lines only", "at least one row", "name another file")
    return Text(path.name, data, digest, notes)


def empty(path: Path) -> ValueError:
    """The error for a file of 0 bytes."""
    return fault(
        path.name,
        "0 bytes",
        "at least a header and one row are needed",
        "was the download complete?",
    )


def head(path: Path, count: int = HEAD) -> bytes:
    """The first `count` decompressed bytes, for recognition; the file's own faults come later."""
    with path.open("rb") as file:
        magic = file.read(8)
    out = bytearray()
    try:
        with unpacked(path, magic) as stream:
            while len(out) < count and (block := stream.read(count - len(out))):
                out += block
    except (EOFError, OSError, zlib.error, ValueError):
        return bytes(out)
    return bytes(out)


def refuse_binary(path: Path, first: bytes, last: bytes = b".") -> None:
    """Names what a file is that is no text; pickles are refused for good.

    Raises:
        ValueError: the first bytes are those of a pickle or of a known binary form.
    """
    name = path.name.lower()
    legacy = name.startswith("ind.") and not name.endswith(".index")
    if name.endswith(PICKLE_NAMES) or legacy or (PICKLED.match(first) and last in (b".", b"\n")):
        raise fault(
            path.name,
            "is a pickle and is refused",
            "to read a pickle is to run whatever code it holds, so no flag lifts this",
            "export it to JSON, CSV or .npz where it was made",
        )
    for magic, what in BINARY.items():
        if first.startswith(magic) or (magic[:1] == b"<" and first.lower().startswith(magic)):
            if name.endswith(WORKBOOKS):
                what = "a workbook; save the sheet as CSV UTF-8"
            is_, _, remedy = what.partition("; ")
            raise fault(path.name, f"is not text but {is_}", "a log is read as text", remedy)


def unpacked(path: Path, magic: bytes) -> AbstractContextManager[Any]:
    """The stream of a file's decompressed bytes; `magic` are its first bytes."""
    kind = next((kind for start, kind in PACKED.items() if magic.startswith(start)), "")
    if kind == "gzip":
        return gzip.open(path, "rb")
    if kind == "bzip2":
        return bz2.open(path, "rb")
    if kind == "zstandard":
        stream: AbstractContextManager[Any] = pa.CompressedInputStream(
            pa.OSFile(str(path), "rb"), "zstd"
        )
        return stream
    return path.open("rb")


def stream(path: Path) -> Iterator[bytes]:
    """The decompressed bytes of a file, a block at a time: for readers that never hold it whole.

    Raises:
        ValueError: the archive is damaged.
    """
    with path.open("rb") as file:
        magic = file.read(8)
    rows = 0
    try:
        with unpacked(path, magic) as source:
            while block := _read(source):
                rows += block.count(b"\n")
                yield block
    except (EOFError, OSError, zlib.error, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise fault(
            path.name,
            f"the archive ends early or is damaged: byte {path.stat().st_size} of the file, "
            f"after {rows} rows",
            "nothing is imported from half a file",
            "copy or fetch it again",
        ) from error


def _blocks(path: Path, options: ReadOptions) -> Iterator[bytes]:
    done = 0
    for block in stream(path):
        done += len(block)
        within(options, 3 * done, path.name)
        yield block


def _read(source: IO[bytes]) -> bytes:
    return source.read(BLOCK)


def _clean(name: str, raw: bytes, options: ReadOptions) -> tuple[bytes, tuple[str, ...]]:
    notes: list[str] = []
    data = _decoded(name, raw, options)
    if data.startswith(codecs.BOM_UTF8):
        data = data[len(codecs.BOM_UTF8) :]
        notes.append("byte-order mark removed")
    if (at := data.find(b"\0")) >= 0:
        raise fault(
            f"{name}:{data.count(NEWLINE, 0, at) + 1}",
            f"NUL byte at offset {at}: this is not text",
            "a log is read as text",
            "was the file cut or is it binary? copy it again, or --encoding utf-16",
        )
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        notes.append("CRLF or CR line ends read as LF")
    return data, tuple(notes)


def _decoded(name: str, raw: bytes, options: ReadOptions) -> bytes:
    utf8 = options.encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig")
    mark = MARKS.get(raw[:2])
    if mark and utf8:
        raise fault(
            name,
            f"byte-order mark {mark}: the text is UTF-16",
            "UTF-8 is expected",
            "convert it, or --encoding utf-16",
        )
    try:
        if not utf8:
            return raw.decode(options.encoding).encode()
        if not raw.isascii():
            _check_utf8(raw)
        return raw
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = raw[error.start]
        other = "latin-1 (or the right one)" if utf8 else "another"
        raise fault(
            f"{name}:{line}",
            f"byte 0x{byte:02X} at offset {error.start} is not {options.encoding.upper()}",
            f"the whole file must be {options.encoding.upper()}",
            f"--encoding {other}",
        ) from None
    except UnicodeEncodeError as error:
        raise fault(
            name,
            f"a lone surrogate at character {error.start}",
            f"{options.encoding} text must hold whole characters",
            "convert the file to UTF-8",
        ) from None


def _check_utf8(raw: bytes) -> None:
    """Decodes in blocks that end where a line does: never a second copy of the whole."""
    at = 0
    while at < len(raw):
        end = raw.find(b"\n", at + BLOCK) + 1 or len(raw)
        try:
            raw[at:end].decode()
        except UnicodeDecodeError as error:
            error.start += at
            raise
        at = end
