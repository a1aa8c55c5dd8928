"""Vectors as text, in the format of word2vec: gensim and others read and write it.

COUNT DIM
KEY NUMBER NUMBER ...
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from polyrec.files import writing

F32 = NDArray[np.float32]


def save_text(path: Path, keys: Sequence[str], vectors: F32) -> None:
    """Writes keys and their vectors [n, d], beside and renamed; numbers come back exactly.

    Raises:
        ValueError: keys and vectors differ in number; a key is empty, holds white space or comes
            twice; a number is not finite.
    """
    if vectors.ndim != 2 or len(keys) != len(vectors):
        raise ValueError(f"{len(keys)} keys for vectors of shape {vectors.shape}: need [n, d]")
    for place, key in enumerate(keys):
        if not key or key.split() != [key]:
            raise ValueError(f"key {place + 1} is {key!r}: this format has no white space in keys")
    if len(set(keys)) != len(keys):
        raise ValueError(f"{len(keys)} keys, {len(set(keys))} distinct: remove the repeats")
    if not np.isfinite(vectors).all():
        place = int(np.flatnonzero(~np.isfinite(vectors).all(1))[0])
        raise ValueError(f"the vector of {keys[place]!r} holds NaN or inf: nothing was written")
    with writing(path) as beside, beside.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"{len(keys)} {vectors.shape[1]}\n")
        for key, vector in zip(keys, vectors.astype(np.float32), strict=True):
            file.write(f"{key} {' '.join(f'{x:.9g}' for x in vector.tolist())}\n")


def load_text(path: Path) -> tuple[list[str], F32]:
    """Keys and vectors [n, d] of a file.

    Raises:
        ValueError: the file is not in the format; the message names file and line.
    """
    with path.open(encoding="utf-8", errors="strict") as file:
        try:
            return _rows(file, path)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path}: not UTF-8 text ({error.reason}); the binary format is not read, save as "
                "text"
            ) from None


def _rows(file: TextIO, path: Path) -> tuple[list[str], F32]:
    count, dim = _header(file.readline(), path)
    keys: dict[str, int] = {}
    vectors: list[F32] = []
    for line, text in enumerate(file, 2):
        key, *numbers = text.split() or [""]
        if not key and len(keys) == count:
            continue  # blank lines at the end
        if key in keys:
            raise ValueError(f"{path}:{line}: key {key!r} again, first on line {keys[key]}")
        if len(keys) == count:
            raise ValueError(f"{path}:{line}: more than the {count} vectors that line 1 promises")
        keys[key] = line
        vectors.append(_vector(numbers, dim, f"{path}:{line}"))
    if len(keys) < count:
        raise ValueError(f"{path}: {len(keys)} vectors, line 1 promises {count}: is it whole?")
    return list(keys), np.stack(vectors) if vectors else np.empty((0, dim), np.float32)


def _header(text: str, path: Path) -> tuple[int, int]:
    fields = text.split()
    if len(fields) != 2 or not all(field.isdecimal() for field in fields) or int(fields[1]) < 1:
        raise ValueError(f"{path}:1: {text.strip()[:60]!r}, need two numbers: COUNT DIM")
    return int(fields[0]), int(fields[1])


def _vector(numbers: list[str], dim: int, where: str) -> F32:
    if len(numbers) != dim:
        raise ValueError(f"{where}: {len(numbers)} numbers after the key, line 1 promises {dim}")
    try:
        vector = np.array(numbers, dtype=np.float32)
    except ValueError as error:
        raise ValueError(f"{where}: {error}; need numbers") from None
    if not np.isfinite(vector).all():
        raise ValueError(f"{where}: NaN or inf; need finite numbers")
    return vector
