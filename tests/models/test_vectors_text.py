"""Vectors as text: written whole, read exactly, refused with file and line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from polyrec.models.embedding import load_text, save_text

VECTORS = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32) * 1e-3
KEYS = ["a", "ключ", "007"]


def test_what_is_written_is_read_back_to_the_last_bit(tmp_path: Path) -> None:
    save_text(tmp_path / "v.txt", KEYS, VECTORS)
    keys, vectors = load_text(tmp_path / "v.txt")
    assert keys == KEYS
    assert np.array_equal(vectors, VECTORS)
    assert (tmp_path / "v.txt").read_text().splitlines()[0] == "3 4"


def test_a_file_with_blank_lines_at_its_end_is_read(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("1 2\nx 1 -2.5e-1\n\n")
    keys, vectors = load_text(tmp_path / "v.txt")
    assert (keys, vectors.tolist()) == (["x"], [[1.0, -0.25]])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "v.txt:1: ''"),
        ("x 1 2\n", "v.txt:1: 'x 1 2', need two numbers"),
        ("2 2\nx 1 2\n", "1 vectors, line 1 promises 2"),
        ("1 2\nx 1 2\ny 1 2\n", "v.txt:3: more than the 1"),
        ("2 2\nx 1 2\nx 1 2\n", "v.txt:3: key 'x' again, first on line 2"),
        ("1 2\nx 1\n", "v.txt:2: 1 numbers after the key, line 1 promises 2"),
        ("1 2\nx 1 two\n", "v.txt:2: .*'two'"),
        ("1 2\nx 1 nan\n", "v.txt:2: NaN or inf"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "v.txt").write_text(text)
    with pytest.raises(ValueError, match=told):
        load_text(tmp_path / "v.txt")


def test_the_binary_format_is_refused_and_named(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_bytes(b"1 2\nx \xff\xfe\x00\x01")
    with pytest.raises(ValueError, match="binary"):
        load_text(tmp_path / "v.txt")


@pytest.mark.parametrize(
    ("keys", "vectors", "told"),
    [
        (["a b", "c", "d"], VECTORS, "white space"),
        (["", "c", "d"], VECTORS, "key 1 is ''"),
        (["a", "a", "d"], VECTORS, "2 distinct"),
        (["a"], VECTORS, "1 keys"),
        (KEYS, np.full((3, 4), np.nan, np.float32), "'a' holds NaN"),
    ],
)
def test_what_the_format_cannot_hold_is_not_written(tmp_path, keys, vectors, told) -> None:
    with pytest.raises(ValueError, match=told):
        save_text(tmp_path / "v.txt", keys, vectors)
    assert not list(tmp_path.iterdir())
