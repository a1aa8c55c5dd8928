"""How a command's process treats memory: what is said already stands, and nothing is needed."""

from __future__ import annotations

import ctypes
import os

import pytest

from polyrec import process


class Heap:
    """Stands for the C library: notes what it is told."""

    def __init__(self) -> None:
        self.told: dict[int, int] = {}

    def mallopt(self, what: int, value: int) -> int:
        self.told[what] = value
        return 1


@pytest.fixture
def heap(monkeypatch: pytest.MonkeyPatch) -> Heap:
    made = Heap()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: made)
    for name in (*process.SAID, "GOMP_SPINCOUNT", "THP_MEM_ALLOC_ENABLE"):
        monkeypatch.setenv(name, "")  # so that the old value comes back
        monkeypatch.delenv(name)
    return made


def test_freed_memory_stays_and_pages_are_large(heap: Heap) -> None:
    process.settle()
    assert set(heap.told.values()) == {process.LARGEST, process.KEPT}
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == "1"


@pytest.mark.parametrize("name", process.SAID)
def test_what_the_environment_says_stands(
    heap: Heap, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "glibc.malloc.hugetlb=1")
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    process.settle()
    assert not heap.told
    assert os.environ["GOMP_SPINCOUNT"] == "7"


def test_another_c_library_is_left_alone(heap: Heap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    process.settle()
