"""The run folder: what a run leaves behind, whole or not at all, and the one way to read it.

Documents are JSON, the log is `metrics.jsonl` (one line a happening, append-only), checkpoints are
safetensors + JSON. A checkpoint is a folder with an immutable tensor file and `checkpoint.json`,
which names it with its hash and is replaced last, in one act: a reader meets the old checkpoint or
the new one, never half of either. Checkpoints of the same tensors share one file on disk.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from torch import Tensor

from polyrec.files import writing

JSON = Any  # what json.loads returns
LOG = "metrics.jsonl"
CHECKPOINT = "checkpoint.json"
_NAME = re.compile(r"[\w.+-]+(/[\w.+-]+)?")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stored:
    """A tensor file that lies in the folder already; `commit` makes it the checkpoint."""

    file: str
    sha256: str


@dataclass(frozen=True)
class Run:
    """A run folder. Use `create` for a new one and `open` for one that exists."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new folder; FileExistsError if there is something at `path` already."""
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise FileExistsError(f"{path} exists already: name another folder, or resume it")
        path.mkdir(parents=True, exist_ok=True)
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """A folder that exists.

        Raises:
            FileNotFoundError: there is no such folder.
        """
        if not path.is_dir():
            raise FileNotFoundError(f"{path} is no run folder: give the path that `run` printed")
        return cls(path)

    def write_json(self, name: str, value: JSON) -> None:
        """Writes a document whole; NaN and infinity become null."""
        with writing(self.path / name) as beside:
            beside.write_text(json.dumps(_plain(value), indent=1, allow_nan=False) + "\n")

    def read_json(self, name: str) -> JSON:
        """Reads a document.

        Raises:
            FileNotFoundError: the run has none of that name.
            ValueError: it is damaged.
        """
        file = self.path / name
        if not file.is_file():
            raise FileNotFoundError(f"{self.path} holds no {name}: is it a finished run folder?")
        try:
            return json.loads(file.read_text())
        except ValueError as error:
            raise ValueError(f"{file} is damaged ({error}): restore it from a copy") from error

    def log(self, kind: str, fields: Mapping[str, object]) -> None:
        """Appends a line to metrics.jsonl; NaN and infinity become null."""
        line = json.dumps({"kind": kind, **_plain(fields)}, allow_nan=False)
        self._appendable  # noqa: B018  # cuts a line that a crash left half-written, once
        with (self.path / LOG).open("a") as file:
            file.write(line + "\n")

    def lines(self, kind: str | None = None) -> list[dict[str, JSON]]:
        """The log, oldest first. A broken last line (a crash) is skipped and reported.

        Raises:
            ValueError: a line before the last is broken.
        """
        if not (self.path / LOG).is_file():
            return []
        found, texts = [], (self.path / LOG).read_text(errors="replace").splitlines()
        for number, text in enumerate(texts, start=1):
            try:
                found.append(json.loads(text))
            except ValueError as error:
                where = f"{self.path / LOG}, line {number}"
                if number < len(texts):
                    raise ValueError(f"{where} is broken: restore the file") from error
                _log.warning("%s is broken and was skipped: the last write was cut short", where)
        return [line for line in found if kind is None or line.get("kind") == kind]

    def log_size(self) -> int:
        """Bytes of the log, on disk for sure."""
        if not (self.path / LOG).is_file():
            return 0
        with (self.path / LOG).open("rb") as file:
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_size

    def cut_log(self, size: int, drop: Callable[[Mapping[str, JSON]], bool]) -> None:
        """Drops lines after `size` bytes that a resumed run will write again.

        Raises:
            ValueError: the log is shorter than that.
        """
        text = (self.path / LOG).read_bytes() if (self.path / LOG).is_file() else b""
        if len(text) < size:
            raise ValueError(
                f"{self.path / LOG} has {len(text):,} bytes and the checkpoint knows of {size:,}: "
                "the log was changed; restore it from a copy"
            )
        whole = text[size : text.rfind(b"\n") + 1].splitlines()
        kept = [line for line in whole if not drop(json.loads(line))]
        before = [text[:size].rstrip(b"\n")] if size else []
        with writing(self.path / LOG) as beside:
            beside.write_bytes(b"\n".join([*before, *kept, b""]))

    @cached_property
    def _appendable(self) -> bool:
        file = self.path / LOG
        if file.is_file():
            text = file.read_bytes()
            if text and not text.endswith(b"\n"):
                os.truncate(file, text.rfind(b"\n") + 1)
        return True

    def save(self, name: str, tensors: Mapping[str, Tensor], meta: Mapping[str, JSON]) -> Stored:
        """Stores a checkpoint: tensors first, then the document that names them."""
        stored = self.write(name, tensors)
        self.commit(name, stored, meta)
        return stored

    def write(self, name: str, tensors: Mapping[str, Tensor]) -> Stored:
        """The first half of `save`: a tensor file that no document names yet."""
        from safetensors.torch import save_file

        folder = self._folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        file = f"tensors-{uuid4().hex[:12]}.safetensors"
        with writing(folder / file) as beside:
            save_file(_apart(tensors), beside)
            sha256 = _hash(beside)
        return Stored(file, sha256)

    def commit(self, name: str, stored: Stored, meta: Mapping[str, JSON]) -> None:
        """The second half of `save`: from now on this is the checkpoint; older files go."""
        value = {**meta, "file": stored.file, "sha256": stored.sha256}
        self.write_json(f"{name}/{CHECKPOINT}", value)
        for old in self._folder(name).glob("*tensors-*"):
            if old.name != stored.file:
                old.unlink()

    def link(self, source: str, name: str, meta: Mapping[str, JSON]) -> Stored:
        """Keeps the tensors of checkpoint `source` under another name too: no bytes are written."""
        known = self.meta(source)
        stored = Stored(known["file"], known["sha256"])
        _link(self._folder(source) / stored.file, self._folder(name) / stored.file)
        self.commit(name, stored, meta)
        return stored

    def has(self, name: str) -> bool:
        """Whether the checkpoint exists."""
        return (self._folder(name) / CHECKPOINT).is_file()

    def meta(self, name: str) -> dict[str, JSON]:
        """What a checkpoint says of itself.

        Raises:
            FileNotFoundError: there is no such checkpoint.
        """
        if not self.has(name):
            raise FileNotFoundError(
                f"{self.path} holds no checkpoint {name!r}; it holds {self.checkpoints()}"
            )
        found: dict[str, JSON] = self.read_json(f"{name}/{CHECKPOINT}")
        return found

    def load(self, name: str) -> tuple[dict[str, Tensor], dict[str, JSON]]:
        """A checkpoint's tensors and what it says of itself; the hash is verified.

        Raises:
            FileNotFoundError: there is no such checkpoint.
            ValueError: the tensor file is not the one that was written.
        """
        from safetensors.torch import load_file

        meta = self.meta(name)
        if not (self._folder(name) / meta["file"]).is_file():
            meta = self.meta(name)  # it was replaced between the two looks
        file = self._folder(name) / meta["file"]
        found = _hash(file) if file.is_file() else "none, the file is gone"
        if found != meta["sha256"]:
            raise ValueError(
                f"{file} is damaged: sha256 is {found}, {CHECKPOINT} says {meta['sha256']}; "
                f"use another checkpoint of {self.checkpoints()}"
            )
        return load_file(file), meta

    def checkpoints(self) -> list[str]:
        """Names of all checkpoints, sorted."""
        found = self.path.glob(f"**/{CHECKPOINT}")
        return sorted(file.parent.relative_to(self.path).as_posix() for file in found)

    def fork(self, name: str, path: Path, documents: Sequence[str] = ("config.json",)) -> Run:
        """A new run that goes on from checkpoint `name` and names this one as its parent.

        Takes along `documents`, the log up to the checkpoint and the stages kept by then.
        """
        meta, child = self.meta(name), Run.create(path)
        for document in documents:
            child.write_json(document, self.read_json(document))
        if (self.path / LOG).is_file():
            (child.path / LOG).write_bytes((self.path / LOG).read_bytes()[: meta["log_bytes"]])
        for kept in self.checkpoints():
            if kept.startswith("stages/") and self.meta(kept)["log_bytes"] <= meta["log_bytes"]:
                self._copy(kept, child, kept)
        self._copy(name, child, "last")
        child.write_json("parent.json", {"path": str(self.path.resolve()), "checkpoint": name})
        return child

    def _copy(self, name: str, other: Run, there: str) -> None:
        meta = self.meta(name)
        _link(self._folder(name) / meta["file"], other._folder(there) / meta["file"])
        other.write_json(f"{there}/{CHECKPOINT}", meta)

    def _folder(self, name: str) -> Path:
        if not _NAME.fullmatch(name) or ".." in name:
            raise ValueError(f"checkpoint name {name!r}: use letters, digits, '.', '-', '+', '_'")
        return self.path / name


def _plain(value: object) -> JSON:
    """JSON values only: numbers of arrays and tensors as numbers, what is not finite as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    raise TypeError(f"a run folder keeps JSON values, not {type(value).__name__}: convert it first")


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors, contiguous and none sharing memory with another, as the format wants."""
    seen: set[int] = set()
    found = {}
    for name, tensor in tensors.items():
        own = tensor.detach().contiguous()
        place = own.untyped_storage().data_ptr()
        shared = place in seen or own.untyped_storage().nbytes() != own.numel() * own.element_size()
        found[name] = own.clone() if shared and own.numel() else own
        seen.add(place)
    return found


def _hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _link(source: Path, target: Path) -> None:
    """One file under two names; a copy where the file system cannot link."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:
        with writing(target) as beside:
            shutil.copy2(source, beside)
