"""How a command's process treats cores and memory. No result depends on it."""

from __future__ import annotations

import ctypes
import os

# Threads that wait for each other give their core back after so many turns. Where other programs
# hold the cores too, turning without end costs thirty times the time; on idle ones nothing is lost.
SPINS = "2000"
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's numbers for them, malloc.h
SAID = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
MIB = 2**20
LARGEST = 32 * MIB  # that glibc lets a heap hold
KEPT = 256 * MIB  # of freed memory, at most, for the next step


def settle() -> None:
    """Once, before anything large is made; what the environment says already stands.

    A step's tables are freed and made again: memory that goes back to the system in between comes
    again in pages of 4 KiB, each zeroed, which was a sixth of a LightGCN step. So freed blocks up
    to 32 MiB stay in the heap, its free end at most 256 MiB, and torch asks for large pages.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)  # read once, when torch or numba is loaded
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # read once, at torch's first block
    if any(os.environ.get(name) for name in SAID):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it, others have not
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST)
        mallopt(M_TRIM_THRESHOLD, KEPT)
